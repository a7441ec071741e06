// What the command line can say, as plain data, and the parser that reads it.
//
// parse() is pure: it prints nothing and does not end the process. Its caller does, in this order:
//   Options            set the log level and output from them, then check() (options_check.h)
//   Answer             print the text of --help or --version, exit with its status
//   vector<Message>    log them at the level the program starts with, exit 1
// The rules of parsing are those of neosocksd 1.4.2 (exact names, the value is always the next
// argument, the last one wins), so that its command lines keep working. Options themselves are
// rows of option_table.cc.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <sys/socket.h>

#include "base/address.h"
#include "base/cidr.h"
#include "base/log.h"

namespace neosocksd::app {

// Adaptive copies small messages and splices bulk; the others do only one of the two.
enum class RelayMode { adaptive, splice, copy };

enum class IoEngine { auto_, uring, epoll };

// System calls that are not needed are given up: where that works; or the start fails; and rules
// may not start programs either; or not at all.
enum class SandboxMode { auto_, on, strict, off };

// Half-open connections: beyond `start` a new one is refused with `rate` percent probability,
// beyond `full` always. Zero switches a threshold off.
struct Startups {
    std::int64_t start = 0;
    std::int64_t rate = 0;
    std::int64_t full = 0;

    friend bool operator==(const Startups&, const Startups&) = default;
};

enum class AccessFormat { text, json };

// Classes of addresses that no client may reach.
struct BlockOutbound {
    bool loopback = false;
    bool multicast = true;
    bool local = false;
    bool global = false;

    friend bool operator==(const BlockOutbound&, const BlockOutbound&) = default;
};

// Of outgoing connections, by family.
struct SourceAddress {
    std::optional<IpAddress> v4;
    std::optional<IpAddress> v6;

    friend bool operator==(const SourceAddress&, const SourceAddress&) = default;
};

// Addresses are optional where an empty text and an absent option differ: `-l ""` is a bad
// address, not a missing one.
struct Options {
    std::optional<std::string> listen;
    // --http was given. Without http_listen it is `listen` that speaks HTTP only.
    bool http = false;
    std::optional<std::string> http_listen;
    // The SOCKS listener also serves clients that begin with an HTTP request.
    bool mixed = true;
    bool auth_required = false;
    bool socks5_bind = false;
    bool socks5_udp = false;
    // Peers that must announce their clients by the PROXY protocol.
    std::vector<Cidr> proxy_protocol_in;
    int proxy_protocol_out = 0;  // version; 0: off
    bool tproxy = false;
    bool redirect = false;
    bool reuseport = false;
    bool fastopen = true;

    std::optional<std::string> api;      // REST API
    std::string api_token_file;          // empty: none
    std::vector<std::string> api_hosts;  // names by which browsers may call it

    std::optional<std::string> forward;
    std::string proxy;       // URI[,URI...], first hop first; empty: none
    int family = AF_UNSPEC;  // of names resolved here
    std::string nameserver;  // empty: the system's
    std::string netdev;      // empty: any. As typed: the kernel reads kInterfaceNameBytes of it
    SourceAddress bind_address;
    std::uint32_t fwmark = 0;  // 0: none
    bool fastopen_connect = false;
    BlockOutbound block_outbound;

    RelayMode relay = RelayMode::adaptive;
    IoEngine io = IoEngine::auto_;
    int threads = 0;  // 0: as many as CPUs this process may run on
    int busy_poll_microseconds = 0;

    double timeout_seconds = 60;
    bool proto_timeout = false;
    double drain_seconds = 0;
    std::int64_t max_sessions = 0;  // 0: unlimited
    Startups startups;

    // Of sockets on both sides; 0: the kernel decides, or no keepalive.
    int sndbuf_bytes = 0;
    int rcvbuf_bytes = 0;
    int keepalive_seconds = 120;
    bool nodelay = true;  // only a configuration (-c) changes it

    bool daemonize = false;
    std::optional<std::string> user;
    std::string pidfile;  // empty: none
    SandboxMode sandbox = SandboxMode::auto_;

    // Rules. Empty: none.
    std::string ruleset;
    std::string config;  // a boot configuration, which may bring them
    bool dump_config = false;
    bool traceback = false;
    std::int64_t memlimit = 0;        // MiB; 0: none
    double lua_watchdog_seconds = 1;  // 0: off
    // Instead of serving: try the rules.
    bool check = false;
    std::string ask;  // "host:port"
    std::string ask_from = "127.0.0.1:0";

    int loglevel = static_cast<int>(log::Level::notice);
    log::Output log_output = log::Output::standard_out;
    bool log_chosen = false;  // by --log; otherwise a daemon logs to syslog

    std::string access_log;  // path, or "-" for standard output; empty: none
    AccessFormat access_log_format = AccessFormat::text;

    friend bool operator==(const Options&, const Options&) = default;
};

// Something to log, unless its level is switched off.
struct Message {
    log::Level level = log::Level::fatal;
    std::string text;

    friend bool operator==(const Message&, const Message&) = default;
};

// Text that the user asked for instead of running the program. `text` ends in a newline.
struct Answer {
    int status = 0;
    bool to_standard_error = false;
    std::string text;
};

using ParseResult = std::variant<Options, Answer, std::vector<Message>>;

// argv[0] is the name used in messages; argc may be 0. Parsing stops at the first error.
ParseResult parse(int argc, const char* const* argv);

}  // namespace neosocksd::app
