// What the rules are told of a request: the arguments of ruleset.resolve, route and route6.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace neosocksd::ruleset {

struct Request {
    enum class Kind : std::uint8_t { resolve, route, route6 };

    Kind kind = Kind::resolve;
    std::string address;  // "host:port", as the client asked for it
    std::optional<std::string> username;
    std::optional<std::string> password;

    // The fourth argument, a table. Empty fields are absent there.
    std::string client;                   // "address:port"; empty for a client on a Unix socket
    std::string listener;                 // the address it connected to, or "unix:PATH"
    const char* protocol = "";            // "socks5", "http" ...: proxy::protocol_name()
    const char* command = "";             // "connect", "bind", "udp"
    std::optional<std::int64_t> user_id;  // of a client on a Unix socket
    std::string proxy_source;             // who announced the client by the PROXY protocol
};

const char* callback_name(Request::Kind kind);

// Sets who asks: "ADDRESS:PORT", "ADDRESS" (port 0), or "unix:uid=NUMBER", as the filters of
// /sessions name clients. False, and nothing is set, if it is none of these.
bool set_client(Request& request, std::string_view client);

}  // namespace neosocksd::ruleset
