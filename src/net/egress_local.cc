// RTM_GETROUTE gives the type of the route that a packet to the address would take: local,
// broadcast and anycast ones end here. Unlike a trial bind(2) that is right with any
// ip_nonlocal_bind and for whole prefixes routed to this host. Where netlink sockets are
// forbidden (service managers do that), a trial bind is the second best.
// Tested by egress_policy_test.cc.

#include "net/egress_local.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/descriptor.h"

namespace neosocksd::net {
namespace {

struct RouteQuery {
    nlmsghdr header;
    rtmsg route;
    rtattr attribute;
    std::uint8_t destination[16];
};

// nullopt: netlink could not be asked.
std::optional<bool> local_by_route(const IpAddress& address) {
    const Descriptor netlink(
        ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    if (netlink.get() < 0) return std::nullopt;
    const std::string_view octets = address.octets();
    RouteQuery query{};
    query.attribute.rta_type = RTA_DST;
    query.attribute.rta_len = static_cast<unsigned short>(RTA_LENGTH(octets.size()));
    query.route.rtm_family = address.is_v4() ? AF_INET : AF_INET6;
    query.route.rtm_dst_len = static_cast<unsigned char>(octets.size() * 8);
    query.header.nlmsg_type = RTM_GETROUTE;
    query.header.nlmsg_flags = NLM_F_REQUEST;
    query.header.nlmsg_len =
        static_cast<unsigned>(NLMSG_LENGTH(sizeof(rtmsg)) + RTA_ALIGN(query.attribute.rta_len));
    std::memcpy(query.destination, octets.data(), octets.size());
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    if (::sendto(netlink.get(), &query, query.header.nlmsg_len, 0,
                 reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0)
        return std::nullopt;
    // The kernel answers within the call that asks.
    alignas(nlmsghdr) char reply[4096];
    const ssize_t got = ::recv(netlink.get(), reply, sizeof reply, 0);
    if (got < static_cast<ssize_t>(sizeof(nlmsghdr))) return std::nullopt;
    nlmsghdr header;
    std::memcpy(&header, reply, sizeof header);
    if (header.nlmsg_type == NLMSG_ERROR) {
        nlmsgerr refusal{};
        if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof refusal.error))) return std::nullopt;
        std::memcpy(&refusal.error, reply + NLMSG_HDRLEN, sizeof refusal.error);
        const int code = -refusal.error;
        if (code == EPERM || code == EOPNOTSUPP || code == ENOSYS) return std::nullopt;
        return false;  // no route: it arrives nowhere
    }
    if (header.nlmsg_type != RTM_NEWROUTE ||
        got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(rtmsg))))
        return std::nullopt;
    rtmsg route;
    std::memcpy(&route, reply + NLMSG_HDRLEN, sizeof route);
    return route.rtm_type == RTN_LOCAL || route.rtm_type == RTN_BROADCAST ||
           route.rtm_type == RTN_ANYCAST;
}

bool local_by_bind(const IpAddress& address) {
    const int family = address.is_v4() ? AF_INET : AF_INET6;
    const Descriptor udp(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (udp.get() < 0) return errno != EAFNOSUPPORT;
    sockaddr_storage storage;
    const socklen_t length = Endpoint{address, 0}.to_sockaddr(storage);
    return ::bind(udp.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0 ||
           errno != EADDRNOTAVAIL;
}

}  // namespace

bool is_local_address(const IpAddress& address) {
    const auto known = local_by_route(address);
    return known ? *known : local_by_bind(address);
}

}  // namespace neosocksd::net
