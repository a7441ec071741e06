// Sessions as others see them: what is known of one (SessionFacts, a view; SessionRow, a copy), and
// which of them are meant (SessionFilter). Pure: no sockets, no threads.
// Tested by session_list_test.cc.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/cidr.h"
#include "io/timer.h"

namespace neosocksd::proxy {

enum class SessionState : std::uint8_t {
    request,      // the client has not said yet where it wants to go
    rules,        // the ruleset decides
    dialling,     // the target is being reached, or (BIND) awaited
    established,  // a tunnel
    http,         // a plain HTTP request is being forwarded
    http_idle,    // the client may send a further one
    datagrams,    // a UDP association
    closing,      // the client is told why not
};
const char* state_name(SessionState state);
std::optional<SessionState> state_of(std::string_view name);

// Views of the session's own strings: valid until it runs again.
struct SessionFacts {
    std::uint64_t id = 0;
    Endpoint client;
    std::optional<std::int64_t> client_uid;  // of a client on a Unix socket, which has no address
    std::string_view user;
    std::string_view listener;
    std::string_view protocol;
    std::string_view target;  // as asked
    SessionState state = SessionState::request;
    std::size_t worker = 0;
    io::Duration age{};
    std::uint64_t up_bytes = 0;
    std::uint64_t down_bytes = 0;
};

struct SessionRow {
    std::uint64_t id = 0;
    std::string client;
    std::string announced_by;  // who named the client in a PROXY header
    std::string user;
    std::string listener;
    const char* protocol = "";
    const char* command = "";
    std::string target;
    std::string route;  // what the rules made of the target; empty: it is dialled as asked
    std::vector<std::string> chain;
    std::string address;  // that we are connected to: of the target or of the first hop
    std::size_t worker = 0;
    const char* engine = "";
    SessionState state = SessionState::request;
    io::Duration age{};
    std::uint64_t up_bytes = 0;
    std::uint64_t down_bytes = 0;
    std::uint64_t http_requests = 0;  // plain ones on this connection
    // For filters: what `client` says.
    Endpoint client_address;
    std::optional<std::int64_t> client_uid;
};

SessionFacts facts_of(const SessionRow& row);

// Absent fields match everything.
struct SessionFilter {
    std::optional<std::uint64_t> id;
    std::optional<Cidr> client;
    std::optional<std::uint16_t> client_port;
    std::optional<std::int64_t> client_uid;
    std::optional<std::string> user;    // empty: those without
    std::optional<std::string> target;  // "host:port", "host", or ".domain" and all below it
    std::optional<std::string> listener;
    std::optional<std::string> protocol;
    std::optional<SessionState> state;
    std::optional<std::size_t> worker;
    std::optional<io::Duration> min_age;
    std::optional<io::Duration> max_age;
    std::optional<std::uint64_t> min_bytes;  // of both directions together

    bool matches(const SessionFacts& facts) const;
};

struct SessionQuery {
    SessionFilter filter;
    std::uint64_t after = 0;  // greater ids only
    std::size_t limit = 0;    // rows
};

struct SessionPage {
    std::vector<SessionRow> rows;  // with the smallest ids
    std::size_t matched = 0;       // rows or not
};

}  // namespace neosocksd::proxy
