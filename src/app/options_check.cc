// The conditions in the order of spec/cli.md section 2.1, then the addresses of section 3. Only
// the first failure is told, as 1.4.2 does. Tested by options_check_test.cc.

#include "app/options_check.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "base/address.h"
#include "base/limits.h"
#include "base/unix_address.h"

namespace neosocksd::app {
namespace {

template <typename T>
std::string out_of_range(std::string_view what, T low, T high) {
    return fmt::format("{} is out of range ({} - {})", what, low, high);
}

// Empty if all is well. A `full` of 0 is no cap, so it bounds nothing and needs no bound.
std::string startups_failure(const Startups& startups, std::int64_t max_sessions) {
    const auto [start, rate, full] = startups;
    if (full > 0 && start > full) return out_of_range<std::int64_t>("startup_limit_start", 0, full);
    if (rate > 100) return out_of_range<std::int64_t>("startup_limit_rate", 0, 100);
    if (max_sessions > 0 && full > max_sessions)
        return out_of_range("startup_limit_full", start, max_sessions);
    return {};
}

std::string configuration_failure(const Options& options) {
    const bool forward = options.forward.has_value();
    if (!options.ruleset.empty() && !options.config.empty())
        return "a ruleset (-r) and a configuration (-c) are both given: let the configuration "
               "bring "
               "the ruleset";
    if (!options.ask.empty() && !options.check) return "--ask needs --check";
    if (options.check && options.ruleset.empty() && options.config.empty())
        return "--check needs a ruleset, -r or -c";
    if (options.family != AF_UNSPEC && options.family != AF_INET && options.family != AF_INET6)
        return fmt::format("resolve_pf is {}: {} is both families, {} is IPv4, {} is IPv6",
                           options.family, AF_UNSPEC, AF_INET, AF_INET6);
    if (options.block_outbound.local && options.block_outbound.global)
        return "local and global addresses are both blocked, by --egress and --ingress or "
               "block_local and block_global: choose one";
    if (options.check) return {};
    if (!options.listen && !options.http_listen) return "listen address is not specified";
    const bool redirected = options.tproxy || options.redirect;
    if (forward + options.tproxy + options.redirect + options.http > 1)
        return "incompatible flags are specified";
    // A chain ends at an address that its last hop can dial.
    if (forward && UnixAddress::recognises(*options.forward)) {
        if (!options.proxy.empty()) return "a Unix socket (-f) is not reached through a proxy (-x)";
        if (options.forward == options.listen) return "-f leads to -l";
    }
    if (redirected && options.listen && UnixAddress::recognises(*options.listen))
        return "a redirected connection does not arrive at a Unix socket";
    if (options.proxy_protocol_out != 0 && !forward)
        return "--proxy-protocol-out needs a target, -f";
    if (options.access_log.empty() && options.access_log_format != AccessFormat::text)
        return "--access-log-format needs --access-log";
    if (options.access_log == "-" && options.daemonize)
        return "a daemon (-d) has no standard output for its access log (--access-log -)";
    if (options.auth_required) {
        if (forward || redirected) return "authentication is not supported in current mode";
        // Only a ruleset can tell good credentials from bad ones. That of a configuration is looked
        // for when it has run.
        if (options.ruleset.empty() && options.config.empty())
            return "ruleset must be enabled for authentication";
    }
    // Written so that a NaN is refused.
    if (!(options.timeout_seconds >= limits::kTimeoutSecondsMin &&
          options.timeout_seconds <= limits::kTimeoutSecondsMax))
        return out_of_range("timeout", limits::kTimeoutSecondsMin, limits::kTimeoutSecondsMax);
    return startups_failure(options.startups, options.max_sessions);
}

bool is_standard_stream(log::Output output) {
    return output != log::Output::syslog && output != log::Output::discard;
}

bool is_listen_address(std::string_view address) {
    std::string_view host;
    std::string_view port;
    return address.size() <= limits::kAddressBytes && split_host_port(address, host, port);
}

}  // namespace

std::vector<Message> check(const Options& options, std::string_view program) {
    using enum log::Level;
    if (std::string failure = configuration_failure(options); !failure.empty())
        return {{error, failure},
                {fatal, fmt::format("configuration check failed, try \"{} --help\" for more "
                                    "information",
                                    program)}};
    if (options.forward) {
        std::string reason;
        if (UnixAddress::recognises(*options.forward)
                ? !UnixAddress::parse(*options.forward, &reason)
                : !HostPort::parse(*options.forward, &reason))
            return {{error, reason}, {fatal, "unable to parse outbound configuration"}};
    }
    for (const auto& address : {options.listen, options.http_listen, options.api}) {
        if (!address) continue;
        const Message refusal{fatal, fmt::format("unable to parse address: {}", *address)};
        std::string reason;
        if (UnixAddress::recognises(*address) && !UnixAddress::parse(*address, &reason))
            return {{error, reason}, refusal};
        if (!is_listen_address(*address)) return {refusal};
    }

    std::vector<Message> messages;
    if ((!options.ruleset.empty() || !options.config.empty()) && !options.proxy.empty())
        messages.push_back({warning, "the proxies of -x come first in every chain of the ruleset"});
    if (options.daemonize && options.log_chosen && is_standard_stream(options.log_output))
        messages.push_back(
            {warning,
             "a daemon (-d) has no output for its log (--log): nothing is logged once it runs; "
             "without --log, or by --log syslog, syslog is used"});
    for (const auto& [name, bytes] : {std::pair("tcp_sndbuf", options.sndbuf_bytes),
                                      std::pair("tcp_rcvbuf", options.rcvbuf_bytes)})
        if (bytes > 0 && bytes < limits::kSocketBufferBytesSmall)
            messages.push_back(
                {warning,
                 fmt::format("{} is {} bytes, which makes bulk transfers slow", name, bytes)});
    if (options.netdev.size() > limits::kInterfaceNameBytes)
        messages.push_back(
            {warning,
             fmt::format("interface name `{}' is cut to `{}'", options.netdev,
                         std::string_view(options.netdev).substr(0, limits::kInterfaceNameBytes))});
    return messages;
}

bool is_fatal(const std::vector<Message>& messages) {
    return std::ranges::any_of(
        messages, [](const Message& message) { return message.level == log::Level::fatal; });
}

}  // namespace neosocksd::app
