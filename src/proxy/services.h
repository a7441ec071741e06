// What a session's commands other than CONNECT use of its worker.

#pragma once

#include "io/loop.h"
#include "net/admission.h"
#include "net/connector.h"
#include "net/dialer.h"
#include "net/egress_policy.h"
#include "net/own_ports.h"
#include "net/relay_context.h"
#include "net/resolver.h"
#include "net/udp_batch.h"

namespace neosocksd::proxy {

struct Services {
    io::Loop& loop;
    net::Resolver& resolver;
    net::Dialer& dialer;
    net::RelayContext& relays;
    net::UdpBatch& batch;
    net::Admission& admission;
    net::OwnPorts& udp_ports;
    const net::EgressPolicy& policy;
    const net::OutgoingOptions& outgoing;
    io::Duration timeout;  // -t: what reaching something may take
};

}  // namespace neosocksd::proxy
