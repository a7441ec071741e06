// Plain HTTP forwarding: what becomes of the head of a request in absolute form on its way to the
// target, and of the head of the response on its way back (RFC 9110 section 7.6, RFC 9112).
//
// Heads are rebuilt, never passed on: fields of the connection are dropped, Host comes from the
// URL, the framing is stated anew. A request that two parsers could read differently is refused
// before anything goes upstream.

#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/address.h"
#include "proto/http_body.h"
#include "proto/http_head.h"

namespace neosocksd::proto {

struct ForwardRequest {
    std::string head;         // for the target
    Framing body;             // from the client, and to the target
    bool head_only = false;   // HEAD: the response has no body
    bool http_1_0 = false;    // so is the client
    bool keep_alive = false;  // the client's connection may serve a further request
    bool upgrade = false;     // the response may be a 101, with raw bytes behind it
};

struct ForwardTarget {
    HostPort target;
    std::string text;       // "host:port", for rules and the log
    std::string authority;  // for Host
    std::string path;       // and query; "*" for an OPTIONS that has neither
};

struct ForwardRefusal {
    int status = 400;
    std::string why;
};

// An http:// URL with a host and without user information; the port is 80 by default.
std::expected<ForwardTarget, ForwardRefusal> parse_absolute_form(std::string_view method,
                                                                 std::string_view url);

std::expected<ForwardRequest, ForwardRefusal> rebuild_request(const RequestHead& head,
                                                              const ForwardTarget& target);

struct ForwardResponse {
    enum class Kind : std::uint8_t {
        interim,  // 1xx: another response follows; empty head for clients that do not know these
        final,
        switched,  // 101, as asked: raw bytes follow, in both directions
    };
    Kind kind = Kind::final;
    std::string head;         // for the client
    Framing from_target;      // the body as it arrives
    Framing to_client;        // and as the client gets it: until_close if nothing else is left
    bool keep_alive = false;  // a further request may follow on the client's connection
};

// `keep_alive`: the connection may live on if request and response both allow it. Fails with the
// reason if the response is no valid one to this request.
std::expected<ForwardResponse, std::string> rebuild_response(const ResponseHead& head,
                                                             const ForwardRequest& request,
                                                             bool keep_alive);

}  // namespace neosocksd::proto
