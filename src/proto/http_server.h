// HTTP proxy requests, the server's side. CONNECT opens a tunnel (RFC 9110 section 9.3.6): only the
// request line and Proxy-Authorization matter, as no other field can change what a tunnel is. Any
// other method is for an http:// URL, and is forwarded: see http_forward.h.

#pragma once

#include <string>
#include <string_view>

#include "proto/http_head.h"
#include "proto/step.h"

namespace neosocksd::proto {

class HttpServer {
public:
    Step step(std::string_view input, Exchange& exchange);

private:
    HeadReader reader_;
};

// For HTTP/1.0 clients too. Without fields: RFC 9110 forbids Content-Length here.
std::string http_connect_established();

}  // namespace neosocksd::proto
