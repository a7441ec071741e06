// Reaches a target: resolves the first name, asks the egress policy, connects, and asks each hop
// of a chain for the next.
//
// Only the first address to be connected to is resolved here; names of later hops and of the
// target behind a chain travel as names (spec/protocols.md section 7).

#pragma once

#include <atomic>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/unix_address.h"
#include "io/loop.h"
#include "io/task.h"
#include "net/connector.h"
#include "net/egress_policy.h"
#include "net/resolver.h"
#include "proto/reply.h"
#include "proto/upstream.h"

namespace neosocksd::net {

// A dial that ended because its scope was cancelled fails like any other: its caller knows the
// scope's reason, and that it comes before this.
struct DialFailure {
    enum class Cause : std::uint8_t {
        unresolved,    // the name has no (allowed family of) address
        blocked,       // --block-outbound
        own_listener,  // a listener of ours
        connect,       // `code` says why
        upstream,      // a hop said no, or nonsense: `reply`, `fault`
    };
    Cause cause = Cause::connect;
    int code = 0;  // errno
    proto::Reply reply = proto::Reply::general_failure;
    proto::UpstreamFault fault = proto::UpstreamFault::protocol;
    std::string text;  // for the log: "connect `192.0.2.1:80': Connection refused"
};

inline std::unexpected<DialFailure> dial_failure(DialFailure::Cause cause, int code,
                                                 std::string text) {
    DialFailure failure;
    failure.cause = cause;
    failure.code = code;
    failure.text = std::move(text);
    return std::unexpected(std::move(failure));
}

struct DialRequest {
    const HostPort& target;
    Origin origin = Origin::client;
    // First hop first. Empty: connect to the target itself.
    std::span<const proto::ProxyUrl> chain;
    // The operator's alone: connect to this Unix socket, not to `target`. Goes with no chain.
    const UnixAddress* socket = nullptr;
};

class Dialer {
public:
    Dialer(io::Loop& loop, Resolver& resolver, const EgressPolicy& policy,
           const OutgoingOptions& options)
        : loop_(loop), resolver_(resolver), policy_(policy), options_(options) {}

    // On success `out` is connected; the result is what the target has already said. On failure
    // `out` is closed. Waits in the scope of the caller, whose cancellation ends it. `connected`,
    // if given, is told the address: of the target or of the first hop.
    io::Task<std::expected<std::string, DialFailure>> dial(
        io::Socket& out, DialRequest request, std::optional<Endpoint>* connected = nullptr);

    // Conversations with the hops of chains, in bytes. Read by any thread.
    struct HopCounters {
        std::atomic<std::uint64_t> rx_bytes{0};
        std::atomic<std::uint64_t> tx_bytes{0};
    };
    const HopCounters& hop_counters() const { return hop_counters_; }

private:
    using Candidates = std::vector<VettedEndpoint>;

    io::Task<std::expected<std::string, DialFailure>> dial_unix(io::Socket& out,
                                                                const UnixAddress& address);
    io::Task<std::expected<Candidates, DialFailure>> candidates(const HostPort& first,
                                                                Origin origin);
    std::expected<Candidates, DialFailure> vet(std::span<const IpAddress> addresses,
                                               const HostPort& first, Origin origin) const;
    io::Task<std::expected<std::string, DialFailure>> shake_hands(io::Socket& socket,
                                                                  const DialRequest& request,
                                                                  std::size_t hop,
                                                                  std::string surplus);

    io::Loop& loop_;
    Resolver& resolver_;
    const EgressPolicy& policy_;
    const OutgoingOptions& options_;
    HopCounters hop_counters_;
};

}  // namespace neosocksd::net
