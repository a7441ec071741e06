// Asks the last hop of a chain for BIND or UDP ASSOCIATE, over a CONNECT chain of the hops before
// it. All hops must speak SOCKS5: the last one to know the command at all, the others because a
// client is told so in one word, 07, rather than by what its datagrams do.

#pragma once

#include <expected>
#include <optional>
#include <string>

#include "io/task.h"
#include "net/dialer.h"
#include "proto/upstream.h"
#include "proxy/services.h"

namespace neosocksd::proxy {

// A dial that failed because of what a hop, or a chain, can not do.
std::unexpected<net::DialFailure> upstream_failure(
    proto::Reply reply, std::string text,
    proto::UpstreamFault fault = proto::UpstreamFault::protocol);

class HopCommand {
public:
    HopCommand(const Services& services, std::span<const proto::ProxyUrl> chain,
               proto::Command command, const HostPort& target);

    // Connects `socket` and waits for the (first) reply. Its BND, where an unspecified address
    // means that of the hop itself; a name if that is all we have. `socket` is closed on failure.
    io::Task<std::expected<HostPort, net::DialFailure>> ask(io::Socket& socket);
    // Of BIND: waits for the second reply; its BND.
    io::Task<std::expected<HostPort, net::DialFailure>> second_reply(io::Socket& socket);
    // What the peer has said behind it.
    std::string take_surplus() { return std::move(machine_.surplus()); }

private:
    io::Task<std::expected<void, net::DialFailure>> converse(io::Socket& socket,
                                                             proto::UpstreamNext step);
    HostPort usable(HostPort bound, io::Socket& socket) const;

    const Services& services_;
    std::span<const proto::ProxyUrl> chain_;
    proto::UpstreamMachine machine_;
};

}  // namespace neosocksd::proxy
