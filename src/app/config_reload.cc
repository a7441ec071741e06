// Tested by config_reload_test.cc and tests/e2e/test_config_reload.py.

#include "app/config_reload.h"

#include <fmt/format.h>

#include "app/config_fields.h"
#include "app/options_check.h"
#include "app/outbound.h"
#include "net/dns_client.h"

namespace neosocksd::app {
namespace {

// Empty if the program would start with these.
std::string start_failure(const Options& options) {
    const auto messages = check(options, "neosocksd");
    if (!is_fatal(messages)) return {};
    // What is wrong, and only then that this is fatal.
    return messages.front().text;
}

}  // namespace

std::expected<ConfigReload, std::string> plan_reload(const Options& running,
                                                     const Options& wanted) {
    if (std::string failure = start_failure(wanted); !failure.empty())
        return std::unexpected(std::move(failure));
    // The start goes on without it. Here the old ones are still there, and are the better answer.
    if (!net::is_nameserver_list(wanted.nameserver))
        return std::unexpected(fmt::format("bad list of name servers: `{}'", wanted.nameserver));
    ConfigReload reload{.options = running, .outbound = {}, .restart = {}};
    Options& options = reload.options;
    options.loglevel = wanted.loglevel;
    options.memlimit = wanted.memlimit;
    options.traceback = wanted.traceback;
    options.nameserver = wanted.nameserver;
    options.proxy = wanted.proxy;
    // Another target for a listener that forwards; whether it does is settled when it is bound.
    if (options.forward && wanted.forward) options.forward = wanted.forward;
    auto outbound = parse_outbound(options);
    if (!outbound) return std::unexpected(std::move(outbound.error()));
    reload.outbound = std::move(*outbound);
    reload.restart = differing_fields(options, wanted);
    return reload;
}

}  // namespace neosocksd::app
