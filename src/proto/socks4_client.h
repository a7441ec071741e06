// SOCKS4 and SOCKS4A, the client's side. IPv4 addresses go as SOCKS4; names, and what SOCKS4 cannot
// say, as SOCKS4A. The password of the hop is not used.

#pragma once

#include <string_view>

#include "proto/proxy_url.h"
#include "proto/upstream_step.h"

namespace neosocksd::proto {

class Socks4Client {
public:
    // Writes the first message, or fails if `target` or the credentials do not fit into one.
    UpstreamStep start(const ProxyUrl& hop, const HostPort& target, UpstreamExchange& exchange);
    UpstreamStep step(std::string_view input, UpstreamExchange& exchange);
};

}  // namespace neosocksd::proto
