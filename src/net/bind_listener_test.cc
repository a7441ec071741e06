#include "net/bind_listener.h"

#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace neosocksd::net {
namespace {

int option(int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    EXPECT_EQ(::getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

int connect_to(const Endpoint& endpoint) {
    const int fd =
        ::socket(endpoint.ip.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage storage;
    const socklen_t length = endpoint.to_sockaddr(storage);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&storage), length), 0);
    return fd;
}

int accept_within_a_second(int listener) {
    pollfd waiting{.fd = listener, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 1000) != 1) return -1;
    return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
}

std::string bound_to(std::string_view address) {
    const auto sockets = bind_listener(address, {});
    if (!sockets) return sockets.error().reason;
    EXPECT_NE(sockets->endpoint().port, 0);
    return sockets->endpoint().ip.to_string();
}

bool has_ipv6() {
    return bind_listener("[::1]:0", {}).has_value();
}

TEST(BindListenerTest, takes_every_documented_form) {
    EXPECT_EQ(bound_to(":"), "0.0.0.0");
    EXPECT_EQ(bound_to(":0"), "0.0.0.0");
    EXPECT_EQ(bound_to("*:0"), "0.0.0.0");
    EXPECT_EQ(bound_to("127.0.0.1:0"), "127.0.0.1");
    EXPECT_EQ(bound_to("127.0.0.1:"), "127.0.0.1");
    const std::string localhost = bound_to("localhost:0");
    EXPECT_TRUE(localhost == "127.0.0.1" || localhost == "::1") << localhost;
    if (!has_ipv6()) GTEST_SKIP() << "no IPv6 here";
    EXPECT_EQ(bound_to("[::]:0"), "::");
    EXPECT_EQ(bound_to("[::1]:0"), "::1");
    EXPECT_EQ(bound_to("::1:0"), "::1");
}

TEST(BindListenerTest, takes_service_names) {
    if (!std::ifstream("/etc/services")) GTEST_SKIP() << "no service names here";
    const auto sockets = bind_listener("127.0.0.1:http-alt", {});
    if (!sockets) {
        EXPECT_EQ(sockets.error().reason, "bind error: Address already in use");
        return;
    }
    EXPECT_EQ(sockets->endpoint().port, 8080);
}

TEST(BindListenerTest, refuses_addresses_it_cannot_read) {
    for (const char* address : {"", "localhost", "1080"}) {
        const auto sockets = bind_listener(address, {});
        ASSERT_FALSE(sockets) << address;
        EXPECT_TRUE(sockets.error().bad_address);
        EXPECT_EQ(sockets.error().reason, "");
    }
    for (const char* address :
         {"127.0.0.1:65536", "127.0.0.1:99999", ":-1", ": 80", ":4294967376"}) {
        const auto sockets = bind_listener(address, {});
        ASSERT_FALSE(sockets) << address;
        EXPECT_TRUE(sockets.error().bad_address);
        EXPECT_TRUE(sockets.error().reason.starts_with("port is out of range (0 - 65535): `"))
            << sockets.error().reason;
    }
    const auto unknown = bind_listener("127.0.0.1:no-such-service", {});
    ASSERT_FALSE(unknown);
    EXPECT_TRUE(unknown.error().bad_address);
    EXPECT_TRUE(unknown.error().reason.starts_with("resolve: ")) << unknown.error().reason;
    EXPECT_FALSE(bind_listener(std::string(300, 'a') + ":80", {}));
}

TEST(BindListenerTest, refuses_an_address_in_use) {
    for (const int count : {1, 3}) {
        const auto first = bind_listener("127.0.0.1:0", {.sockets = count});
        ASSERT_TRUE(first);
        const auto second = bind_listener(first->endpoint().to_string(), {.sockets = count});
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().reason, "bind error: Address already in use");
        EXPECT_FALSE(second.error().bad_address);
    }
}

TEST(BindListenerTest, shares_an_address_when_told_to) {
    const BindOptions shared{.sockets = 2, .reuseport = true};
    const auto first = bind_listener("127.0.0.1:0", shared);
    ASSERT_TRUE(first);
    EXPECT_TRUE(bind_listener(first->endpoint().to_string(), shared));
    EXPECT_FALSE(bind_listener(first->endpoint().to_string(), {}));
}

TEST(BindListenerTest, spreads_connections_over_its_sockets) {
    for (const bool reuseport : {false, true}) {
        auto sockets = bind_listener("127.0.0.1:0", {.sockets = 4, .reuseport = reuseport});
        ASSERT_TRUE(sockets);
        ASSERT_EQ(sockets->size(), 4u);
        constexpr int kConnections = 128;
        std::vector<int> clients;
        for (int i = 0; i < kConnections; i++) clients.push_back(connect_to(sockets->endpoint()));
        int total = 0;
        for (std::size_t i = 0; i < sockets->size(); i++) {
            const int listener = sockets->take(i);
            int here = 0;
            for (int fd; (fd = ::accept(listener, nullptr, nullptr)) >= 0; here++) ::close(fd);
            EXPECT_GT(here, 0) << "socket " << i << ", reuseport " << reuseport;
            total += here;
            ::close(listener);
        }
        EXPECT_EQ(total, kConnections);
        for (const int fd : clients) ::close(fd);
    }
}

TEST(BindListenerTest, passes_options_on_to_accepted_sockets) {
    auto sockets = bind_listener("127.0.0.1:0", {});
    ASSERT_TRUE(sockets);
    const int listener = sockets->take(0);
    const int client = connect_to(sockets->endpoint());
    const int accepted = accept_within_a_second(listener);
    ASSERT_GE(accepted, 0);
    EXPECT_EQ(option(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(option(accepted, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(::fcntl(listener, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_GT(option(listener, IPPROTO_TCP, TCP_FASTOPEN), 0);
    for (const int fd : {accepted, client, listener}) ::close(fd);

    auto plain = bind_listener("127.0.0.1:0", {.fastopen = false});
    ASSERT_TRUE(plain);
    const int without = plain->take(0);
    EXPECT_EQ(option(without, IPPROTO_TCP, TCP_FASTOPEN), 0);
    ::close(without);
}

TEST(BindListenerTest, listens_on_both_families_by_the_ipv6_wildcard) {
    if (!has_ipv6()) GTEST_SKIP() << "no IPv6 here";
    auto sockets = bind_listener("[::]:0", {});
    ASSERT_TRUE(sockets);
    const int listener = sockets->take(0);
    const std::uint16_t port = sockets->endpoint().port;
    for (const char* address : {"127.0.0.1", "::1"}) {
        const int client = connect_to({*IpAddress::parse(address), port});
        const int accepted = accept_within_a_second(listener);
        EXPECT_GE(accepted, 0) << address;
        ::close(accepted);
        ::close(client);
    }
    ::close(listener);
}

}  // namespace
}  // namespace neosocksd::net
