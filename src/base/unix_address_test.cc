#include "base/unix_address.h"

#include <cstddef>
#include <cstring>

#include <gtest/gtest.h>
#include <sys/un.h>

namespace neosocksd {
namespace {

sockaddr_un filled(const UnixAddress& address, socklen_t& length) {
    sockaddr_storage storage;
    length = address.to_sockaddr(storage);
    sockaddr_un un;
    std::memcpy(&un, &storage, sizeof un);
    return un;
}

TEST(UnixAddressTest, reads_paths_and_abstract_names) {
    for (const char* text : {"unix:/run/proxy.sock", "unix:./proxy", "unix:../x", "unix:@name"}) {
        EXPECT_TRUE(UnixAddress::recognises(text));
        const auto address = UnixAddress::parse(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(address->to_string(), text);
        EXPECT_EQ(address->abstract, std::string_view(text).ends_with("name"));
    }
}

TEST(UnixAddressTest, leaves_everything_else_to_host_and_port) {
    for (const char* text : {"", "unix:1080", "unix:0", "unix", "/run/x", ":1080", "UNIX:/run/x"}) {
        EXPECT_FALSE(UnixAddress::recognises(text)) << text;
        EXPECT_FALSE(UnixAddress::parse(text)) << text;
    }
}

TEST(UnixAddressTest, says_what_is_wrong_with_what_was_meant_to_be_one) {
    for (const char* text : {"unix:", "unix:run/x", "unix:x.sock", "unix:8o80", "unix: /x"}) {
        EXPECT_TRUE(UnixAddress::recognises(text)) << text;
        std::string reason;
        EXPECT_FALSE(UnixAddress::parse(text, &reason)) << text;
        EXPECT_EQ(reason, "a Unix socket is unix:/PATH, unix:./PATH or unix:@NAME: `" +
                              std::string(text) + "'");
    }
}

TEST(UnixAddressTest, makes_the_address_the_kernel_wants) {
    socklen_t length = 0;
    const auto path = filled(*UnixAddress::parse("unix:/a"), length);
    EXPECT_EQ(path.sun_family, AF_UNIX);
    EXPECT_STREQ(path.sun_path, "/a");
    EXPECT_EQ(length, offsetof(sockaddr_un, sun_path) + 3);
    const auto name = filled(*UnixAddress::parse("unix:@ab"), length);
    EXPECT_EQ(std::string_view(name.sun_path, 3), std::string_view("\0ab", 3));
    EXPECT_EQ(length, offsetof(sockaddr_un, sun_path) + 3);
}

TEST(UnixAddressTest, refuses_a_path_longer_than_107_bytes) {
    const std::string longest = "unix:/" + std::string(106, 'x');
    EXPECT_TRUE(UnixAddress::parse(longest));
    std::string reason;
    EXPECT_FALSE(UnixAddress::parse(longest + "x", &reason));
    EXPECT_EQ(reason, "the path of a Unix socket is longer than 107 bytes: `" + longest + "x'");
    EXPECT_TRUE(UnixAddress::parse("unix:@" + std::string(107, 'x')));
    EXPECT_FALSE(UnixAddress::parse("unix:@" + std::string(108, 'x')));
    EXPECT_FALSE(UnixAddress::parse("unix:@", &reason));
    EXPECT_EQ(reason, "the name of a Unix socket is empty: `unix:@'");
    EXPECT_FALSE(UnixAddress::parse(std::string_view("unix:/a\0b", 9)));
}

}  // namespace
}  // namespace neosocksd
