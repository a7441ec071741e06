// In which order the addresses of a name are tried (RFC 8305 section 4): the families take turns,
// and the one that RFC 6724 would prefer begins. Within a family the order is the name server's,
// which spreads load by it.

#pragma once

#include <span>
#include <vector>

#include "base/address.h"

namespace neosocksd::net {

// At most limits::kResolverAddresses, both families among them if both were there, none twice.
std::vector<IpAddress> interleave(std::span<const IpAddress> addresses, bool v6_first);

// Compares by the rules of RFC 6724 section 6 that concern the choice of a family, with the source
// addresses that the kernel would take now. No packet is sent.
bool prefers_v6(const IpAddress& v6, const IpAddress& v4);

// Both: what resolve() returns.
std::vector<IpAddress> order_addresses(std::span<const IpAddress> addresses);

}  // namespace neosocksd::net
