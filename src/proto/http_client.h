// HTTP CONNECT, the client's side (RFC 9110 section 9.3.6). Of the response only the status
// matters: any 2xx opens the tunnel, with the first byte after the head.

#pragma once

#include <string_view>

#include "proto/http_head.h"
#include "proto/proxy_url.h"
#include "proto/upstream_step.h"

namespace neosocksd::proto {

class HttpClient {
public:
    // Writes the request, or fails if `target` would be read as something else in it.
    UpstreamStep start(const ProxyUrl& hop, const HostPort& target, UpstreamExchange& exchange);
    UpstreamStep step(std::string_view input, UpstreamExchange& exchange);

private:
    HeadReader reader_;
    int interim_responses_ = 0;
};

}  // namespace neosocksd::proto
