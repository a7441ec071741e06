#include "base/address.h"

#include <gtest/gtest.h>

#include <netinet/in.h>

namespace neosocksd {
namespace {

TEST(IpAddress, parses_and_prints_literals) {
    for (const char* text : {"0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1", "2001:db8::1",
                             "::ffff:127.0.0.1", "fe80::1%7"}) {
        const auto ip = IpAddress::parse(text);
        ASSERT_TRUE(ip) << text;
        EXPECT_EQ(ip->to_string(), text);
        EXPECT_EQ(ip->octets().size(), ip->is_v4() ? 4u : 16u);
    }
    EXPECT_EQ(IpAddress::parse("2001:DB8:0:0::0001")->to_string(), "2001:db8::1");
    EXPECT_EQ(IpAddress::parse("fe80::1%lo")->scope(), 1u);
    EXPECT_EQ(IpAddress::parse("fe80::1%0")->scope(), 0u);
}

TEST(IpAddress, refuses_what_is_no_literal) {
    for (const char* text : {"",
                             "1.2.3",
                             "1.2.3.4.5",
                             "256.0.0.1",
                             "01.2.3.4",
                             "1.2.3.4 ",
                             " 1.2.3.4",
                             "0x7f.0.0.1",
                             "127.1",
                             "2130706433",
                             "1.2.3.4%1",
                             ":",
                             ":::",
                             "[::1]",
                             "::1%",
                             "fe80::1%no-such-if",
                             "fe80::1%4294967296",
                             "fe80::1%-1",
                             "::g",
                             "1:2:3:4:5:6:7:8:9",
                             "localhost"})
        EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(IpAddress, refuses_a_nul_anywhere) {
    EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
    EXPECT_FALSE(IpAddress::parse(std::string_view("::1\0x", 5)));
    EXPECT_FALSE(IpAddress::parse(std::string_view("fe80::1%lo\0x", 12)));
}

TEST(IpAddress, unmaps_ipv4_in_ipv6) {
    EXPECT_EQ(IpAddress::parse("::ffff:127.0.0.1")->unmapped(), IpAddress::parse("127.0.0.1"));
    EXPECT_EQ(IpAddress::parse("::127.0.0.1")->unmapped(), IpAddress::parse("::127.0.0.1"));
    EXPECT_EQ(IpAddress::parse("127.0.0.1")->unmapped(), IpAddress::parse("127.0.0.1"));
}

TEST(Endpoint, survives_a_sockaddr) {
    for (const char* text : {"192.0.2.1", "2001:db8::1", "fe80::1%7"}) {
        const Endpoint endpoint{*IpAddress::parse(text), 8080};
        sockaddr_storage storage;
        const socklen_t size = endpoint.to_sockaddr(storage);
        EXPECT_EQ(size, endpoint.ip.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
        EXPECT_EQ(Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&storage)), endpoint);
    }
    sockaddr_storage other{};
    other.ss_family = AF_UNIX;
    EXPECT_FALSE(Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&other)));
}

TEST(Endpoint, prints_brackets_around_ipv6) {
    EXPECT_EQ((Endpoint{*IpAddress::parse("192.0.2.1"), 80}.to_string()), "192.0.2.1:80");
    EXPECT_EQ((Endpoint{*IpAddress::parse("2001:db8::1"), 0}.to_string()), "[2001:db8::1]:0");
}

TEST(HostPort, parses) {
    struct Row {
        const char* text;
        const char* host;
        int port;
        bool literal;
    };
    constexpr Row kRows[] = {
        {"example.org:80", "example.org", 80, false},
        {"192.0.2.1:65535", "192.0.2.1", 65535, true},
        {"[2001:db8::1]:443", "2001:db8::1", 443, true},
        {"::1:1080", "::1", 1080, true},
        {"[name]:1", "name", 1, false},
        {"name:", "name", 0, false},
        {":80", "", 80, false},
        {":", "", 0, false},
        {"[]:1", "", 1, false},
        {"name:+80", "name", 80, false},
        {"name: 80", "name", 80, false},
        {"name:00080", "name", 80, false},
        {"a:b:80", "a:b", 80, false},
    };
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.text);
        const auto address = HostPort::parse(row.text);
        ASSERT_TRUE(address);
        EXPECT_EQ(address->host(), row.host);
        EXPECT_EQ(address->port, row.port);
        EXPECT_EQ(address->ip.has_value(), row.literal);
        EXPECT_EQ(address->name.empty(), row.literal || row.host[0] == '\0');
    }
}

TEST(HostPort, refuses_with_a_reason) {
    const std::pair<std::string, std::string> kRows[] = {
        {"", "invalid address: `'"},
        {"name", "invalid address: `name'"},
        {"name:x", "unable to parse port number: `x'"},
        {"name:80x", "unable to parse port number: `80x'"},
        {"name:65536", "unable to parse port number: `65536'"},
        {"name:-1", "unable to parse port number: `-1'"},
        {"name:++1", "unable to parse port number: `++1'"},
        {"name:http", "unable to parse port number: `http'"},
        {std::string(256, 'n') + ":1", "invalid address: `" + std::string(256, 'n') + ":1'"},
        {std::string(256, 'n') + ":12345", "address too long: 262 bytes"},
    };
    for (const auto& [text, reason] : kRows) {
        std::string why;
        EXPECT_FALSE(HostPort::parse(text, &why)) << text;
        EXPECT_EQ(why, reason);
    }
    EXPECT_TRUE(HostPort::parse(std::string(255, 'n') + ":12345"));
}

TEST(HostPort, prints_what_it_parses) {
    for (const char* text : {"example.org:80", "192.0.2.1:1", "[2001:db8::1]:443", ":0"})
        EXPECT_EQ(HostPort::parse(text)->to_string(), text);
}

TEST(UnsafeBytes, are_controls_and_blanks) {
    for (const char c : {'\0', '\t', '\n', '\r', ' ', '\x1f', '\x7f'})
        EXPECT_TRUE(has_unsafe_bytes(std::string("a") + c + "b")) << int{c};
    EXPECT_FALSE(has_unsafe_bytes(""));
    EXPECT_FALSE(has_unsafe_bytes("example.org_-:[]\x80\xff"));
}

}  // namespace
}  // namespace neosocksd
