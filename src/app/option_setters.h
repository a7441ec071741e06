// What the rows of the option table do with their values: one function for each way to read one.
// False if the value cannot be read; the options are then as before. Included by option_table.cc
// only, whose rows are to be read beside one another.

#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "app/option_table.h"
#include "app/option_values.h"
#include "base/limits.h"

namespace neosocksd::app {

// In the order of IoEngine.
inline constexpr std::string_view kIoWords[] = {"auto", "uring", "epoll"};
// In the order of SandboxMode.
inline constexpr std::string_view kSandboxWords[] = {"auto", "on", "strict", "off"};
// In the order of the versions.
inline constexpr std::string_view kProxyProtocolWords[] = {"v1", "v2"};
inline constexpr std::string_view kLogWords[] = {"stdout", "stderr", "terminal", "syslog",
                                                 "discard"};

// In the order of AccessFormat.
inline constexpr std::string_view kAccessFormatWords[] = {"text", "json"};

inline constexpr std::string_view kListenAllowed =
    "HOST:PORT, port 0-65535 or a service name; unix:/PATH; unix:@NAME; systemd:[NAME]";
inline constexpr std::string_view kBufferAllowed = "4096-536870912 or 4k-512m";

inline bool set_listen(std::optional<std::string>& address, Value value) {
    if (listen_port_overflows(*value)) return false;
    address = *value;
    return true;
}

inline bool set_http(Options& options, Value value) {
    if (value && listen_port_overflows(*value)) return false;
    options.http = true;
    options.http_listen = value;
    return true;
}

inline bool set_io(Options& options, Value value) {
    const auto index = find_word(kIoWords, *value);
    if (index) options.io = static_cast<IoEngine>(*index);
    return index.has_value();
}

inline bool set_sandbox(Options& options, Value value) {
    const auto index = find_word(kSandboxWords, *value);
    if (index) options.sandbox = static_cast<SandboxMode>(*index);
    return index.has_value();
}

inline bool set_threads(Options& options, Value value) {
    const auto count = parse_integer(*value, 1, limits::kWorkers);
    if (count) options.threads = static_cast<int>(*count);
    return count.has_value();
}

inline bool set_busy_poll(Options& options, Value value) {
    const auto microseconds = parse_integer(*value, 0, limits::kBusyPollMicrosecondsMax);
    if (microseconds) options.busy_poll_microseconds = static_cast<int>(*microseconds);
    return microseconds.has_value();
}

// The range is left to the configuration check, whose message 1.4.2 users know.
inline bool set_timeout(Options& options, Value value) {
    const auto seconds = parse_number(*value);
    if (seconds) options.timeout_seconds = *seconds;
    return seconds.has_value();
}

inline bool set_drain(Options& options, Value value) {
    const auto seconds = parse_number(*value);
    // Written so that a NaN is refused.
    if (!seconds || !(*seconds >= 0 && *seconds <= limits::kDrainSecondsMax)) return false;
    options.drain_seconds = *seconds;
    return true;
}

inline bool set_max_sessions(Options& options, Value value) {
    const auto count = parse_integer(*value, 0, kIntegerMax);
    if (count) options.max_sessions = *count;
    return count.has_value();
}

inline bool set_max_startups(Options& options, Value value) {
    const auto startups = parse_startups(*value);
    if (startups) options.startups = *startups;
    return startups.has_value();
}

inline bool set_proxy_protocol_in(Options& options, Value value) {
    auto peers = parse_cidr_list(*value);
    if (peers) options.proxy_protocol_in = std::move(*peers);
    return peers.has_value();
}

inline bool set_proxy_protocol_out(Options& options, Value value) {
    const auto index = find_word(kProxyProtocolWords, *value);
    if (index) options.proxy_protocol_out = static_cast<int>(*index) + 1;
    return index.has_value();
}

inline bool set_block_outbound(Options& options, Value value) {
    const auto blocked = parse_block_outbound(*value);
    if (blocked) options.block_outbound = *blocked;
    return blocked.has_value();
}

inline bool set_bind_address(Options& options, Value value) {
    const auto source = parse_source_address(*value);
    if (source) options.bind_address = *source;
    return source.has_value();
}

inline bool set_fwmark(Options& options, Value value) {
    const auto mark = parse_mark(*value);
    if (mark) options.fwmark = *mark;
    return mark.has_value();
}

template <int Options::* Field>
bool set_buffer(Options& options, Value value) {
    const auto bytes = parse_buffer_size(*value);
    if (bytes) options.*Field = *bytes;
    return bytes.has_value();
}

inline bool set_keepalive(Options& options, Value value) {
    const auto seconds = parse_keepalive(*value);
    if (seconds) options.keepalive_seconds = *seconds;
    return seconds.has_value();
}

inline bool set_log(Options& options, Value value) {
    if (!log::parse_output(*value, options.log_output)) return false;
    options.log_chosen = true;
    return true;
}

inline bool set_loglevel(Options& options, Value value) {
    const auto level = parse_integer(*value, 0, kIntegerMax);
    if (!level) return false;
    constexpr auto kHighest = static_cast<std::int64_t>(log::Level::very_verbose);
    options.loglevel = static_cast<int>(std::min(*level, kHighest));
    return true;
}

inline bool set_access_log_format(Options& options, Value value) {
    const auto index = find_word(kAccessFormatWords, *value);
    if (index) options.access_log_format = static_cast<AccessFormat>(*index);
    return index.has_value();
}

// Less than nothing is no limit, as in 1.4.2.
inline bool set_memlimit(Options& options, Value value) {
    const bool negative = value->starts_with('-');
    const auto mebibytes = parse_integer(value->substr(negative ? 1 : 0), 0, kIntegerMax);
    if (mebibytes) options.memlimit = negative ? 0 : *mebibytes;
    return mebibytes.has_value();
}

inline bool set_lua_watchdog(Options& options, Value value) {
    const auto seconds = *value == "off" ? 0.0 : parse_number(*value);
    if (!seconds || !(*seconds >= 0 && *seconds <= limits::kWatchdogSecondsMax)) return false;
    options.lua_watchdog_seconds = *seconds;
    return true;
}

inline bool set_api_host(Options& options, Value value) {
    auto names = parse_host_names(*value);
    if (names) options.api_hosts = std::move(*names);
    return names.has_value();
}

// For options that only store what follows, or switch one field.
template <auto Field>
bool set_text(Options& options, Value value) {
    options.*Field = std::string(*value);
    return true;
}

template <auto Field, auto Constant>
bool set_to(Options& options, Value) {
    options.*Field = Constant;
    return true;
}

}  // namespace neosocksd::app
