// SOCKS5 as a client says it. Tested by socks5_client_test.cc.

#include "proto/socks5_client.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "proto/wire.h"

namespace neosocksd::proto {

using namespace std::string_view_literals;

namespace {

constexpr std::uint8_t kVersion = 5;

std::uint8_t code_of(Command command) {
    if (command == Command::bind) return 2;
    return command == Command::udp_associate ? 3 : 1;
}

// Codes that say something to our client are passed on; the rest concern the hop, not the target.
// That a hop knows no BIND is the answer to a client that asks for it.
Reply translate(std::uint8_t code, Command command) {
    switch (const auto reply = static_cast<Reply>(code)) {
    case Reply::not_allowed:
    case Reply::network_unreachable:
    case Reply::host_unreachable:
    case Reply::connection_refused:
    case Reply::ttl_expired: return reply;
    case Reply::command_not_supported:
        return command == Command::connect ? Reply::general_failure : reply;
    default: return Reply::general_failure;
    }
}

UpstreamStep wrong_version(std::string_view input, UpstreamExchange& exchange) {
    return exchange.fail(UpstreamFault::protocol, Reply::general_failure,
                         fmt::format("invalid SOCKS5 reply: version=0x{:02x}", octet(input, 0)));
}

std::string encode_request(Command command, const HostPort& target) {
    std::string message = "\x05";
    message += static_cast<char>(code_of(command));
    message += '\0';
    if (target.ip) {
        message += target.ip->is_v4() ? '\x01' : '\x04';
        message += target.ip->octets();
    } else {
        message += '\x03';
        message += static_cast<char>(target.name.size());
        message += target.name;
    }
    append_port(message, target.port);
    return message;
}

}  // namespace

UpstreamStep Socks5Client::start(const ProxyUrl& hop, const HostPort& target,
                                 UpstreamExchange& exchange) {
    request_ = encode_request(command_, target);
    if (!hop.username) {
        exchange.output += "\x05\x01\x00"sv;
        return {};
    }
    const std::string password = hop.password.value_or("");
    if (hop.username->size() > limits::kSocks5UserBytes ||
        password.size() > limits::kSocks5PasswordBytes)
        return exchange.fail(UpstreamFault::protocol, Reply::general_failure,
                             "user name or password does not fit into SOCKS5");
    credentials_ += '\x01';
    credentials_ += static_cast<char>(hop.username->size());
    credentials_ += *hop.username;
    credentials_ += static_cast<char>(password.size());
    credentials_ += password;
    exchange.output += "\x05\x02\x00\x02"sv;
    return {};
}

UpstreamStep Socks5Client::step(std::string_view input, UpstreamExchange& exchange) {
    std::size_t consumed = 0;
    for (;;) {
        const std::string_view rest = input.substr(consumed);
        const UpstreamStep step = expect_ == Expect::method   ? read_method(rest, exchange)
                                  : expect_ == Expect::status ? read_status(rest, exchange)
                                                              : read_reply(rest, exchange);
        consumed += step.consumed;
        if (step.next != UpstreamNext::need_bytes || step.consumed == 0)
            return {step.next, consumed};
    }
}

// VER METHOD
UpstreamStep Socks5Client::read_method(std::string_view input, UpstreamExchange& exchange) {
    if (input.empty()) return {};
    if (octet(input, 0) != kVersion) return wrong_version(input, exchange);
    if (input.size() < 2) return {};
    const std::uint8_t method = octet(input, 1);
    if (method == 0xff)
        return exchange.fail(UpstreamFault::authentication, Reply::not_allowed,
                             "SOCKS5 authentication methods refused");
    if (method == 2 && !credentials_.empty()) {
        exchange.output += credentials_;
        expect_ = Expect::status;
    } else if (method == 0) {
        exchange.output += request_;
        expect_ = Expect::reply;
    } else {
        return exchange.fail(UpstreamFault::protocol, Reply::general_failure,
                             fmt::format("SOCKS5 method not offered: 0x{:02x}", method));
    }
    return {UpstreamNext::need_bytes, 2};
}

// VER STATUS
UpstreamStep Socks5Client::read_status(std::string_view input, UpstreamExchange& exchange) {
    if (input.empty()) return {};
    if (octet(input, 0) != 1) return wrong_version(input, exchange);
    if (input.size() < 2) return {};
    if (octet(input, 1) != 0)
        return exchange.fail(UpstreamFault::authentication, Reply::not_allowed,
                             "SOCKS5 authentication failed");
    exchange.output += request_;
    expect_ = Expect::reply;
    return {UpstreamNext::need_bytes, 2};
}

// VER REP RSV ATYP BND.ADDR BND.PORT
UpstreamStep Socks5Client::read_reply(std::string_view input, UpstreamExchange& exchange) {
    if (input.empty()) return {};
    if (octet(input, 0) != kVersion) return wrong_version(input, exchange);
    if (input.size() < 2) return {};
    if (const std::uint8_t code = octet(input, 1); code != 0)
        return exchange.fail(UpstreamFault::refused, translate(code, command_),
                             fmt::format("SOCKS5 request rejected: 0x{:02x}", code));
    if (input.size() < 4) return {};
    std::size_t size = 0;
    switch (const auto type = octet(input, 3)) {
    case 1: size = 4 + 4 + 2; break;
    case 4: size = 4 + 16 + 2; break;
    case 3:
        if (input.size() < 5) return {};
        size = 5u + octet(input, 4) + 2;
        break;
    default:
        return exchange.fail(UpstreamFault::protocol, Reply::general_failure,
                             fmt::format("invalid SOCKS5 reply: address type {}", type));
    }
    if (input.size() < size) return {};
    const bool named = octet(input, 3) == 3;
    const std::size_t address_at = named ? 5 : 4;
    const std::string_view address = input.substr(address_at, size - 2 - address_at);
    const std::uint16_t port = read_port(input, size - 2);
    bound_ = named ? HostPort::named(std::string(address), port)
                   : HostPort::literal({read_ip(address), port});
    return {UpstreamNext::established, size};
}

}  // namespace neosocksd::proto
