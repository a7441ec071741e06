#include "net/hosts_file.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace neosocksd::net {
namespace {

using namespace std::chrono_literals;

class HostsFileTest : public testing::Test {
protected:
    void SetUp() override {
        char path[] = "/tmp/hosts_file_test.XXXXXX";
        const int fd = ::mkstemp(path);
        ASSERT_GE(fd, 0);
        ::close(fd);
        path_ = path;
    }
    void TearDown() override { ::unlink(path_.c_str()); }
    void write(std::string_view text) { std::ofstream(path_) << text; }

    static std::string text(const std::vector<IpAddress>& addresses) {
        std::string result;
        for (const IpAddress& address : addresses)
            result += (result.empty() ? "" : " ") + address.to_string();
        return result;
    }

    std::string path_;
    io::TimePoint now_ = io::Clock::now();
};

TEST_F(HostsFileTest, finds_names_aliases_and_several_addresses) {
    write(
        "# comment\n192.0.2.1\tHost.Example alias # host.other\n\n"
        "2001:db8::1 host.example\nnonsense host.example\n  192.0.2.2   host.example\r\n"
        "192.0.2.2 host.example\n192.0.2.9 last");
    HostsFile hosts(path_);
    EXPECT_EQ(text(hosts.find("host.example", AF_UNSPEC, now_)), "192.0.2.1 2001:db8::1 192.0.2.2");
    EXPECT_EQ(text(hosts.find("host.example.", AF_INET, now_)), "192.0.2.1 192.0.2.2");
    EXPECT_EQ(text(hosts.find("host.example", AF_INET6, now_)), "2001:db8::1");
    EXPECT_EQ(text(hosts.find("alias", AF_UNSPEC, now_)), "192.0.2.1");
    EXPECT_EQ(text(hosts.find("last", AF_UNSPEC, now_)), "192.0.2.9");
    EXPECT_EQ(text(hosts.find("host.other", AF_UNSPEC, now_)), "");
}

TEST_F(HostsFileTest, knows_localhost_by_itself) {
    write("127.0.0.7 localhost\n");
    HostsFile hosts(path_);
    EXPECT_EQ(text(hosts.find("localhost", AF_UNSPEC, now_)), "127.0.0.7");
    EXPECT_EQ(text(hosts.find("localhost", AF_INET6, now_)), "::1");
    EXPECT_EQ(text(hosts.find("a.localhost.", AF_UNSPEC, now_)), "127.0.0.1 ::1");
    EXPECT_EQ(text(hosts.find("notlocalhost", AF_UNSPEC, now_)), "");
}

TEST_F(HostsFileTest, notices_changes_within_a_second) {
    write("192.0.2.1 name\n");
    HostsFile hosts(path_);
    EXPECT_EQ(text(hosts.find("name", AF_UNSPEC, now_)), "192.0.2.1");
    write("192.0.2.22 name\n");
    EXPECT_EQ(text(hosts.find("name", AF_UNSPEC, now_)), "192.0.2.1");
    EXPECT_EQ(text(hosts.find("name", AF_UNSPEC, now_ + 1s)), "192.0.2.22");
    ::unlink(path_.c_str());
    EXPECT_EQ(text(hosts.find("name", AF_UNSPEC, now_ + 2s)), "");
}

}  // namespace
}  // namespace neosocksd::net
