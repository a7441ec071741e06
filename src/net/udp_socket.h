// The sockets that carry the datagrams of an association.

#pragma once

#include "base/address.h"
#include "base/result.h"
#include "net/connector.h"

namespace neosocksd::net {

// Non-blocking, bound to this very address, port chosen by the kernel: where a client sends to,
// and what it hears from.
Result<int> open_udp(const IpAddress& local);

// For targets of both families. One IPv6 socket speaks both, IPv4 with mapped addresses; but
// source addresses need one for each, and where there is no IPv6 only the other remains. -1: none.
struct OutgoingUdp {
    int dual = -1;
    int v4 = -1;
    int v6 = -1;
};

// As far as the options say, see OutgoingOptions.
Result<OutgoingUdp> open_outgoing_udp(const OutgoingOptions& options);

// For one peer: nobody else's datagrams arrive.
Result<int> connect_udp(const Endpoint& peer, const OutgoingOptions& options);

// The local address from which the host would reach `peer`; nothing is sent.
Result<IpAddress> outgoing_address(const IpAddress& peer, const OutgoingOptions& options);

// ::ffff:a.b.c.d for an IPv4 address, as a dual socket wants it.
Endpoint mapped(const Endpoint& endpoint);

}  // namespace neosocksd::net
