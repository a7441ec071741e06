// Tested by tests/e2e/test_bind.py and test_bind_hops.py.

#include "proxy/bind_service.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "io/await.h"
#include "net/udp_socket.h"
#include "proto/socks5_server.h"
#include "proxy/hop_command.h"

namespace neosocksd::proxy {
namespace {

using Cause = net::DialFailure::Cause;

std::unexpected<net::DialFailure> fail(Cause cause, int code, const std::string& why) {
    return net::dial_failure(cause, code, "bind: " + why);
}

std::unexpected<net::DialFailure> fail(const Error& error) {
    return fail(Cause::connect, error.code, error.to_string());
}

bool is_unspecified(const IpAddress& address) {
    const IpAddress plain = address.unmapped();
    return std::ranges::all_of(plain.octets(), [](char c) { return c == 0; });
}

}  // namespace

io::Task<std::expected<std::string, net::DialFailure>> BindService::serve(
    io::Socket& target, net::DialRequest request) {
    if (!request.chain.empty()) co_return co_await serve_by_hop(target, request);
    auto peers = co_await expected_peers(request.target);
    if (!peers) co_return std::unexpected(std::move(peers.error()));
    io::Socket listener;
    auto done = listen(*peers, listener);
    if (done) done = co_await reply();
    if (done) done = co_await accept(listener, *peers, target);
    if (listener.is_open()) services_.loop.engine().close(listener);
    if (!done) co_return fail(done.error());
    co_return std::string();
}

io::Task<std::expected<std::string, net::DialFailure>> BindService::serve_by_hop(
    io::Socket& target, const net::DialRequest& request) {
    HopCommand command(services_, request.chain, proto::Command::bind, request.target);
    auto bound = co_await command.ask(target);
    if (!bound) co_return std::unexpected(std::move(bound.error()));
    // A name can not be told here: 0.0.0.0, as if the hop had not said.
    bound_ = Endpoint{bound->ip.value_or(IpAddress()), bound->port};
    const auto told = co_await reply();
    if (!told) {
        services_.loop.engine().close(target);
        co_return fail(told.error());
    }
    auto peer = co_await command.second_reply(target);
    if (!peer) co_return std::unexpected(std::move(peer.error()));
    peer_ = {peer->ip.value_or(IpAddress()), peer->port};
    co_return command.take_surplus();
}

io::Task<std::expected<BindService::Addresses, net::DialFailure>> BindService::expected_peers(
    const HostPort& target) {
    Addresses addresses;
    if (target.ip) {
        if (is_unspecified(*target.ip)) co_return addresses;
        addresses.push_back(target.ip->unmapped());
    } else {
        const auto found = co_await services_.resolver.resolve(target.name);
        if (!found)
            co_return fail(
                Cause::unresolved, found.error().code,
                fmt::format("`{}': {}", target.name, net::describe_resolve_error(found.error())));
        for (const IpAddress& address : *found)
            if (!is_unspecified(address)) addresses.push_back(address.unmapped());
    }
    std::erase_if(addresses, [&](const IpAddress& address) { return !admits({}, address); });
    if (addresses.empty())
        co_return fail(Cause::blocked, EACCES,
                       fmt::format("`{}' is blocked by --block-outbound", target.to_string()));
    co_return addresses;
}

Result<void> BindService::listen(const Addresses& peers, io::Socket& listener) {
    Result<IpAddress> local = failure(ENOENT, "route");
    for (const IpAddress& peer : peers) {
        local = net::outgoing_address(peer, services_.outgoing);
        if (local) break;
    }
    if (peers.empty()) {
        const auto control = io::local_endpoint(client_.fd());
        if (!control) return std::unexpected(control.error());
        local = control->ip.unmapped();
    }
    if (!local) return std::unexpected(local.error());
    const auto fd = net::open_outgoing(local->is_v4() ? AF_INET : AF_INET6, services_.outgoing);
    if (!fd) return std::unexpected(fd.error());
    listener.adopt(*fd);
    sockaddr_storage storage;
    const socklen_t length = Endpoint{*local, 0}.to_sockaddr(storage);
    if (::bind(*fd, reinterpret_cast<sockaddr*>(&storage), length) != 0)
        return system_failure("bind");
    if (::listen(*fd, limits::kBindBacklog) != 0) return system_failure("listen");
    const auto bound = io::local_endpoint(*fd);
    if (!bound) return std::unexpected(bound.error());
    bound_ = *bound;
    return {};
}

io::Task<Result<void>> BindService::accept(io::Socket& listener, const Addresses& peers,
                                           io::Socket& target) {
    io::Loop& loop = services_.loop;
    for (;;) {
        const auto ready = co_await io::wait_for(loop, listener, io::Readiness::readable);
        if (!ready) co_return ready;
        io::Duration rest = io::Duration::zero();
        for (int i = 0; i < limits::kAcceptsPerTurn; i++) {
            sockaddr_storage address;
            socklen_t length = sizeof address;
            const int fd = ::accept4(listener.fd(), reinterpret_cast<sockaddr*>(&address), &length,
                                     SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) {
                if (io::is_lost_connection(errno)) continue;
                if (errno == EAGAIN)
                    listener.found_empty();
                else
                    rest = limits::kAcceptPause;  // out of descriptors or memory
                break;
            }
            const auto peer = Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
            if (peer && admits(peers, peer->ip.unmapped())) {
                peer_ = {peer->ip.unmapped(), peer->port};
                target.adopt(fd);
                co_return Result<void>();
            }
            LOG_DEBUG("bind: `{}' is not the peer that is expected at `{}'",
                      peer ? peer->to_string() : std::string("?"), bound_->to_string());
            ::close(fd);
        }
        // Strangers who keep coming must not keep the loop, nor an error.
        const auto rested = co_await io::sleep(loop, rest);
        if (!rested) co_return rested;
    }
}

bool BindService::admits(const Addresses& peers, const IpAddress& peer) const {
    // By its class alone: port 0 is nobody's listener.
    if (!services_.policy.vet({peer, 0}, net::Origin::operator_)) return false;
    if (peers.empty()) return true;
    // Without the scope, which a request can not carry.
    return std::ranges::any_of(peers,
                               [&](const IpAddress& one) { return one.octets() == peer.octets(); });
}

io::Task<Result<void>> BindService::reply() {
    const std::string message = proto::socks5_reply(proto::Reply::succeeded, &*bound_);
    co_return co_await io::send_all(services_.loop, client_, message);
}

}  // namespace neosocksd::proxy
