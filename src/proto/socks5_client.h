// SOCKS5, the client's side: RFC 1928, and RFC 1929 if the hop has credentials. Without them only
// "no authentication" is offered, and a server that picks another method has failed.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/proxy_url.h"
#include "proto/request.h"
#include "proto/upstream_step.h"

namespace neosocksd::proto {

class Socks5Client {
public:
    explicit Socks5Client(Command command = Command::connect) : command_(command) {}

    // Writes the first message, or fails if `target` or the credentials do not fit into one.
    UpstreamStep start(const ProxyUrl& hop, const HostPort& target, UpstreamExchange& exchange);
    // After `established` it reads a further reply, which BIND has.
    UpstreamStep step(std::string_view input, UpstreamExchange& exchange);

    // BND of the last successful reply.
    const HostPort& bound() const { return bound_; }

private:
    enum class Expect : std::uint8_t { method, status, reply };

    // Each looks at one message at the start of `input`; consumed is 0 unless it is complete.
    UpstreamStep read_method(std::string_view input, UpstreamExchange& exchange);
    UpstreamStep read_status(std::string_view input, UpstreamExchange& exchange);
    UpstreamStep read_reply(std::string_view input, UpstreamExchange& exchange);

    Expect expect_ = Expect::method;
    Command command_;
    HostPort bound_;
    std::string credentials_;  // the message to send if asked; empty: not offered
    std::string request_;
};

}  // namespace neosocksd::proto
