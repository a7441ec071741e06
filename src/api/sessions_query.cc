// Tested by sessions_query_test.cc.

#include "api/sessions_query.h"

#include <cmath>

#include <fmt/format.h>

#include "base/limits.h"
#include "base/number.h"

namespace neosocksd::api {
namespace {

using proxy::SessionFilter;
using proxy::SessionQuery;

constexpr std::string_view kUnixClient = "unix:uid=";

template <typename T>
bool read_number(std::string_view text, std::optional<T>& out) {
    const auto value = parse_whole<T>(text);
    if (value) out = value;
    return value.has_value();
}

bool read_seconds(std::string_view text, std::optional<io::Duration>& out) {
    constexpr double kMost = 1e9;  // thirty years
    std::optional<double> seconds;
    if (!read_number(text, seconds) || !(*seconds >= 0 && *seconds <= kMost)) return false;
    out = std::chrono::duration_cast<io::Duration>(std::chrono::duration<double>(*seconds));
    return true;
}

// "192.0.2.1", "192.0.2.0/24", "192.0.2.1:4000", "[2001:db8::1]:4000", "unix:uid=1000"
bool read_client(std::string_view text, SessionFilter& filter) {
    if (text.starts_with(kUnixClient))
        return read_number(text.substr(kUnixClient.size()), filter.client_uid);
    filter.client = Cidr::parse(text);
    if (filter.client) return true;
    const auto endpoint = HostPort::parse(text);
    if (!endpoint || !endpoint->ip) return false;
    filter.client = Cidr{*endpoint->ip, endpoint->ip->is_v4() ? 32u : 128u};
    filter.client_port = endpoint->port;
    return true;
}

bool read_state(std::string_view text, std::optional<proxy::SessionState>& out) {
    out = proxy::state_of(text);
    return out.has_value();
}

// Nothing: there is no such filter. Otherwise whether the value is one.
std::optional<bool> read_field(const std::string& key, const std::string& value,
                               SessionFilter& filter) {
    if (key == "client") return read_client(value, filter);
    if (key == "state") return read_state(value, filter.state);
    if (key == "worker") return read_number(value, filter.worker);
    if (key == "min_age") return read_seconds(value, filter.min_age);
    if (key == "max_age") return read_seconds(value, filter.max_age);
    if (key == "min_bytes") return read_number(value, filter.min_bytes);
    if (key == "user") return filter.user = value, true;
    if (key == "target") return filter.target = value, !value.empty();
    if (key == "listener") return filter.listener = value, !value.empty();
    if (key == "protocol") return filter.protocol = value, !value.empty();
    return std::nullopt;
}

std::optional<bool> read_paging(const std::string& key, const std::string& value,
                                SessionQuery& query) {
    std::optional<std::uint64_t> number;
    if (key == "after") {
        if (!read_number(value, number)) return false;
        query.after = *number;
        return true;
    }
    if (key == "limit") {
        if (!read_number(value, number) || *number > limits::kSessionPageRowsMax) return false;
        query.limit = *number;
        return true;
    }
    return std::nullopt;
}

std::string complaint(const std::string& key, bool known) {
    return fmt::format("sessions: {} `{}'\n", known ? "bad value of" : "unknown parameter", key);
}

}  // namespace

std::expected<SessionFilter, std::string> parse_session_filter(const Query& query) {
    SessionFilter filter;
    for (const auto& [key, value] : query.values()) {
        const auto good = read_field(key, value, filter);
        if (!good || !*good) return std::unexpected(complaint(key, good.has_value()));
    }
    return filter;
}

std::expected<SessionQuery, std::string> parse_session_query(const Query& query) {
    SessionQuery result;
    result.limit = limits::kSessionPageRows;
    for (const auto& [key, value] : query.values()) {
        auto good = read_paging(key, value, result);
        if (!good) good = read_field(key, value, result.filter);
        if (!good || !*good) return std::unexpected(complaint(key, good.has_value()));
    }
    return result;
}

std::optional<io::Duration> parse_seconds(std::string_view text) {
    std::optional<io::Duration> seconds;
    if (!read_seconds(text, seconds)) return std::nullopt;
    return seconds;
}

std::optional<std::uint64_t> parse_session_id(std::string_view text) {
    std::optional<std::uint64_t> id;
    if (text.starts_with('0') || !read_number(text, id)) return std::nullopt;
    return id;
}

}  // namespace neosocksd::api
