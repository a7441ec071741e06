// Tested by dialer_*test.cc and tests/e2e.

#include "net/dialer.h"

#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "io/await.h"
#include "net/unix_peer.h"

namespace neosocksd::net {
namespace {

using Cause = DialFailure::Cause;

std::unexpected<DialFailure> fail(Cause cause, int code, const std::string& address,
                                  std::string_view why) {
    return dial_failure(cause, code, fmt::format("connect `{}': {}", address, why));
}

std::unexpected<DialFailure> fail(Cause cause, int code, const HostPort& address,
                                  std::string_view why) {
    return fail(cause, code, address.to_string(), why);
}

std::unexpected<DialFailure> fail_at_hop(const DialRequest& request, std::size_t hop,
                                         proto::UpstreamFault fault, proto::Reply reply,
                                         std::string_view why) {
    DialFailure failure;
    failure.cause = Cause::upstream;
    failure.reply = reply;
    failure.fault = fault;
    failure.text = fmt::format("connect `{}' over [{}] `{}': {}", request.target.to_string(), hop,
                               request.chain[hop].to_string(), why);
    return std::unexpected(std::move(failure));
}

}  // namespace

io::Task<std::expected<std::string, DialFailure>> Dialer::dial(io::Socket& out, DialRequest request,
                                                               std::optional<Endpoint>* connected) {
    if (request.socket) co_return co_await dial_unix(out, *request.socket);
    const bool chained = !request.chain.empty();
    const HostPort& first = chained ? request.chain.front().host : request.target;
    const Origin origin = chained ? Origin::operator_ : request.origin;

    auto addresses = co_await candidates(first, origin);
    if (!addresses) co_return std::unexpected(std::move(addresses.error()));

    const auto peer = co_await connect_first(loop_, out, *addresses, options_);
    if (!peer) {
        co_return fail(Cause::connect, peer.error().code, first,
                       explain_outgoing(peer.error(), options_));
    }
    if (connected) *connected = peer->endpoint();
    std::string surplus;
    for (std::size_t hop = 0; hop < request.chain.size(); hop++) {
        auto behind = co_await shake_hands(out, request, hop, std::move(surplus));
        if (!behind) {
            loop_.engine().close(out);
            co_return std::unexpected(std::move(behind.error()));
        }
        surplus = std::move(*behind);
    }
    co_return surplus;
}

io::Task<std::expected<std::string, DialFailure>> Dialer::dial_unix(io::Socket& out,
                                                                    const UnixAddress& address) {
    const auto connected = co_await connect_unix(loop_, out, address);
    if (!connected)
        co_return fail(Cause::connect, connected.error().code, address.to_string(),
                       std::strerror(connected.error().code));
    co_return std::string();
}

io::Task<std::expected<Dialer::Candidates, DialFailure>> Dialer::candidates(const HostPort& first,
                                                                            Origin origin) {
    if (first.ip) co_return vet(std::span(&*first.ip, 1), first, origin);
    const auto resolved = co_await resolver_.resolve(first.name);
    if (!resolved) {
        co_return fail(Cause::unresolved, resolved.error().code, first,
                       describe_resolve_error(resolved.error()));
    }
    co_return vet(*resolved, first, origin);
}

std::expected<Dialer::Candidates, DialFailure> Dialer::vet(std::span<const IpAddress> addresses,
                                                           const HostPort& first,
                                                           Origin origin) const {
    Candidates allowed;
    auto refusal = EgressPolicy::Refusal::blocked;
    for (const IpAddress& address : addresses) {
        auto vetted = policy_.vet({address, first.port}, origin);
        if (vetted)
            allowed.push_back(*vetted);
        else
            refusal = vetted.error();
    }
    if (!allowed.empty()) return allowed;
    if (addresses.empty()) return fail(Cause::unresolved, ENOENT, first, "no address");
    if (refusal == EgressPolicy::Refusal::own_listener)
        return fail(Cause::own_listener, EACCES, first, "this is a listener of our own");
    if (refusal == EgressPolicy::Refusal::unspecified)
        return fail(Cause::blocked, EACCES, first,
                    "the unspecified address is nowhere to connect to");
    return fail(Cause::blocked, EACCES, first, "blocked by --block-outbound");
}

io::Task<std::expected<std::string, DialFailure>> Dialer::shake_hands(io::Socket& socket,
                                                                      const DialRequest& request,
                                                                      std::size_t hop,
                                                                      std::string surplus) {
    const HostPort& next =
        hop + 1 < request.chain.size() ? request.chain[hop + 1].host : request.target;
    proto::UpstreamMachine machine(request.chain[hop], next);
    auto step = machine.start();
    while (step != proto::UpstreamNext::failed) {
        // Even when the handshake is over: a hop that answers before it is asked is still asked,
        // or it would take the client's bytes for our request.
        if (!machine.output().empty()) {
            const auto sent = co_await io::send_all(loop_, socket, machine.output());
            hop_counters_.tx_bytes.fetch_add(machine.output().size(), std::memory_order_relaxed);
            machine.output().clear();
            if (!sent)
                co_return fail_at_hop(request, hop, proto::UpstreamFault::closed,
                                      proto::Reply::general_failure, sent.error().to_string());
        }
        if (step == proto::UpstreamNext::established) break;
        if (!surplus.empty()) {
            step = machine.feed(std::exchange(surplus, {}));
            continue;
        }
        const auto got = co_await io::recv(loop_, socket, [&](std::string_view bytes) {
            hop_counters_.rx_bytes.fetch_add(bytes.size(), std::memory_order_relaxed);
            step = machine.feed(bytes);
        });
        if (!got)
            co_return fail_at_hop(request, hop, proto::UpstreamFault::closed,
                                  proto::Reply::general_failure, got.error().to_string());
        if (*got == 0) step = machine.closed();
    }
    if (step == proto::UpstreamNext::failed)
        co_return fail_at_hop(request, hop, machine.fault(), machine.reply(), machine.failure());
    co_return std::move(machine.surplus());
}

}  // namespace neosocksd::net
