// Which sessions a request to /sessions means: its query as a filter. What is not understood is an
// error, for a filter with a typing mistake in it must not end every session there is.
// Tested by sessions_query_test.cc.

#pragma once

#include <expected>
#include <optional>
#include <string>

#include "api/request_target.h"
#include "proxy/session_list.h"

namespace neosocksd::api {

// client, user, target, listener, protocol, state, worker, min_age, max_age, min_bytes. The error
// is a line for whoever asks.
std::expected<proxy::SessionFilter, std::string> parse_session_filter(const Query& query);
// The same with `after` and `limit`.
std::expected<proxy::SessionQuery, std::string> parse_session_query(const Query& query);

// "1.5": nothing that is negative or beyond a lifetime.
std::optional<io::Duration> parse_seconds(std::string_view text);
// "17", as in /sessions/17.
std::optional<std::uint64_t> parse_session_id(std::string_view text);

}  // namespace neosocksd::api
