// Thin wrappers of system calls. What fails because the scene is ending is no failure.

#include "fuzz/session/sockets.h"

#include <array>
#include <cerrno>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/session/stream.h"
#include "io/socket.h"

namespace neosocksd::fuzz {
namespace {

int bind_to(int fd, const Endpoint& endpoint) {
    sockaddr_storage storage;
    const socklen_t length = endpoint.to_sockaddr(storage);
    return ::bind(fd, reinterpret_cast<sockaddr*>(&storage), length);
}

}  // namespace

IpAddress loopback(unsigned a, unsigned b, unsigned c) {
    return IpAddress::v4({127, static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b),
                          static_cast<std::uint8_t>(c)});
}

int connect_to(const Endpoint& to, const IpAddress& from, int buffers) {
    const int fd = io::open_tcp_socket(AF_INET);
    if (fd < 0) return fd;
    if (buffers > 0) io::set_option(fd, SOL_SOCKET, SO_RCVBUF, buffers);
    io::set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    // Else the kernel would choose a port that no other connection from here may use.
    io::set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    sockaddr_storage storage;
    const socklen_t length = to.to_sockaddr(storage);
    if (bind_to(fd, {from, 0}) == 0 &&
        (::connect(fd, reinterpret_cast<sockaddr*>(&storage), length) == 0 || errno == EINPROGRESS))
        return fd;
    ::close(fd);
    return -1;
}

int listen_on(const IpAddress& address, int backlog) {
    const int fd = io::open_tcp_socket(AF_INET);
    if (fd < 0 || bind_to(fd, {address, 0}) != 0 || ::listen(fd, backlog) != 0)
        fail("the fuzzer can not listen");
    return fd;
}

int accept_one(int listener) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) io::set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    return fd;
}

std::uint16_t port_of(int fd) {
    const auto endpoint = io::local_endpoint(fd);
    return endpoint ? endpoint->port : 0;
}

int open_datagrams() {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind_to(fd, {loopback(0, 0, 1), 0}) != 0) fail("the fuzzer can not bind");
    return fd;
}

void send_datagram(int fd, std::string_view bytes, const Endpoint& to) {
    sockaddr_storage storage;
    const socklen_t length = to.to_sockaddr(storage);
    // Datagrams may be lost.
    [[maybe_unused]] const ssize_t sent =
        ::sendto(fd, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&storage), length);
}

std::optional<std::string> receive_datagram(int fd, Endpoint* from) {
    static std::array<char, 65536> buffer;
    for (;;) {
        sockaddr_storage storage{};
        socklen_t length = sizeof storage;
        const ssize_t got = ::recvfrom(fd, buffer.data(), buffer.size(), 0,
                                       reinterpret_cast<sockaddr*>(&storage), &length);
        // Nobody listens where the last one was sent: not of this one.
        if (got < 0 && errno == ECONNREFUSED) continue;
        if (got < 0) return std::nullopt;
        const auto source = Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&storage));
        if (from && source) *from = *source;
        return std::string(buffer.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace neosocksd::fuzz
