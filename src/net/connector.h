// Connects to the first of several addresses that answers: RFC 8305 ("happy eyeballs").
//
// Attempts start in order, each limits::kConnectStagger after the one before or as soon as that
// has failed; the first to succeed wins and the others are given up.

#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/loop.h"
#include "io/task.h"
#include "net/egress_policy.h"
#include "net/socket_options.h"

namespace neosocksd::net {

// Where connections come from. With an address of one family only, the other family is out of
// reach.
struct SourceAddresses {
    std::optional<IpAddress> v4;
    std::optional<IpAddress> v6;

    bool any() const { return v4 || v6; }
    friend bool operator==(const SourceAddresses&, const SourceAddresses&) = default;
};

struct OutgoingOptions {
    std::string interface = {};  // SO_BINDTODEVICE; empty: any
    bool fastopen = false;       // TCP_FASTOPEN_CONNECT
    SourceAddresses source = {};
    std::uint32_t mark = 0;  // SO_MARK; 0: none
    SocketOptions socket = {};
};

// A socket ready to connect: options set, bound to interface and source address, and marked, if
// that is asked for. Any of these that fails fails the connection: an unbound one would leak
// traffic to other networks.
Result<int> open_outgoing(int family, const OutgoingOptions& options);

// What of the options decides the way of the packets: for sockets of other kinds.
Result<void> place_outgoing(int fd, int family, const OutgoingOptions& options);

// In words, why that or the connect after it failed: "No such device (binding to interface `x')".
std::string explain_outgoing(const Error& error, const OutgoingOptions& options);

// Fails with the error of the last attempt. `out` is closed on entry.
io::Task<Result<VettedEndpoint>> connect_first(io::Loop& loop, io::Socket& out,
                                               const std::vector<VettedEndpoint>& candidates,
                                               const OutgoingOptions& options);

}  // namespace neosocksd::net
