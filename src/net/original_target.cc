// Tested by tests/e2e/test_transparent.py, in network namespaces.

#include "net/original_target.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "io/socket.h"

namespace neosocksd::net {
namespace {

// From <linux/netfilter_ipv4.h> and <linux/netfilter_ipv6/ip6_tables.h>, which do not go together
// with <netinet/in.h>.
constexpr int kSoOriginalDst = 80;
constexpr int kIp6tSoOriginalDst = 80;

Endpoint plain(const Endpoint& endpoint) {
    return {endpoint.ip.unmapped(), endpoint.port};
}

}  // namespace

Result<Endpoint> tproxy_target(int fd) {
    const auto local = io::local_endpoint(fd);
    if (!local) return local;
    return plain(*local);
}

Result<Endpoint> redirect_target(int fd) {
    const auto local = io::local_endpoint(fd);
    if (!local) return local;
    // A dual-stack listener takes IPv4 connections on an IPv6 socket: ask the table of the family
    // that was really spoken.
    const bool v4 = local->ip.unmapped().is_v4();
    sockaddr_storage storage{};
    socklen_t length = v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (::getsockopt(fd, v4 ? SOL_IP : SOL_IPV6, v4 ? kSoOriginalDst : kIp6tSoOriginalDst, &storage,
                     &length) != 0)
        return system_failure("SO_ORIGINAL_DST");
    const auto endpoint = Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&storage));
    if (!endpoint) return failure(EAFNOSUPPORT, "SO_ORIGINAL_DST");
    return plain(*endpoint);
}

}  // namespace neosocksd::net
