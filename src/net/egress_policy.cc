// Tested by egress_policy_test.cc.

#include "net/egress_policy.h"

#include "net/egress_local.h"

namespace neosocksd::net {

void EgressPolicy::add_own_listener(const Endpoint& listener) {
    listeners_.push_back({listener.ip.unmapped(), listener.port});
}

std::expected<VettedEndpoint, EgressPolicy::Refusal> EgressPolicy::vet(const Endpoint& target,
                                                                       Origin origin) const {
    const Endpoint plain{target.ip.unmapped(), target.port};
    // The other face: where a translator or tunnel would carry the packet.
    const auto inner = embedded_ipv4(plain.ip);
    // First, for it is the more telling answer: an address can be both.
    if (origin == Origin::client &&
        (is_own_listener(plain.ip, plain.port) || (inner && is_own_listener(*inner, plain.port))))
        return std::unexpected(Refusal::own_listener);
    for (const auto& face : {std::optional(plain.ip), inner})
        if (const auto refusal = face ? refusal_of(classify(*face)) : std::nullopt)
            return std::unexpected(*refusal);
    return VettedEndpoint(plain);
}

std::optional<EgressPolicy::Refusal> EgressPolicy::refusal_of(AddressClass kind) const {
    bool blocked = true;
    switch (kind) {
    case AddressClass::loopback: blocked = block_.loopback; break;
    case AddressClass::multicast: blocked = block_.multicast; break;
    case AddressClass::local: blocked = block_.local; break;
    case AddressClass::global: blocked = block_.global; break;
    case AddressClass::unspecified: return Refusal::unspecified;
    }
    return blocked ? std::optional(Refusal::blocked) : std::nullopt;
}

bool EgressPolicy::is_own_listener(const IpAddress& address, std::uint16_t port) const {
    for (const Endpoint& listener : listeners_) {
        if (listener.port != port) continue;
        if (classify(listener.ip) != AddressClass::unspecified) {
            // The scope is left out: a client may name a link-local address without it.
            if (listener.ip.octets() == address.octets()) return true;
            continue;
        }
        // [::] takes IPv4 connections as well; 0.0.0.0 takes no others.
        if (listener.ip.is_v4() && address.is_v6()) continue;
        // The unspecified address means this host, where it is connected to.
        if (classify(address) == AddressClass::unspecified || is_local_address(address))
            return true;
    }
    return false;
}

}  // namespace neosocksd::net
