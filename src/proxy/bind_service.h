// SOCKS5 BIND (RFC 1928 section 4): the client waits for a connection from a peer it names, as FTP
// in active mode does.
//
// The port is opened on one address only: the one from which this host reaches the peer, or, if
// the client names none, the one on which the client reached us. The first reply tells it. Only
// the expected peer is let in; others are closed and the wait goes on. Peers that --block-outbound
// forbids are refused in the same way: a connection moves data whoever has opened it.
// Behind a chain of SOCKS5 proxies the last of them does all this.

#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "io/task.h"
#include "net/dialer.h"
#include "proxy/services.h"

namespace neosocksd::proxy {

class BindService {
public:
    BindService(const Services& services, io::Socket& client)
        : services_(services), client_(client) {}

    // Sends the first reply and waits for the peer. `target` is then its connection, the result
    // what it has said already; the second reply is left to the caller. Waits in the scope of the
    // caller, whose cancellation ends it.
    io::Task<std::expected<std::string, net::DialFailure>> serve(io::Socket& target,
                                                                 net::DialRequest request);

    // Where the port is; nothing before the first reply.
    const std::optional<Endpoint>& bound() const { return bound_; }
    // After success: who has connected.
    const Endpoint& peer() const { return peer_; }

private:
    using Addresses = std::vector<IpAddress>;

    io::Task<std::expected<std::string, net::DialFailure>> serve_by_hop(
        io::Socket& target, const net::DialRequest& request);
    // Empty: anybody.
    io::Task<std::expected<Addresses, net::DialFailure>> expected_peers(const HostPort& target);
    Result<void> listen(const Addresses& peers, io::Socket& listener);
    io::Task<Result<void>> accept(io::Socket& listener, const Addresses& peers, io::Socket& target);
    bool admits(const Addresses& peers, const IpAddress& peer) const;
    io::Task<Result<void>> reply();

    const Services services_;
    io::Socket& client_;
    std::optional<Endpoint> bound_;
    Endpoint peer_;
};

}  // namespace neosocksd::proxy
