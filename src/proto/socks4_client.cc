// SOCKS4A as a client says it. Tested by socks4_client_test.cc.

#include "proto/socks4_client.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "proto/wire.h"

namespace neosocksd::proto {

using namespace std::string_view_literals;

UpstreamStep Socks4Client::start(const ProxyUrl& hop, const HostPort& target,
                                 UpstreamExchange& exchange) {
    const std::string user = hop.username.value_or("");
    if (user.size() > limits::kSocks4UserBytes || user.find('\0') != std::string::npos)
        return exchange.fail(UpstreamFault::protocol, Reply::general_failure,
                             "user name does not fit into SOCKS4");
    // An address 0.0.0.x would announce a name that never comes.
    const bool as_address =
        target.ip && target.ip->is_v4() && !target.ip->octets().starts_with("\0\0\0"sv);
    exchange.output += "\x04\x01"sv;
    append_port(exchange.output, target.port);
    exchange.output += as_address ? target.ip->octets() : "\0\0\0\xff"sv;
    exchange.output += user;
    exchange.output += '\0';
    if (!as_address) {
        exchange.output += target.host();
        exchange.output += '\0';
    }
    return {};
}

UpstreamStep Socks4Client::step(std::string_view input, UpstreamExchange& exchange) {
    constexpr std::size_t kReplyBytes = 8;
    if (input.empty()) return {};
    if (octet(input, 0) != 0)
        return exchange.fail(
            UpstreamFault::protocol, Reply::general_failure,
            fmt::format("invalid SOCKS4 reply: version=0x{:02x}", octet(input, 0)));
    if (input.size() < 2) return {};
    const std::uint8_t code = octet(input, 1);
    const auto rejected = [&](Reply reply) {
        return exchange.fail(UpstreamFault::refused, reply,
                             fmt::format("SOCKS4 request rejected: 0x{:02x}", code));
    };
    switch (code) {
    case 0x5a: break;
    case 0x5b: return rejected(Reply::connection_refused);
    case 0x5c:  // no identd at our side, or it names another user
    case 0x5d: return rejected(Reply::not_allowed);
    default: return rejected(Reply::general_failure);
    }
    if (input.size() < kReplyBytes) return {};
    return {UpstreamNext::established, kReplyBytes};
}

}  // namespace neosocksd::proto
