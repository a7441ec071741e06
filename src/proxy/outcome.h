// Every way a request can end, and what each means for the client, the counters and the log: one
// table.

#pragma once

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "net/dialer.h"
#include "proto/reply.h"
#include "proto/request.h"

namespace neosocksd::proxy {

enum class Outcome : std::uint8_t {
    established,
    early_eof,        // the client ended before its request was complete
    bad_request,      // not understood, or not allowed by the protocol: answered by the machine
    request_timeout,  // the request did not come in time
    client_gone,      // the client hung up while its target was dialled
    rejected,         // by the ruleset
    blocked,          // by --block-outbound
    own_listener,     // the target is one of our own listeners
    unresolved,
    network_unreachable,
    host_unreachable,
    connection_refused,
    connect_failed,   // any other error of connect(2), or no descriptors for it
    upstream_failed,  // a hop said no: its reply is passed on
    dial_timeout,     // the target was not reached in time
    stopped,          // the server ends
    killed,           // by the API
};
inline constexpr std::size_t kOutcomes = static_cast<std::size_t>(Outcome::killed) + 1;

// The reason with which the scope of a session that is killed is cancelled.
inline constexpr int kKilled = EOWNERDEAD;
inline constexpr const char* kKilledText = "killed by the API";

// How a request ended, with what the row of the table cannot know.
struct Ending {
    Outcome outcome = Outcome::established;
    // Of upstream_failed.
    proto::Reply reply = proto::Reply::general_failure;
    // In the reply of SOCKS5, where a BIND had opened a port.
    std::optional<Endpoint> bound;
    std::string text;  // for the log
};

struct OutcomeRow {
    const char* name;  // for counters and logs
    log::Level level;
    proto::Reply socks5;
    int http_status;
    bool silent_socks4;  // close without a reply
    bool silent_socks5;
    bool silent_http;
};
const OutcomeRow& row_of(Outcome outcome);

// What a failed dial means. `scope_reason` is the reason for which the dial's scope was cancelled,
// or 0.
Ending ending_of(net::DialFailure failure, int scope_reason);

// The last bytes for a client whose request has ended so; empty: close without a word.
std::string failure_reply(const Ending& ending, proto::Protocol protocol, std::time_t now);

}  // namespace neosocksd::proxy
