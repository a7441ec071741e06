// Tested by outcome_test.cc.

#include "proxy/outcome.h"

#include <array>
#include <cerrno>

#include "proto/http_page.h"
#include "proto/socks4_server.h"
#include "proto/socks5_server.h"

namespace neosocksd::proxy {
namespace {

using log::Level;
using proto::Reply;

// Sources: spec/protocols.md sections 2-4 and its quirks 2, 10, 14, 17; spec/cli.md section 8.
constexpr std::array<OutcomeRow, kOutcomes> kRows = {{
    // name, level, SOCKS5, HTTP, silent for SOCKS4, SOCKS5, HTTP
    {"established", Level::debug, Reply::succeeded, 200, false, false, false},
    {"early_eof", Level::warning, Reply::general_failure, 400, true, true, true},
    {"bad_request", Level::error, Reply::general_failure, 400, true, true, true},
    {"request_timeout", Level::warning, Reply::ttl_expired, 0, true, true, true},
    {"client_gone", Level::debug, Reply::general_failure, 0, true, true, true},
    {"rejected", Level::debug, Reply::general_failure, 403, false, false, false},
    {"blocked", Level::warning, Reply::not_allowed, 502, false, false, false},
    {"own_listener", Level::warning, Reply::not_allowed, 403, false, false, false},
    {"unresolved", Level::warning, Reply::host_unreachable, 502, false, false, false},
    {"network_unreachable", Level::warning, Reply::network_unreachable, 502, false, false, false},
    {"host_unreachable", Level::warning, Reply::host_unreachable, 502, false, false, false},
    {"connection_refused", Level::warning, Reply::connection_refused, 502, false, false, false},
    {"connect_failed", Level::warning, Reply::general_failure, 502, false, false, false},
    {"upstream_failed", Level::error, Reply::general_failure, 502, false, false, false},
    {"dial_timeout", Level::warning, Reply::ttl_expired, 0, true, false, true},
    {"stopped", Level::debug, Reply::general_failure, 0, true, true, true},
    {"killed", Level::notice, Reply::general_failure, 0, true, true, true},
}};

Outcome outcome_of_connect(int code) {
    switch (code) {
    case ENETUNREACH: return Outcome::network_unreachable;
    case EHOSTUNREACH: return Outcome::host_unreachable;
    case ECONNREFUSED: return Outcome::connection_refused;
    default: return Outcome::connect_failed;
    }
}

}  // namespace

const OutcomeRow& row_of(Outcome outcome) {
    return kRows[static_cast<std::size_t>(outcome)];
}

Ending ending_of(net::DialFailure failure, int scope_reason) {
    Ending ending;
    ending.text = std::move(failure.text);
    ending.reply = failure.reply;
    using Cause = net::DialFailure::Cause;
    if (scope_reason != 0) {
        ending.outcome = scope_reason == ETIMEDOUT    ? Outcome::dial_timeout
                         : scope_reason == ECONNRESET ? Outcome::client_gone
                         : scope_reason == kKilled    ? Outcome::killed
                                                      : Outcome::stopped;
        if (scope_reason == ETIMEDOUT) ending.text = "connection timeout";
        if (scope_reason == ECONNRESET) ending.text = "the client hung up";
        if (scope_reason == kKilled) ending.text = kKilledText;
        return ending;
    }
    switch (failure.cause) {
    case Cause::unresolved: ending.outcome = Outcome::unresolved; break;
    case Cause::blocked: ending.outcome = Outcome::blocked; break;
    case Cause::own_listener: ending.outcome = Outcome::own_listener; break;
    case Cause::upstream: ending.outcome = Outcome::upstream_failed; break;
    case Cause::connect: ending.outcome = outcome_of_connect(failure.code); break;
    }
    return ending;
}

std::string failure_reply(const Ending& ending, proto::Protocol protocol, std::time_t now) {
    const OutcomeRow& row = row_of(ending.outcome);
    switch (protocol) {
    case proto::Protocol::socks4:
    case proto::Protocol::socks4a:
        return row.silent_socks4 ? std::string() : proto::socks4_reply(false);
    case proto::Protocol::socks5:
        if (row.silent_socks5) return {};
        return proto::socks5_reply(
            ending.outcome == Outcome::upstream_failed ? ending.reply : row.socks5,
            ending.bound ? &*ending.bound : nullptr);
    case proto::Protocol::http:
        return row.silent_http ? std::string() : proto::http_error_page(row.http_status, now);
    case proto::Protocol::none: return {};
    }
    return {};
}

}  // namespace neosocksd::proxy
