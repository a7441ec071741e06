// c-ares can sort as well, but asks the kernel about each of the thousands of addresses that an
// answer may hold. Two questions are enough, and none if there is one family only.
// Tested by resolver_order_test.cc.

#include "net/resolver_order.h"

#include <algorithm>
#include <optional>

#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "net/egress_address.h"

namespace neosocksd::net {
namespace {

// The policy table of RFC 6724 section 2.1.
struct Policy {
    int precedence;
    int label;
};

Policy policy_of(const IpAddress& address) {
    if (address.is_v4()) return {35, 4};
    const std::string_view o = address.octets();
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(o[i]); };
    if (classify(address) == AddressClass::loopback) return {50, 0};
    if (o.substr(0, 12) == std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0", 12)) return {1, 3};
    if (at(0) == 0x20 && at(1) == 0x02) return {30, 2};
    if (o.substr(0, 4) == std::string_view("\x20\x01\0\0", 4)) return {5, 5};
    if ((at(0) & 0xfe) == 0xfc) return {3, 13};
    if (at(0) == 0xfe && (at(1) & 0xc0) == 0xc0) return {1, 11};
    if (at(0) == 0x3f && at(1) == 0xfe) return {1, 12};
    return {40, 1};
}

// RFC 6724 section 3.1 and 3.2.
int scope_of(const IpAddress& address) {
    constexpr int kLink = 2, kSite = 5, kGlobal = 14;
    const std::string_view o = address.octets();
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(o[i]); };
    if (classify(address) == AddressClass::loopback) return kLink;
    if (address.is_v4()) return at(0) == 169 && at(1) == 254 ? kLink : kGlobal;
    if (at(0) == 0xff) return at(1) & 0x0f;
    if (at(0) != 0xfe) return kGlobal;
    if ((at(1) & 0xc0) == 0x80) return kLink;
    return (at(1) & 0xc0) == 0xc0 ? kSite : kGlobal;
}

// Connecting a datagram socket only looks for a route.
std::optional<IpAddress> source_for(const IpAddress& destination) {
    const int fd = ::socket(destination.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return std::nullopt;
    std::optional<IpAddress> source;
    sockaddr_storage storage;
    socklen_t length = Endpoint{destination, 9}.to_sockaddr(storage);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&storage), length) == 0) {
        length = sizeof storage;
        if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0)
            if (const auto local = Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&storage)))
                source = local->ip;
    }
    ::close(fd);
    return source;
}

}  // namespace

std::vector<IpAddress> interleave(std::span<const IpAddress> addresses, bool v6_first) {
    std::vector<IpAddress> result;
    std::size_t next[2] = {0, 0};
    bool want_v6 = v6_first;
    // Of a kind that is exhausted nothing comes: the other has all turns.
    const auto take = [&](bool v6) {
        for (std::size_t& i = next[v6]; i < addresses.size();) {
            const IpAddress& address = addresses[i++];
            if (address.is_v6() != v6) continue;
            if (std::find(result.begin(), result.end(), address) != result.end()) continue;
            result.push_back(address);
            return true;
        }
        return false;
    };
    while (result.size() < limits::kResolverAddresses) {
        if (!take(want_v6) && !take(!want_v6)) break;
        want_v6 = result.back().is_v4();
    }
    return result;
}

bool prefers_v6(const IpAddress& v6, const IpAddress& v4) {
    const auto v6_source = source_for(v6);
    if (!v6_source) return false;  // rule 1
    const auto v4_source = source_for(v4);
    if (!v4_source) return true;
    const bool v6_scope_fits = scope_of(v6) == scope_of(*v6_source);  // rule 2
    const bool v4_scope_fits = scope_of(v4) == scope_of(*v4_source);
    if (v6_scope_fits != v4_scope_fits) return v6_scope_fits;
    // Rule 5; IPv4 has one label.
    if (policy_of(v6).label != policy_of(*v6_source).label) return false;
    return policy_of(v6).precedence > policy_of(v4).precedence;  // rule 6
}

std::vector<IpAddress> order_addresses(std::span<const IpAddress> addresses) {
    const auto v6 = std::find_if(addresses.begin(), addresses.end(),
                                 [](const IpAddress& address) { return address.is_v6(); });
    const auto v4 = std::find_if(addresses.begin(), addresses.end(),
                                 [](const IpAddress& address) { return address.is_v4(); });
    const bool both = v6 != addresses.end() && v4 != addresses.end();
    return interleave(addresses, both && prefers_v6(*v6, *v4));
}

}  // namespace neosocksd::net
