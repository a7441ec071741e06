// Options of listening sockets, as accepted ones inherit them, and of outgoing ones.

#include "net/socket_options.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/bind_listener.h"
#include "net/connector.h"

namespace neosocksd::net {
namespace {

constexpr SocketOptions kChosen{
    .sndbuf_bytes = 8192, .rcvbuf_bytes = 16384, .keepalive_seconds = 77};

int option(int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    EXPECT_EQ(::getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

void expect_chosen(int fd) {
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 77);
    EXPECT_EQ(option(fd, SOL_SOCKET, SO_SNDBUF), 2 * 8192);
    EXPECT_EQ(option(fd, SOL_SOCKET, SO_RCVBUF), 2 * 16384);
}

// A connection from an outgoing socket to a listener: accepted, outgoing, listener.
struct Pair {
    explicit Pair(const OutgoingOptions& outgoing, const SocketOptions& listening = {}) {
        auto sockets = bind_listener("127.0.0.1:0", {.socket = listening});
        listener = sockets->take(0);
        const auto fd = open_outgoing(AF_INET, outgoing);
        EXPECT_TRUE(fd);
        client = *fd;
        sockaddr_storage storage;
        const socklen_t length = sockets->endpoint().to_sockaddr(storage);
        // Loopback connects within the call or the accept below.
        ::connect(client, reinterpret_cast<sockaddr*>(&storage), length);
        pollfd waiting{.fd = listener, .events = POLLIN, .revents = 0};
        EXPECT_EQ(::poll(&waiting, 1, 10'000), 1);
        socklen_t peer_length = sizeof peer;
        accepted =
            ::accept4(listener, reinterpret_cast<sockaddr*>(&peer), &peer_length, SOCK_CLOEXEC);
        EXPECT_GE(accepted, 0);
    }
    ~Pair() {
        for (const int fd : {accepted, client, listener}) ::close(fd);
    }
    std::string peer_ip() const {
        return Endpoint::from_sockaddr(reinterpret_cast<const sockaddr*>(&peer))->ip.to_string();
    }
    int listener = -1, client = -1, accepted = -1;
    sockaddr_storage peer{};
};

TEST(SocketOptionsTest, delays_small_messages_only_if_told_to) {
    for (const bool nodelay : {true, false}) {
        OutgoingOptions outgoing;
        outgoing.socket.nodelay = nodelay;
        const Pair pair(outgoing, outgoing.socket);
        EXPECT_EQ(option(pair.client, IPPROTO_TCP, TCP_NODELAY), nodelay);
        EXPECT_EQ(option(pair.accepted, IPPROTO_TCP, TCP_NODELAY), nodelay);
    }
}

TEST(SocketOptionsTest, accepted_sockets_inherit_and_outgoing_ones_have_them) {
    OutgoingOptions outgoing;
    outgoing.socket = kChosen;
    const Pair pair(outgoing, kChosen);
    expect_chosen(pair.accepted);
    expect_chosen(pair.client);
}

TEST(SocketOptionsTest, keepalive_is_two_minutes_or_off) {
    const Pair usual({});
    EXPECT_EQ(option(usual.accepted, IPPROTO_TCP, TCP_KEEPIDLE), 120);
    EXPECT_EQ(option(usual.client, SOL_SOCKET, SO_KEEPALIVE), 1);
    OutgoingOptions outgoing;
    outgoing.socket.keepalive_seconds = 0;
    const Pair off(outgoing, outgoing.socket);
    EXPECT_EQ(option(off.accepted, SOL_SOCKET, SO_KEEPALIVE), 0);
    EXPECT_EQ(option(off.client, SOL_SOCKET, SO_KEEPALIVE), 0);
    EXPECT_EQ(option(off.client, IPPROTO_TCP, TCP_NODELAY), 1);
}

TEST(SocketOptionsTest, tells_what_the_kernel_grants) {
    const auto small = granted_buffers({.sndbuf_bytes = 8192, .rcvbuf_bytes = 0});
    EXPECT_EQ(small.sndbuf_bytes, 8192);
    EXPECT_EQ(small.rcvbuf_bytes, 0);
    const auto large = granted_buffers({.sndbuf_bytes = 1 << 29, .rcvbuf_bytes = 1 << 29});
    EXPECT_LE(large.sndbuf_bytes, 1 << 29);
    EXPECT_GT(large.rcvbuf_bytes, 0);
}

TEST(SocketOptionsTest, connects_from_the_source_address) {
    OutgoingOptions outgoing;
    outgoing.source.v4 = IpAddress::parse("127.0.0.77");
    const Pair pair(outgoing);
    EXPECT_EQ(pair.peer_ip(), "127.0.0.77");
    EXPECT_EQ(option(pair.client, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 1);
}

TEST(SocketOptionsTest, a_family_without_a_source_address_is_out_of_reach) {
    OutgoingOptions outgoing;
    outgoing.source.v4 = IpAddress::parse("127.0.0.1");
    const auto fd = open_outgoing(AF_INET6, outgoing);
    ASSERT_FALSE(fd);
    EXPECT_EQ(fd.error().code, EADDRNOTAVAIL);
    EXPECT_EQ(explain_outgoing(fd.error(), outgoing),
              "Cannot assign requested address (binding to source address 127.0.0.1)");
}

TEST(SocketOptionsTest, says_what_could_not_be_bound) {
    OutgoingOptions outgoing;
    outgoing.interface = "no-such-if";
    const auto fd = open_outgoing(AF_INET, outgoing);
    ASSERT_FALSE(fd);
    EXPECT_TRUE(explain_outgoing(fd.error(), outgoing)
                    .ends_with(" (binding to interface "
                               "`no-such-if')"));
    EXPECT_EQ(explain_outgoing(Error{EPERM, "SO_MARK"}, {.mark = 31}),
              "Operation not permitted (setting mark 0x1f)");
    EXPECT_EQ(explain_outgoing(Error{ECONNREFUSED, "connect"}, outgoing), "Connection refused");
}

}  // namespace
}  // namespace neosocksd::net
