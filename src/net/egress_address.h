// What kind of place an address is, for the egress policy (spec/cli.md section 12,
// --block-outbound).
//
// An IPv6 address may carry an IPv4 address that decides where a packet really goes: mapped
// (::ffff:a.b.c.d), compatible (::a.b.c.d), NAT64 (64:ff9b::a.b.c.d) and 6to4 (2002:aabb:ccdd::).
// Such an address has two faces, and each is judged.

#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "base/address.h"

namespace neosocksd::net {

enum class AddressClass {
    loopback,
    multicast,    // and the limited broadcast address
    local,        // private, shared (CGNAT), link-local, site-local, unique local
    global,       // the rest
    unspecified,  // 0.0.0.0/8 and ::, which Linux would take for this host
};

// Of the address as it is written; a mapped address is its IPv4 address.
AddressClass classify(const IpAddress& address);

// The IPv4 address inside an IPv6 address, if it has one of the forms above.
std::optional<IpAddress> embedded_ipv4(const IpAddress& address);

}  // namespace neosocksd::net
