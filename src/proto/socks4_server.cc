// SOCKS4 and SOCKS4A as a server hears them. Tested by socks4_server_test.cc.

#include "proto/socks4_server.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "proto/wire.h"

namespace neosocksd::proto {

namespace {

constexpr std::size_t kFixedPart = 8;  // version, command, port, address
constexpr std::uint8_t kConnect = 1;

enum class Found : std::uint8_t { incomplete, too_long, complete };

// A text ended by NUL at the start of `input`.
Found read_text(std::string_view input, std::size_t bytes_max, std::string_view& text) {
    const auto end = input.substr(0, bytes_max + 1).find('\0');
    if (end == std::string_view::npos)
        return input.size() > bytes_max ? Found::too_long : Found::incomplete;
    text = input.substr(0, end);
    return Found::complete;
}

}  // namespace

Step Socks4Server::step(std::string_view input, Exchange& exchange) {
    if (input.size() < kFixedPart) return {};
    const auto refuse = [&](std::string why) {
        return exchange.refuse(std::move(why), socks4_reply(false));
    };
    if (const int command = octet(input, 1); command != kConnect)
        return refuse(fmt::format("SOCKS4 command not supported: {}", command));
    const std::uint16_t port = read_port(input, 2);
    const std::string_view ip = input.substr(4, 4);
    std::size_t consumed = kFixedPart;

    std::string_view user;
    switch (read_text(input.substr(consumed), limits::kSocks4UserBytes, user)) {
    case Found::incomplete: return {};
    case Found::too_long: return refuse("SOCKS4 user id too long");
    case Found::complete: consumed += user.size() + 1;
    }

    Request& request = exchange.request;
    // 0.0.0.x announces a name; 0.0.0.0 itself is an ordinary address.
    if (ip.starts_with(std::string_view("\0\0\0", 3)) && ip[3] != 0) {
        std::string_view name;
        switch (read_text(input.substr(consumed), limits::kHostBytes, name)) {
        case Found::incomplete: return {};
        case Found::too_long: return refuse("SOCKS4A host name too long");
        case Found::complete: consumed += name.size() + 1;
        }
        if (has_unsafe_bytes(name)) return refuse("SOCKS4A host name with blanks or control bytes");
        request.protocol = Protocol::socks4a;
        request.target = HostPort::named(std::string(name), port);
        request.named = true;
    } else {
        request.target = HostPort::literal({read_ip(ip), port});
    }
    request.text = request.target.to_string();
    request.username = user;
    return {Next::request, consumed};
}

std::string socks4_reply(bool granted) {
    std::string reply(8, '\0');
    reply[1] = granted ? 0x5a : 0x5b;
    return reply;
}

}  // namespace neosocksd::proto
