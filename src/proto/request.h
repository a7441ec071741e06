// What a client asked for, whatever protocol it spoke.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/address.h"
#include "proto/http_forward.h"

namespace neosocksd::proto {

enum class Protocol : std::uint8_t { none, socks4, socks4a, socks5, http };

// bind and udp_associate are SOCKS5 only, and only where ServerOptions enables them.
// http_forward is a plain HTTP request for an http:// URL: see `http`.
enum class Command : std::uint8_t { connect, bind, udp_associate, http_forward };

struct Request {
    Protocol protocol = Protocol::none;
    Command command = Command::connect;
    HostPort target;
    // The target exactly as asked, which is what rules see: the HTTP request-target verbatim,
    // "host:port" otherwise.
    std::string text;
    // It came as a name (SOCKS4A, SOCKS5 ATYP 03, HTTP), even if the name spells a literal
    // address. Such requests go to the rule `resolve`.
    bool named = false;
    // False only for an HTTP target that is no "host:port" and only under
    // ServerOptions::raw_target: `target` is then empty and only rules can replace it.
    bool target_valid = true;
    // SOCKS4: the user id, never a password. SOCKS5 and HTTP: both or neither.
    std::optional<std::string> username;
    std::optional<std::string> password;
    // Of http_forward: what the target is to be told.
    std::optional<ForwardRequest> http;
};

}  // namespace neosocksd::proto
