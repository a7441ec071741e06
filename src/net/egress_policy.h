// The egress policy: which addresses the program connects to.
//
// The dialer takes only a VettedEndpoint, and only the policy makes one, so no path leads around
// it. The policy sees resolved addresses, never names: what a name resolves to is what counts.
// It is set up before the threads start and only read afterwards.

#pragma once

#include <expected>
#include <optional>
#include <vector>

#include "base/address.h"
#include "net/egress_address.h"

namespace neosocksd::net {

class VettedEndpoint {
public:
    const Endpoint& endpoint() const { return endpoint_; }

private:
    friend class EgressPolicy;
    explicit VettedEndpoint(const Endpoint& endpoint) : endpoint_(endpoint) {}
    Endpoint endpoint_;
};

// The classes that --block-outbound names.
struct BlockSet {
    bool loopback = false;
    bool multicast = true;
    bool local = false;
    bool global = false;
};

// Who named the target: a client, or the operator (-f, a hop of -x, an address written by a rule).
enum class Origin { client, operator_ };

class EgressPolicy {
public:
    enum class Refusal {
        blocked,       // by its class, as --block-outbound says
        unspecified,   // whatever that says: Linux would take it for this host
        own_listener,  // a client would talk to our proxy or API through the proxy
    };

    explicit EgressPolicy(BlockSet block) : block_(block) {}

    // Every address of this host on that port, if the listener is bound to a wildcard.
    void add_own_listener(const Endpoint& listener);

    // An IPv4-mapped address comes back as the IPv4 address it is. Port 0 is the caller's matter.
    std::expected<VettedEndpoint, Refusal> vet(const Endpoint& target, Origin origin) const;

private:
    std::optional<Refusal> refusal_of(AddressClass kind) const;
    bool is_own_listener(const IpAddress& address, std::uint16_t port) const;

    BlockSet block_;
    std::vector<Endpoint> listeners_;
};

}  // namespace neosocksd::net
