// Tested by udp_batch_test.cc.

#include "net/udp_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/socket.h"

namespace neosocksd::net {
namespace {

Result<int> open_socket(int family) {
    const int fd = ::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd < 0) return system_failure("socket");
    return fd;
}

int family_of(const IpAddress& address) {
    return address.is_v4() ? AF_INET : AF_INET6;
}

// Closes the socket if the system call failed.
Result<int> checked(int fd, int result, const char* operation) {
    if (result == 0) return fd;
    const int code = errno;
    ::close(fd);
    return failure(code, operation);
}

Result<int> open_placed(int family, const OutgoingOptions& options) {
    const auto fd = open_socket(family);
    if (!fd) return fd;
    const auto placed = place_outgoing(*fd, family, options);
    if (placed) return fd;
    ::close(*fd);
    return std::unexpected(placed.error());
}

// With a source address a socket has a family.
Result<OutgoingUdp> open_sources(const OutgoingOptions& options) {
    OutgoingUdp sockets;
    if (options.source.v4) {
        const auto v4 = open_placed(AF_INET, options);
        if (!v4) return std::unexpected(v4.error());
        sockets.v4 = *v4;
    }
    if (options.source.v6) {
        const auto v6 = open_placed(AF_INET6, options);
        if (!v6) {
            if (sockets.v4 >= 0) ::close(sockets.v4);
            return std::unexpected(v6.error());
        }
        sockets.v6 = *v6;
    }
    return sockets;
}

}  // namespace

Result<int> open_udp(const IpAddress& local) {
    const auto fd = open_socket(family_of(local));
    if (!fd) return fd;
    sockaddr_storage storage;
    const socklen_t length = Endpoint{local, 0}.to_sockaddr(storage);
    return checked(*fd, ::bind(*fd, reinterpret_cast<sockaddr*>(&storage), length), "bind");
}

Result<OutgoingUdp> open_outgoing_udp(const OutgoingOptions& options) {
    if (options.source.any()) return open_sources(options);
    const auto dual = open_placed(AF_INET6, options);
    if (dual) {
        if (io::set_option(*dual, IPPROTO_IPV6, IPV6_V6ONLY, 0) == 0)
            return OutgoingUdp{.dual = *dual};
        ::close(*dual);
    } else if (dual.error().code != EAFNOSUPPORT) {
        return std::unexpected(dual.error());
    }
    const auto v4 = open_placed(AF_INET, options);
    if (!v4) return std::unexpected(v4.error());
    return OutgoingUdp{.v4 = *v4};
}

Result<int> connect_udp(const Endpoint& peer, const OutgoingOptions& options) {
    const auto fd = open_placed(family_of(peer.ip), options);
    if (!fd) return fd;
    sockaddr_storage storage;
    const socklen_t length = peer.to_sockaddr(storage);
    return checked(*fd, ::connect(*fd, reinterpret_cast<sockaddr*>(&storage), length), "connect");
}

Result<IpAddress> outgoing_address(const IpAddress& peer, const OutgoingOptions& options) {
    // Any port will do, but 0 is none.
    const auto fd = connect_udp({peer, 9}, options);
    if (!fd) return std::unexpected(fd.error());
    const auto local = io::local_endpoint(*fd);
    ::close(*fd);
    if (!local) return std::unexpected(local.error());
    return local->ip.unmapped();
}

Endpoint mapped(const Endpoint& endpoint) {
    if (endpoint.ip.is_v6()) return endpoint;
    std::array<std::uint8_t, 16> octets{};
    octets[10] = octets[11] = 0xff;
    std::ranges::copy(endpoint.ip.octets(), octets.begin() + 12);
    return {IpAddress::v6(octets), endpoint.port};
}

}  // namespace neosocksd::net
