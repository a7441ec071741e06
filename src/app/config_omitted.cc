// Tested by option_table_test.cc: every option leaves a trace in a dump.

#include "app/config_omitted.h"

namespace neosocksd::app {
namespace {

// Whether the option is given, or one of its members differs from the default, which is the same.
struct Omitted {
    std::string_view name;
    bool (*given)(const Options& options, const Options& usual);
};

template <auto Member>
constexpr Omitted unlike_default(std::string_view name) {
    return {name, [](const Options& o, const Options& d) { return o.*Member != d.*Member; }};
}

constexpr Omitted kOmitted[] = {
    unlike_default<&Options::mixed>("--no-mixed"),
    unlike_default<&Options::proxy_protocol_in>("--proxy-protocol-in"),
    unlike_default<&Options::redirect>("--redirect"),
    unlike_default<&Options::proxy_protocol_out>("--proxy-protocol-out"),
    unlike_default<&Options::bind_address>("--bind-address"),
    unlike_default<&Options::fwmark>("--fwmark"),
    // The field says whether there may be pipes.
    {"--pipe", [](const Options& o, const Options&) { return o.relay == RelayMode::splice; }},
    unlike_default<&Options::io>("--io"),
    unlike_default<&Options::threads>("--threads"),
    unlike_default<&Options::busy_poll_microseconds>("--busy-poll"),
    // The field says whether there are probes.
    {"--keepalive",
     [](const Options& o, const Options& d) {
         return o.keepalive_seconds != d.keepalive_seconds && o.keepalive_seconds != 0;
     }},
    // The field of this name is a table.
    unlike_default<&Options::ruleset>("--ruleset"),
    unlike_default<&Options::lua_watchdog_seconds>("--lua-watchdog"),
    unlike_default<&Options::api_token_file>("--api-token-file"),
    unlike_default<&Options::api_hosts>("--api-host"),
    unlike_default<&Options::proto_timeout>("--proto-timeout"),
    unlike_default<&Options::drain_seconds>("--drain"),
    unlike_default<&Options::pidfile>("--pidfile"),
    unlike_default<&Options::sandbox>("--sandbox"),
    unlike_default<&Options::log_output>("--log"),
    unlike_default<&Options::access_log>("--access-log"),
    unlike_default<&Options::access_log_format>("--access-log-format"),
};

}  // namespace

std::vector<std::string_view> options_without_field(const Options& options) {
    const Options usual;
    std::vector<std::string_view> names;
    for (const Omitted& omitted : kOmitted)
        if (omitted.given(options, usual)) names.push_back(omitted.name);
    return names;
}

}  // namespace neosocksd::app
