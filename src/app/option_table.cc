// The rows. Order within a topic is the order of the usage text. Ranges in `allowed` repeat the
// bounds of base/limits.h in words; option_table_test.cc holds them together.

#include "app/option_table.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/option_docs.h"
#include "app/option_setters.h"

namespace neosocksd::app {
namespace {

constexpr OptionSpec kTable[] = {
    {.short_name = "-l",
     .long_name = "--listen",
     .argument = "ADDRESS",
     .topic = Topic::listening,
     .help = "Proxy listen address; \":1080\" is every IPv4 address, \"[::]:1080\" IPv6 too",
     .allowed = kListenAllowed,
     .apply = [](Options& o, Value v) { return set_listen(o.listen, v); }},
    {.long_name = "--http",
     .argument = "ADDRESS",
     .argument_optional = true,
     .topic = Topic::listening,
     .help = "HTTP proxy on ADDRESS, beside -l; without ADDRESS, -l speaks HTTP instead of SOCKS",
     .allowed = kListenAllowed,
     .apply = set_http},
    {.long_name = "--no-mixed",
     .topic = Topic::listening,
     .help = "Speak only SOCKS on the SOCKS listener; otherwise it recognises and serves HTTP "
             "clients too",
     .apply = set_to<&Options::mixed, false>},
    {.long_name = "--proxy-protocol-in",
     .argument = "CIDR[,CIDR...]",
     .topic = Topic::listening,
     .help = "These peers must begin each connection with a PROXY header (version 1 or 2), and are "
             "believed",
     .allowed = "addresses or prefixes such as 192.0.2.0/24",
     .apply = set_proxy_protocol_in},
    {.long_name = "--tproxy",
     .topic = Topic::listening,
     .help = "Transparent proxy: connections that TPROXY firewall rules bring to -l are dialled "
             "where they were going",
     .apply = set_to<&Options::tproxy, true>},
    {.long_name = "--redirect",
     .topic = Topic::listening,
     .help = "The same for connections that NAT REDIRECT rules bring to -l",
     .apply = set_to<&Options::redirect, true>},
    {.long_name = "--auth-required",
     .topic = Topic::listening,
     .help = "Refuse SOCKS5 and HTTP clients that give no user name and password; needs a ruleset",
     .apply = set_to<&Options::auth_required, true>},
    {.long_name = "--enable-socks5-bind",
     .topic = Topic::listening,
     .help = "Let SOCKS5 clients wait for connections from outside (BIND)",
     .apply = set_to<&Options::socks5_bind, true>},
    {.long_name = "--enable-socks5-udp",
     .topic = Topic::listening,
     .help = "Let SOCKS5 clients exchange datagrams (UDP ASSOCIATE)",
     .apply = set_to<&Options::socks5_udp, true>},
    {.long_name = "--reuseport",
     .topic = Topic::listening,
     .help = "Let several instances share the listen addresses (SO_REUSEPORT); all must use it",
     .apply = set_to<&Options::reuseport, true>},
    {.long_name = "--no-fastopen",
     .topic = Topic::listening,
     .help = "Do not accept TCP Fast Open on listening sockets",
     .apply = set_to<&Options::fastopen, false>},

    {.short_name = "-f",
     .long_name = "--forward",
     .argument = "HOST:PORT",
     .topic = Topic::outgoing,
     .help = "Speak no proxy protocol: forward every connection to this target, which may be "
             "unix:/PATH or unix:@NAME",
     .apply = set_text<&Options::forward>},
    {.long_name = "--proxy-protocol-out",
     .argument = "VERSION",
     .topic = Topic::outgoing,
     .help = "Tell the target of -f who the client is, by a PROXY header",
     .words = kProxyProtocolWords,
     .apply = set_proxy_protocol_out},
    {.short_name = "-x",
     .long_name = "--proxy",
     .argument = "URI[,URI...]",
     .topic = Topic::outgoing,
     .help = "Connect through this chain of upstream proxies, first hop first; "
             "SCHEME://[USER[:PASSWORD]@]HOST[:PORT] with scheme socks4a, socks5 or http",
     .apply = set_text<&Options::proxy>},
    {.short_name = "-4",
     .topic = Topic::outgoing,
     .help = "Resolve names to IPv4 addresses only; does not affect literal addresses or names "
             "sent to an upstream proxy",
     .apply = set_to<&Options::family, AF_INET>},
    {.short_name = "-6",
     .topic = Topic::outgoing,
     .help = "Resolve names to IPv6 addresses only, in the same way",
     .apply = set_to<&Options::family, AF_INET6>},
    {.long_name = "--nameserver",
     .argument = "IP[:PORT][,...]",
     .topic = Topic::outgoing,
     .help = "DNS servers to ask instead of those of the system",
     .apply = set_text<&Options::nameserver>},
    {.short_name = "-i",
     .long_name = "--netdev",
     .argument = "INTERFACE",
     .topic = Topic::outgoing,
     .help = "Bind outgoing connections to this network interface; a connection that cannot be "
             "bound fails",
     .apply = set_text<&Options::netdev>},
    {.long_name = "--block-outbound",
     .argument = "LIST",
     .topic = Topic::outgoing,
     .help = "Address classes that clients may not reach, separated by commas; an empty list "
             "allows all",
     .allowed = "loopback, multicast, local, global; not local with global",
     .default_text = "multicast",
     .words = kAddressClassWords,
     .apply = set_block_outbound},
    {.long_name = "--ingress",
     .topic = Topic::outgoing,
     .help = "Let clients reach local addresses only: adds global to the classes of "
             "--block-outbound, which is its newer name",
     .apply =
         [](Options& o, Value) {
             o.block_outbound.global = true;
             return true;
         }},
    {.long_name = "--egress",
     .topic = Topic::outgoing,
     .help = "Let clients reach no local address: adds loopback and local; not with --ingress",
     .apply =
         [](Options& o, Value) {
             o.block_outbound.loopback = o.block_outbound.local = true;
             return true;
         }},
    {.long_name = "--bind-address",
     .argument = "ADDR[,ADDR6]",
     .topic = Topic::outgoing,
     .help = "Make outgoing connections from this address; without one of their family they fail",
     .allowed = "one IP address of either family, or one of each",
     .apply = set_bind_address},
    {.long_name = "--fwmark",
     .argument = "N",
     .topic = Topic::outgoing,
     .help = "Mark outgoing connections for the firewall and policy routing (SO_MARK)",
     .allowed = "0-4294967295 or 0x0-0xffffffff",
     .default_text = "0",
     .apply = set_fwmark},
    {.long_name = "--fastopen-connect",
     .topic = Topic::outgoing,
     .help = "Use TCP Fast Open on outgoing connections",
     .apply = set_to<&Options::fastopen_connect, true>},

    {.long_name = "--pipe",
     .topic = Topic::relaying,
     .help = "Relay with splice(2) from the first byte; otherwise bulk is spliced and small "
             "messages are copied",
     .apply = set_to<&Options::relay, RelayMode::splice>},
    {.long_name = "--no-pipe",
     .topic = Topic::relaying,
     .help = "Relay by copying only",
     .apply = set_to<&Options::relay, RelayMode::copy>},
    {.long_name = "--io",
     .argument = "ENGINE",
     .topic = Topic::relaying,
     .help = "How to wait for and perform I/O; auto takes io_uring where the kernel permits it",
     .default_text = "auto",
     .words = kIoWords,
     .apply = set_io},
    {.long_name = "--threads",
     .argument = "N",
     .topic = Topic::relaying,
     .help = "Worker threads",
     .allowed = "1-256",
     .default_text = "one for each CPU this process may run on",
     .apply = set_threads},
    {.long_name = "--busy-poll",
     .argument = "MICROSECONDS",
     .topic = Topic::relaying,
     .help = "Before a worker sleeps, look for so long whether something happens: lower latency "
             "for CPU time",
     .allowed = "0-1000",
     .default_text = "0 (off)",
     .apply = set_busy_poll},

    {.long_name = "--sndbuf",
     .argument = "BYTES",
     .topic = Topic::relaying,
     .help = "Send buffer of each socket on both sides, instead of one that the kernel adapts",
     .allowed = kBufferAllowed,
     .apply = set_buffer<&Options::sndbuf_bytes>},
    {.long_name = "--rcvbuf",
     .argument = "BYTES",
     .topic = Topic::relaying,
     .help = "Receive buffer, in the same way",
     .allowed = kBufferAllowed,
     .apply = set_buffer<&Options::rcvbuf_bytes>},
    {.long_name = "--keepalive",
     .argument = "SECONDS",
     .topic = Topic::relaying,
     .help = "Probe idle connections on both sides after this time",
     .allowed = "1-32767 or off",
     .default_text = "120",
     .apply = set_keepalive},

    {.short_name = "-r",
     .long_name = "--ruleset",
     .argument = "FILE",
     .topic = Topic::rules,
     .help = "Load this Lua ruleset, which decides each request; SIGHUP loads it again",
     .apply = set_text<&Options::ruleset>},
    {.short_name = "-c",
     .long_name = "--config",
     .argument = "FILE",
     .topic = Topic::rules,
     .help = "Run this Lua script, which returns a table of settings and may bring the ruleset; "
             "not with -r",
     .apply = set_text<&Options::config>},
    {.long_name = "--dump-config",
     .topic = Topic::rules,
     .help = "Print the settings as such a table, and exit",
     .apply = set_to<&Options::dump_config, true>},
    {.long_name = "--check",
     .topic = Topic::rules,
     .help = "Load the rules, report errors, and exit: 0 if all is well, and accepted if asked for",
     .apply = set_to<&Options::check, true>},
    {.long_name = "--ask",
     .argument = "HOST:PORT",
     .topic = Topic::rules,
     .help = "With --check: print what the rules decide for this target; --user USER[:PASSWORD] "
             "says who asks",
     .apply = set_text<&Options::ask>},
    {.long_name = "--from",
     .argument = "ADDRESS:PORT",
     .topic = Topic::rules,
     .help = "With --ask: where the client comes from",
     .default_text = "127.0.0.1:0, this machine",
     .apply = set_text<&Options::ask_from>},
    {.long_name = "--traceback",
     .topic = Topic::rules,
     .help = "Let error messages of Lua end in a traceback",
     .apply = set_to<&Options::traceback, true>},
    {.long_name = "--memlimit",
     .argument = "MIB",
     .topic = Topic::rules,
     .help = "Collect Lua's garbage before each event if it has more memory than this; nothing is "
             "refused",
     .allowed = "0-2147483647",
     .default_text = "0 (off)",
     .apply = set_memlimit},
    {.long_name = "--lua-watchdog",
     .argument = "SECONDS",
     .topic = Topic::rules,
     .help = "Warn, with a traceback, of Lua code that runs longer than this without a pause",
     .allowed = "0-86400 or off",
     .default_text = "1",
     .apply = set_lua_watchdog},

    {.long_name = "--api",
     .argument = "ADDRESS",
     .topic = Topic::api,
     .help = "Serve the REST API here: statistics, metrics, and control of the ruleset. It runs "
             "code: keep it on loopback or a Unix socket, or protect it by tokens",
     .allowed = kListenAllowed,
     .apply = [](Options& o, Value v) { return set_listen(o.api, v); }},
    {.long_name = "--no-conn-cache",
     .topic = Topic::api,
     .help = "Accepted for command lines of 1.5, without effect: connections for RPC are not kept",
     .apply = [](Options&, Value) { return true; }},
    {.long_name = "--api-token-file",
     .argument = "FILE",
     .topic = Topic::api,
     .help = "Ask API clients for a bearer token of this file; a line is \"read TOKEN\" or "
             "\"admin TOKEN\"",
     .apply = set_text<&Options::api_token_file>},
    {.long_name = "--api-host",
     .argument = "NAME[,NAME...]",
     .topic = Topic::api,
     .help = "Names under which the API may be called, besides addresses and localhost; others "
             "are refused, so that no web page can make a name for it",
     .allowed = "host names without port",
     .apply = set_api_host},

    {.short_name = "-t",
     .long_name = "--timeout",
     .argument = "SECONDS",
     .topic = Topic::limits,
     .help = "Time from accepting a connection until it is established",
     .allowed = "5-86400",
     .default_text = "60",
     .apply = set_timeout},
    {.long_name = "--proto-timeout",
     .alias = "--bidir-timeout",
     .topic = Topic::limits,
     .help = "Keep that time running until both sides have sent something",
     .apply = set_to<&Options::proto_timeout, true>},
    {.short_name = "-m",
     .long_name = "--max-sessions",
     .argument = "N",
     .topic = Topic::limits,
     .help = "Refuse connections beyond this number; 0 is unlimited",
     .allowed = "0-2147483647",
     .default_text = "0",
     .apply = set_max_sessions},
    {.long_name = "--max-startups",
     .argument = "START:RATE:FULL",
     .topic = Topic::limits,
     .help = "Of connections not yet established: from START on refuse RATE percent of new ones, "
             "from FULL on all; 0 switches a threshold off",
     .allowed = "three integers, RATE 0-100",
     .default_text = "0:0:0",
     .apply = set_max_startups},
    {.long_name = "--drain",
     .argument = "SECONDS",
     .topic = Topic::limits,
     .help = "At the first SIGTERM or SIGINT stop listening and give sessions this long to "
             "finish; a second signal ends at once",
     .allowed = "0-86400",
     .default_text = "0",
     .apply = set_drain},

    {.short_name = "-d",
     .long_name = "--daemonize",
     .topic = Topic::process,
     .help = "Go on in the background once everything listens",
     .apply = set_to<&Options::daemonize, true>},
    {.short_name = "-u",
     .long_name = "--user",
     .argument = "[USER][:[GROUP]]",
     .topic = Topic::process,
     .help =
         "Become this user and group once everything listens; \"USER:\" is the user's own group",
     .apply = set_text<&Options::user>},
    {.long_name = "--pidfile",
     .argument = "FILE",
     .topic = Topic::process,
     .help = "Write the process id to FILE once the process is ready, and remove it at the end",
     .apply = set_text<&Options::pidfile>},
    {.long_name = "--sandbox",
     .argument = "MODE",
     .topic = Topic::process,
     .help =
         "Give up the system calls that are not needed: auto where the kernel permits it, on or "
         "else the start fails, strict so that rules can start no programs either",
     .default_text = "auto",
     .words = kSandboxWords,
     .apply = set_sandbox},

    {.long_name = "--loglevel",
     .argument = "N",
     .topic = Topic::logging,
     .help = "0 silence, 1 fatal, 2 error, 3 warning, 4 notice, 5 info, 6 debug, 7 verbose, "
             "8 very verbose; above 8 is 8",
     .allowed = "0-8",
     .default_text = "4",
     .apply = set_loglevel},
    {.long_name = "--log",
     .argument = "OUTPUT",
     .topic = Topic::logging,
     .help = "Where log lines go; terminal is stderr with colours",
     .default_text = "stdout; with -d, syslog",
     .words = kLogWords,
     .apply = set_log},
    {.short_name = "-C",
     .long_name = "--color",
     .topic = Topic::logging,
     .help = "The older name of --log terminal; any --log is stronger",
     .apply =
         [](Options& o, Value) {
             if (!o.log_chosen) o.log_output = log::Output::terminal;
             return true;
         }},
    {.long_name = "--access-log",
     .argument = "FILE",
     .topic = Topic::logging,
     .help = "Append a line to FILE for each request when it has ended, also if it was refused; "
             "\"-\" is stdout. SIGUSR1 opens the file again",
     .apply = set_text<&Options::access_log>},
    {.long_name = "--access-log-format",
     .argument = "FORMAT",
     .topic = Topic::logging,
     .help = "NAME=VALUE fields, or a JSON object, on each of these lines",
     .default_text = "text",
     .words = kAccessFormatWords,
     .apply = set_access_log_format},

    {.short_name = "-h",
     .long_name = "--help",
     .argument = "TOPIC",
     .argument_optional = true,
     .topic = Topic::information,
     .help = "Show this text, or its part on one topic, and exit",
     .words = kTopics,
     .effect = Effect::show_help},
    {.long_name = "--help-as",
     .argument = "FORMAT",
     .topic = Topic::information,
     .help = "Show the manual page, the page of options, or completions for a shell, and exit",
     .words = kDocumentFormats,
     .effect = Effect::show_document},
    {.long_name = "--version",
     .topic = Topic::information,
     .help = "Show the version and exit",
     .effect = Effect::show_version},
};

}  // namespace

std::vector<std::string_view> OptionSpec::names() const {
    std::vector<std::string_view> names;
    for (const std::string_view name : {short_name, long_name, alias})
        if (!name.empty()) names.push_back(name);
    return names;
}

std::string OptionSpec::allowed_values() const {
    return allowed.empty() ? fmt::format("{}", fmt::join(words, ", ")) : std::string(allowed);
}

std::span<const OptionSpec> option_table() {
    return kTable;
}

const OptionSpec* find_option(std::string_view name) {
    if (name.empty()) return nullptr;  // names that a row does not have are empty
    for (const OptionSpec& spec : kTable)
        if (name == spec.short_name || name == spec.long_name || name == spec.alias) return &spec;
    return nullptr;
}

}  // namespace neosocksd::app
