// SOCKS5 as a server hears it. Tested by socks5_server_test.cc.

#include "proto/socks5_server.h"

#include <fmt/format.h>

#include "proto/wire.h"

namespace neosocksd::proto {

using namespace std::string_view_literals;

namespace {

constexpr std::uint8_t kVersion = 5;
constexpr std::uint8_t kCredentialsVersion = 1;
constexpr char kNoAuthentication = 0;
constexpr char kUserPassword = 2;

std::optional<Command> command_of(std::uint8_t code, const ServerOptions& options) {
    if (code == 1) return Command::connect;
    if (code == 2 && options.bind) return Command::bind;
    if (code == 3 && options.udp_associate) return Command::udp_associate;
    return std::nullopt;
}

}  // namespace

Step Socks5Server::step(std::string_view input, Exchange& exchange) {
    std::size_t consumed = 0;
    for (;;) {
        const std::string_view rest = input.substr(consumed);
        const Step step = expect_ == Expect::greeting      ? read_greeting(rest, exchange)
                          : expect_ == Expect::credentials ? read_credentials(rest, exchange)
                                                           : read_request(rest, exchange);
        consumed += step.consumed;
        if (step.next != Next::need_bytes || step.consumed == 0) return {step.next, consumed};
    }
}

// VER NMETHODS METHODS...
Step Socks5Server::read_greeting(std::string_view input, Exchange& exchange) {
    if (input.size() < 2) return {};
    const std::size_t size = 2u + octet(input, 1);
    if (input.size() < size) return {};
    // The client's order is its preference.
    for (const char method : input.substr(2, size - 2)) {
        if (method == kNoAuthentication && !exchange.options.auth_required) {
            exchange.output += "\x05\x00"sv;
            expect_ = Expect::request;
            return {Next::need_bytes, size};
        }
        if (method == kUserPassword) {
            exchange.output += "\x05\x02"sv;
            expect_ = Expect::credentials;
            return {Next::need_bytes, size};
        }
    }
    return exchange.refuse("no acceptable SOCKS5 authentication method", "\x05\xff"sv);
}

// VER ULEN UNAME PLEN PASSWD
Step Socks5Server::read_credentials(std::string_view input, Exchange& exchange) {
    if (input.empty()) return {};
    if (octet(input, 0) != kCredentialsVersion)
        return exchange.refuse(
            fmt::format("invalid SOCKS5 authentication: version=0x{:02x}", octet(input, 0)));
    if (input.size() < 2) return {};
    const std::size_t user_size = octet(input, 1);
    if (input.size() < 3 + user_size) return {};
    const std::size_t password_size = octet(input, 2 + user_size);
    const std::size_t size = 3 + user_size + password_size;
    if (input.size() < size) return {};
    if (user_size == 0 || password_size == 0)
        return exchange.refuse("empty SOCKS5 user name or password", "\x01\x01"sv);
    exchange.output += "\x01\x00"sv;
    exchange.request.username = input.substr(2, user_size);
    exchange.request.password = input.substr(3 + user_size, password_size);
    expect_ = Expect::request;
    return {Next::need_bytes, size};
}

// VER CMD RSV ATYP DST.ADDR DST.PORT
Step Socks5Server::read_request(std::string_view input, Exchange& exchange) {
    if (input.empty()) return {};
    if (octet(input, 0) != kVersion)
        return exchange.refuse(
            fmt::format("invalid SOCKS message: version=0x{:02x}", octet(input, 0)));
    if (input.size() < 4) return {};
    const auto refuse = [&](Reply reply, std::string why) {
        return exchange.refuse(std::move(why), socks5_reply(reply, nullptr));
    };
    const auto command = command_of(octet(input, 1), exchange.options);
    if (!command)
        return refuse(Reply::command_not_supported,
                      fmt::format("SOCKS5 command not supported: {}", octet(input, 1)));

    std::size_t address_at = 4;
    std::size_t address_size = 0;
    switch (const auto type = octet(input, 3)) {
    case 1: address_size = 4; break;
    case 4: address_size = 16; break;
    case 3:
        if (input.size() < 5) return {};
        address_at = 5;
        address_size = octet(input, 4);
        break;
    default:
        return refuse(Reply::address_type_not_supported,
                      fmt::format("SOCKS5 address type not supported: {}", type));
    }
    const std::size_t size = address_at + address_size + 2;
    if (input.size() < size) return {};

    const std::string_view address = input.substr(address_at, address_size);
    const std::uint16_t port = read_port(input, address_at + address_size);
    Request& request = exchange.request;
    request.named = address_at == 5;
    if (!request.named) {
        request.target = HostPort::literal({read_ip(address), port});
    } else if (has_unsafe_bytes(address)) {
        return refuse(Reply::general_failure, "SOCKS5 host name with blanks or control bytes");
    } else {
        request.target = HostPort::named(std::string(address), port);
    }
    request.command = *command;
    request.text = request.target.to_string();
    return {Next::request, size};
}

std::string socks5_reply(Reply reply, const Endpoint* bound) {
    const Endpoint endpoint = bound ? *bound : Endpoint{};
    std::string message = "\x05";
    message += static_cast<char>(reply);
    message += '\0';
    message += endpoint.ip.is_v4() ? '\x01' : '\x04';
    message += endpoint.ip.octets();
    append_port(message, endpoint.port);
    return message;
}

}  // namespace neosocksd::proto
