// Tested by tests/e2e/test_udp_hops.py and test_bind_hops.py.

#include "proxy/hop_command.h"

#include <algorithm>

#include <fmt/format.h>

#include "io/await.h"

namespace neosocksd::proxy {
namespace {

bool is_unspecified(const HostPort& address) {
    if (!address.ip) return address.name.empty();
    const auto octets = address.ip->unmapped();
    return std::ranges::all_of(octets.octets(), [](char c) { return c == 0; });
}

}  // namespace

std::unexpected<net::DialFailure> upstream_failure(proto::Reply reply, std::string text,
                                                   proto::UpstreamFault fault) {
    net::DialFailure failure;
    failure.cause = net::DialFailure::Cause::upstream;
    failure.fault = fault;
    failure.reply = reply;
    failure.text = std::move(text);
    return std::unexpected(std::move(failure));
}

HopCommand::HopCommand(const Services& services, std::span<const proto::ProxyUrl> chain,
                       proto::Command command, const HostPort& target)
    : services_(services), chain_(chain), machine_(chain.back(), target, command) {}

io::Task<std::expected<HostPort, net::DialFailure>> HopCommand::ask(io::Socket& socket) {
    for (const proto::ProxyUrl& hop : chain_)
        if (hop.scheme != proto::ProxyUrl::Scheme::socks5)
            co_return upstream_failure(proto::Reply::command_not_supported,
                                       fmt::format("`{}' is no SOCKS5 proxy", hop.to_string()));
    const net::DialRequest request{
        .target = chain_.back().host,
        .origin = net::Origin::operator_,
        .chain = chain_.first(chain_.size() - 1),
    };
    auto reached = co_await services_.dialer.dial(socket, request);
    if (!reached) co_return std::unexpected(std::move(reached.error()));
    auto step = machine_.start();
    if (!reached->empty()) step = machine_.feed(*reached);
    auto replied = co_await converse(socket, step);
    if (!replied) {
        services_.loop.engine().close(socket);
        co_return std::unexpected(std::move(replied.error()));
    }
    co_return usable(machine_.bound(), socket);
}

io::Task<std::expected<HostPort, net::DialFailure>> HopCommand::second_reply(io::Socket& socket) {
    auto replied = co_await converse(socket, machine_.expect_second_reply());
    if (!replied) {
        services_.loop.engine().close(socket);
        co_return std::unexpected(std::move(replied.error()));
    }
    co_return machine_.bound();
}

io::Task<std::expected<void, net::DialFailure>> HopCommand::converse(io::Socket& socket,
                                                                     proto::UpstreamNext step) {
    const std::string hop = chain_.back().to_string();
    io::Loop& loop = services_.loop;
    while (step == proto::UpstreamNext::need_bytes) {
        if (!machine_.output().empty()) {
            const auto sent = co_await io::send_all(loop, socket, machine_.output());
            machine_.output().clear();
            if (!sent)
                co_return upstream_failure(proto::Reply::general_failure,
                                           fmt::format("`{}': {}", hop, sent.error().to_string()),
                                           proto::UpstreamFault::closed);
        }
        const auto got = co_await io::recv(
            loop, socket, [&](std::string_view bytes) { step = machine_.feed(bytes); });
        if (!got)
            co_return upstream_failure(proto::Reply::general_failure,
                                       fmt::format("`{}': {}", hop, got.error().to_string()),
                                       proto::UpstreamFault::closed);
        if (*got == 0) step = machine_.closed();
    }
    if (step == proto::UpstreamNext::failed)
        co_return upstream_failure(
            machine_.reply(), fmt::format("`{}': {}", hop, machine_.failure()), machine_.fault());
    co_return std::expected<void, net::DialFailure>();
}

HostPort HopCommand::usable(HostPort bound, io::Socket& socket) const {
    if (!is_unspecified(bound)) return bound;
    HostPort hop = chain_.back().host;
    if (chain_.size() == 1) {
        const auto peer = io::peer_endpoint(socket.fd());
        if (peer) hop = HostPort::literal({peer->ip.unmapped(), 0});
    }
    hop.port = bound.port;
    return hop;
}

}  // namespace neosocksd::proxy
