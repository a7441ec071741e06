// What sessions need to know of the command line. Config is made at start, never changed, shared by
// all workers. Outbound changes when a configuration (-c) is loaded again: sessions keep the one
// that they began with.

#pragma once

#include <optional>
#include <vector>

#include "base/address.h"
#include "base/cidr.h"
#include "base/unix_address.h"
#include "io/timer.h"
#include "net/connector.h"
#include "net/relay_context.h"
#include "proto/server.h"
#include "proto/upstream.h"

namespace neosocksd::proxy {

// What a listener serves.
enum class Service : std::uint8_t {
    socks,  // and HTTP, if the port is mixed
    http,
    forward,   // one target for all
    tproxy,    // the address the client dialled: TPROXY
    redirect,  // the same, through NAT REDIRECT
};

// Whether a forward target is told who the client is, and in which version of the PROXY protocol.
enum class ProxyHeader : std::uint8_t { none, v1, v2 };

struct Outbound {
    HostPort forward;                           // of a forward listener: what it dials
    std::optional<UnixAddress> forward_socket;  // the same, instead of that
    std::vector<proto::ProxyUrl> chain;

    friend bool operator==(const Outbound&, const Outbound&) = default;
};

struct Config {
    proto::ServerOptions socks;  // of a SOCKS (or mixed) listener
    proto::ServerOptions http;   // of an HTTP listener
    // Peers that must begin with a PROXY header, and are believed.
    std::vector<Cidr> announcers;
    ProxyHeader proxy_header = ProxyHeader::none;
    net::OutgoingOptions outgoing;
    net::RelayMode relay = net::RelayMode::adaptive;
    // Of a worker before it sleeps.
    std::chrono::microseconds busy_poll{0};
    io::Duration timeout = std::chrono::seconds(60);
    // The timeout goes on until bytes have come from both sides.
    bool protocol_timeout = false;
};

}  // namespace neosocksd::proxy
