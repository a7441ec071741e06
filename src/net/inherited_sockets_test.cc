// The descriptors of socket activation are numbered from 3, which in this process belong to
// others: each test runs in a child of its own, where they are made what the test wants.

#include "net/inherited_sockets.h"

#include <cstdlib>
#include <functional>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace neosocksd::net {
namespace {

int make(int domain, int type, bool listening) {
    const int fd = ::socket(domain, type, 0);
    if (listening) ::listen(fd, 1);
    return fd;
}

void pass(std::vector<int> fds, const char* names, pid_t pid) {
    // Out of the way first: one may sit where another is to go.
    for (int& fd : fds) fd = ::fcntl(fd, F_DUPFD, 100);
    for (std::size_t i = 0; i < fds.size(); i++) ::dup2(fds[i], 3 + static_cast<int>(i));
    ::setenv("LISTEN_PID", std::to_string(pid).c_str(), 1);
    ::setenv("LISTEN_FDS", std::to_string(fds.size()).c_str(), 1);
    if (names) ::setenv("LISTEN_FDNAMES", names, 1);
}

void in_child(const std::function<void()>& test) {
    const pid_t child = ::fork();
    if (child == 0) {
        test();
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST(InheritedSocketsTest, gives_them_by_order_or_by_name) {
    in_child([] {
        pass({make(AF_INET, SOCK_STREAM, true), make(AF_INET6, SOCK_STREAM, true),
              make(AF_INET, SOCK_STREAM, true)},
             "a:b:c", ::getpid());
        auto sockets = InheritedSockets::from_environment();
        EXPECT_EQ(sockets.take("systemd:b"), 4);
        EXPECT_EQ(sockets.take("systemd:"), 3);
        EXPECT_EQ(sockets.left(), std::vector<std::string>{"c"});
        EXPECT_EQ(sockets.take("systemd:x").error(),
                  "`systemd:x': no socket of that name was passed, but: c");
        EXPECT_EQ(sockets.take("systemd:"), 5);
        EXPECT_EQ(sockets.take("systemd:").error(),
                  "`systemd:': the service manager has passed no (further) socket");
        EXPECT_EQ(::fcntl(4, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    });
}

TEST(InheritedSocketsTest, leaves_nothing_in_the_environment_whoever_was_meant) {
    for (const bool meant : {true, false})
        in_child([meant] {
            pass({make(AF_INET, SOCK_STREAM, true)}, nullptr, meant ? ::getpid() : ::getppid());
            auto sockets = InheritedSockets::from_environment();
            EXPECT_EQ(sockets.left().size(), meant ? 1u : 0u);
            if (meant) EXPECT_EQ(sockets.left().front(), "unknown");
            for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
                EXPECT_FALSE(std::getenv(name)) << name;
        });
}

TEST(InheritedSocketsTest, refuses_what_does_not_listen_for_streams) {
    in_child([] {
        pass({make(AF_INET, SOCK_STREAM, false), make(AF_INET, SOCK_DGRAM, false),
              ::open("/dev/null", O_RDONLY)},
             "connected:datagrams:file", ::getpid());
        auto sockets = InheritedSockets::from_environment();
        for (const char* name : {"systemd:connected", "systemd:datagrams", "systemd:file"}) {
            const auto refused = sockets.take(name);
            ASSERT_FALSE(refused) << name;
            EXPECT_NE(refused.error().find("is not a listening stream socket"), std::string::npos);
        }
    });
}

TEST(InheritedSocketsTest, survives_nonsense_in_the_environment) {
    for (const char* count : {"", "x", "-1", "99999999999999999999", "1000000"})
        in_child([count] {
            pass({}, "a:b", ::getpid());
            ::setenv("LISTEN_FDS", count, 1);
            InheritedSockets::from_environment();
        });
}

TEST(InheritedSocketsTest, recognises_its_addresses) {
    for (const char* text : {"systemd:", "systemd:proxy", "systemd:1a"})
        EXPECT_TRUE(InheritedSockets::recognises(text)) << text;
    for (const char* text : {"", "systemd", ":1080", "systemd:1080", "unix:/x", "SYSTEMD:"})
        EXPECT_FALSE(InheritedSockets::recognises(text)) << text;
}

}  // namespace
}  // namespace neosocksd::net
