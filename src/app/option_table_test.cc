// Every option by every name it has: what it changes, and that the table says the truth.

#include "app/option_table.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "app/config_fields.h"
#include "app/option_hint.h"
#include "base/limits.h"

namespace neosocksd::app {
namespace {

std::string_view canonical_name(const OptionSpec& spec) {
    return spec.long_name.empty() ? spec.short_name : spec.long_name;
}

Options parsed(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv{"prog"};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    const ParseResult result = parse(static_cast<int>(argv.size()), argv.data());
    const auto* options = std::get_if<Options>(&result);
    EXPECT_TRUE(options) << arguments.front();
    return options ? *options : Options{};
}

struct Example {
    const char* value;  // null for a flag
    std::function<void(Options&)> change;
};

// One or more examples for each option, by its canonical name.
const std::multimap<std::string_view, Example>& examples() {
    static const std::multimap<std::string_view, Example> kExamples{
        {"--listen", {"[::]:1080", [](Options& o) { o.listen = "[::]:1080"; }}},
        {"--listen", {":http-alt", [](Options& o) { o.listen = ":http-alt"; }}},
        {"--http", {nullptr, [](Options& o) { o.http = true; }}},
        {"--http", {":8080", [](Options& o) { o.http = true, o.http_listen = ":8080"; }}},
        {"--no-mixed", {nullptr, [](Options& o) { o.mixed = false; }}},
        {"--auth-required", {nullptr, [](Options& o) { o.auth_required = true; }}},
        {"--enable-socks5-bind", {nullptr, [](Options& o) { o.socks5_bind = true; }}},
        {"--enable-socks5-udp", {nullptr, [](Options& o) { o.socks5_udp = true; }}},
        {"--reuseport", {nullptr, [](Options& o) { o.reuseport = true; }}},
        {"--no-fastopen", {nullptr, [](Options& o) { o.fastopen = false; }}},
        {"--forward", {"host:80", [](Options& o) { o.forward = "host:80"; }}},
        {"--proxy", {"socks5://a,http://b", [](Options& o) { o.proxy = "socks5://a,http://b"; }}},
        {"-4", {nullptr, [](Options& o) { o.family = AF_INET; }}},
        {"-6", {nullptr, [](Options& o) { o.family = AF_INET6; }}},
        {"--nameserver", {"127.0.0.1:53", [](Options& o) { o.nameserver = "127.0.0.1:53"; }}},
        {"--netdev", {"eth0", [](Options& o) { o.netdev = "eth0"; }}},
        {"--block-outbound", {"", [](Options& o) { o.block_outbound = {.multicast = false}; }}},
        {"--block-outbound",
         {"loopback,multicast,local",
          [](Options& o) { o.block_outbound = {.loopback = true, .local = true}; }}},
        {"--ingress", {nullptr, [](Options& o) { o.block_outbound.global = true; }}},
        {"--egress",
         {nullptr, [](Options& o) { o.block_outbound.loopback = o.block_outbound.local = true; }}},
        {"--color", {nullptr, [](Options& o) { o.log_output = log::Output::terminal; }}},
        {"--no-conn-cache", {nullptr, [](Options&) {}}},
        {"--fastopen-connect", {nullptr, [](Options& o) { o.fastopen_connect = true; }}},
        {"--pipe", {nullptr, [](Options& o) { o.relay = RelayMode::splice; }}},
        {"--no-pipe", {nullptr, [](Options& o) { o.relay = RelayMode::copy; }}},
        {"--io", {"uring", [](Options& o) { o.io = IoEngine::uring; }}},
        {"--io", {"epoll", [](Options& o) { o.io = IoEngine::epoll; }}},
        {"--threads", {"1", [](Options& o) { o.threads = 1; }}},
        {"--threads", {"256", [](Options& o) { o.threads = limits::kWorkers; }}},
        {"--timeout", {"5", [](Options& o) { o.timeout_seconds = 5; }}},
        {"--timeout", {"7.5", [](Options& o) { o.timeout_seconds = 7.5; }}},
        {"--timeout", {"0x1p5", [](Options& o) { o.timeout_seconds = 32; }}},
        {"--proto-timeout", {nullptr, [](Options& o) { o.proto_timeout = true; }}},
        {"--max-sessions", {" +7", [](Options& o) { o.max_sessions = 7; }}},
        {"--max-sessions", {"2147483647", [](Options& o) { o.max_sessions = 2147483647; }}},
        {"--max-startups", {"10:30:60", [](Options& o) { o.startups = {10, 30, 60}; }}},
        {"--drain", {"86400", [](Options& o) { o.drain_seconds = limits::kDrainSecondsMax; }}},
        {"--drain", {"0.5", [](Options& o) { o.drain_seconds = 0.5; }}},
        {"--loglevel", {"0", [](Options& o) { o.loglevel = 0; }}},
        {"--loglevel", {"8", [](Options& o) { o.loglevel = 8; }}},
        {"--loglevel", {"2147483647", [](Options& o) { o.loglevel = 8; }}},
        {"--log",
         {"syslog", [](Options& o) { o.log_output = log::Output::syslog, o.log_chosen = true; }}},
        {"--log",
         {"discard", [](Options& o) { o.log_output = log::Output::discard, o.log_chosen = true; }}},
        {"--access-log", {"/var/log/a", [](Options& o) { o.access_log = "/var/log/a"; }}},
        {"--access-log", {"-", [](Options& o) { o.access_log = "-"; }}},
        {"--access-log-format",
         {"json", [](Options& o) { o.access_log_format = AccessFormat::json; }}},
        {"--listen", {"unix:/run/x:99999", [](Options& o) { o.listen = "unix:/run/x:99999"; }}},
        {"--listen", {"systemd:proxy", [](Options& o) { o.listen = "systemd:proxy"; }}},
        {"--bind-address",
         {"192.0.2.1", [](Options& o) { o.bind_address.v4 = IpAddress::parse("192.0.2.1"); }}},
        {"--fwmark", {"0xff", [](Options& o) { o.fwmark = 255; }}},
        {"--sndbuf", {"64k", [](Options& o) { o.sndbuf_bytes = 65536; }}},
        {"--rcvbuf", {"512m", [](Options& o) { o.rcvbuf_bytes = limits::kSocketBufferBytesMax; }}},
        {"--rcvbuf", {"4k", [](Options& o) { o.rcvbuf_bytes = limits::kSocketBufferBytesMin; }}},
        {"--keepalive", {"off", [](Options& o) { o.keepalive_seconds = 0; }}},
        {"--keepalive",
         {"32767", [](Options& o) { o.keepalive_seconds = limits::kKeepaliveSecondsMax; }}},
        {"--tproxy", {nullptr, [](Options& o) { o.tproxy = true; }}},
        {"--redirect", {nullptr, [](Options& o) { o.redirect = true; }}},
        {"--proxy-protocol-in",
         {"192.0.2.0/24,::1",
          [](Options& o) { o.proxy_protocol_in = *parse_cidr_list("192.0.2.0/24,::1"); }}},
        {"--proxy-protocol-out", {"v1", [](Options& o) { o.proxy_protocol_out = 1; }}},
        {"--proxy-protocol-out", {"v2", [](Options& o) { o.proxy_protocol_out = 2; }}},
        {"--daemonize", {nullptr, [](Options& o) { o.daemonize = true; }}},
        {"--ruleset", {"x.lua", [](Options& o) { o.ruleset = "x.lua"; }}},
        {"--ruleset", {"-", [](Options& o) { o.ruleset = "-"; }}},
        {"--config", {"boot.lua", [](Options& o) { o.config = "boot.lua"; }}},
        {"--dump-config", {nullptr, [](Options& o) { o.dump_config = true; }}},
        {"--check", {nullptr, [](Options& o) { o.check = true; }}},
        {"--ask", {"example.org:443", [](Options& o) { o.ask = "example.org:443"; }}},
        {"--from", {"192.0.2.7:5000", [](Options& o) { o.ask_from = "192.0.2.7:5000"; }}},
        {"--traceback", {nullptr, [](Options& o) { o.traceback = true; }}},
        {"--memlimit", {"64", [](Options& o) { o.memlimit = 64; }}},
        {"--memlimit", {"-5", [](Options&) {}}},
        {"--busy-poll", {"1000", [](Options& o) { o.busy_poll_microseconds = 1000; }}},
        {"--lua-watchdog", {"0", [](Options& o) { o.lua_watchdog_seconds = 0; }}},
        {"--lua-watchdog", {"0.25", [](Options& o) { o.lua_watchdog_seconds = 0.25; }}},
        {"--lua-watchdog",
         {"86400", [](Options& o) { o.lua_watchdog_seconds = limits::kWatchdogSecondsMax; }}},
        {"--api", {"127.0.0.1:9080", [](Options& o) { o.api = "127.0.0.1:9080"; }}},
        {"--api", {"unix:/run/api", [](Options& o) { o.api = "unix:/run/api"; }}},
        {"--api-token-file", {"/etc/x", [](Options& o) { o.api_token_file = "/etc/x"; }}},
        {"--api-host",
         {"a.example,b.example", [](Options& o) { o.api_hosts = {"a.example", "b.example"}; }}},
        {"--user", {"nobody:", [](Options& o) { o.user = "nobody:"; }}},
        {"--user", {"", [](Options& o) { o.user = ""; }}},
        {"--sandbox", {"strict", [](Options& o) { o.sandbox = SandboxMode::strict; }}},
        {"--sandbox", {"off", [](Options& o) { o.sandbox = SandboxMode::off; }}},
        {"--pidfile", {"/run/x.pid", [](Options& o) { o.pidfile = "/run/x.pid"; }}},
    };
    return kExamples;
}

TEST(OptionTable, each_option_does_what_it_says_by_each_of_its_names) {
    for (const OptionSpec& spec : option_table()) {
        if (spec.effect != Effect::set) continue;  // options_test.cc
        const auto [first, last] = examples().equal_range(canonical_name(spec));
        ASSERT_NE(first, last) << canonical_name(spec) << " has no example in this test";
        for (auto example = first; example != last; ++example) {
            Options expected;
            example->second.change(expected);
            for (const std::string_view name : spec.names()) {
                std::vector<std::string> arguments{std::string(name)};
                if (example->second.value) arguments.emplace_back(example->second.value);
                EXPECT_EQ(parsed(arguments), expected) << name;
            }
        }
    }
    for (const auto& [name, example] : examples())
        EXPECT_TRUE(find_option(name)) << name << " is not in the table";
}

// What a dump forgets is missed when it is used.
TEST(OptionTable, every_option_leaves_a_trace_in_a_dump) {
    const std::string usual = dump_config(parsed({"-l", ":1"}));
    // What a configuration is made of, what serves nothing, and what has no effect.
    const std::set<std::string_view> without = {"--config", "--dump-config", "--check",
                                                "--ask",    "--from",        "--no-conn-cache"};
    for (const auto& [name, example] : examples()) {
        if (without.contains(name)) continue;
        std::vector<std::string> arguments{"-l", ":1", std::string(name)};
        if (example.value) arguments.emplace_back(example.value);
        const Options options = parsed(arguments);
        if (options.user == "") continue;               // which never starts
        if (options == parsed({"-l", ":1"})) continue;  // an example of the default
        EXPECT_NE(dump_config(options), usual) << name;
    }
}

TEST(OptionTable, an_option_without_an_argument_is_a_flag_in_the_examples_too) {
    for (const auto& [name, example] : examples()) {
        const OptionSpec* spec = find_option(name);
        ASSERT_TRUE(spec);
        if (!spec->takes_argument()) EXPECT_FALSE(example.value) << name;
        if (spec->takes_argument() && !spec->argument_optional) EXPECT_TRUE(example.value) << name;
    }
}

TEST(OptionTable, names_are_unique_and_well_formed) {
    std::set<std::string_view> seen;
    for (const OptionSpec& spec : option_table()) {
        ASSERT_FALSE(spec.names().empty());
        for (const std::string_view name : spec.names()) {
            EXPECT_TRUE(seen.insert(name).second) << name;
            EXPECT_EQ(find_option(name), &spec) << name;
        }
        if (!spec.short_name.empty()) {
            EXPECT_EQ(spec.short_name.size(), 2u);
            EXPECT_TRUE(spec.short_name.starts_with('-'));
        }
        for (const std::string_view name : {spec.long_name, spec.alias})
            if (!name.empty()) EXPECT_TRUE(name.starts_with("--") && name.size() > 3) << name;
    }
    EXPECT_EQ(find_option(""), nullptr);
}

TEST(OptionTable, rows_are_complete_and_ordered_by_topic) {
    Topic topic = Topic::listening;
    for (const OptionSpec& spec : option_table()) {
        const std::string_view name = canonical_name(spec);
        EXPECT_FALSE(spec.help.empty()) << name;
        EXPECT_FALSE(spec.help.ends_with('.')) << name;
        EXPECT_EQ(spec.apply != nullptr, spec.effect == Effect::set) << name;
        EXPECT_TRUE(spec.takes_argument() || !spec.argument_optional) << name;
        EXPECT_FALSE(topic_title(spec.topic).empty()) << name;
        EXPECT_GE(spec.topic, topic) << name;
        topic = spec.topic;
    }
}

TEST(OptionTable, each_word_of_a_choice_is_accepted) {
    for (const OptionSpec& spec : option_table()) {
        if (spec.effect != Effect::set) continue;  // option_docs_test.cc
        for (const std::string_view word : spec.words) {
            Options options;
            EXPECT_TRUE(spec.apply(options, word)) << canonical_name(spec) << ' ' << word;
            EXPECT_NE(spec.allowed_values().find(word), std::string::npos) << word;
        }
    }
}

// Defaults that can be typed change nothing; those told in words are not accepted as values.
TEST(OptionTable, defaults_are_those_of_the_options) {
    for (const OptionSpec& spec : option_table()) {
        if (spec.default_text.empty() || spec.default_text.find(' ') != std::string_view::npos)
            continue;
        Options options;
        EXPECT_TRUE(spec.apply(options, spec.default_text)) << canonical_name(spec);
        EXPECT_EQ(options, Options{}) << canonical_name(spec);
    }
}

TEST(OptionTable, a_refused_value_leaves_the_options_as_they_were) {
    for (const OptionSpec& spec : option_table()) {
        if (!spec.apply || !spec.takes_argument() || spec.allowed_values().empty()) continue;
        Options options;
        EXPECT_FALSE(spec.apply(options, "no such value:99999")) << canonical_name(spec);
        EXPECT_EQ(options, Options{}) << canonical_name(spec);
    }
}

TEST(NearestOption, finds_a_slip_of_the_finger) {
    EXPECT_EQ(nearest_option("--lisen"), "--listen");
    EXPECT_EQ(nearest_option("-listen"), "--listen");
    EXPECT_EQ(nearest_option("listen"), "--listen");
    EXPECT_EQ(nearest_option("--timeuot"), "--timeout");
    EXPECT_EQ(nearest_option("--max-session"), "--max-sessions");
    EXPECT_EQ(nearest_option("--bidir-timeot"), "--bidir-timeout");
    EXPECT_EQ(nearest_option("--log-level"), "--loglevel");
    EXPECT_EQ(nearest_option("--no-pip"), "--no-pipe");
}

TEST(NearestOption, looks_past_an_equals_sign) {
    EXPECT_EQ(nearest_option("--timeout=5"), "--timeout");
    EXPECT_EQ(nearest_option("--max-sesions=1000000"), "--max-sessions");
}

TEST(NearestOption, is_silent_where_nothing_is_near) {
    for (const char* const argument : {"", "-", "-z", "-o", "--i", "---", "=", "-4d", "80", "foo"})
        EXPECT_EQ(nearest_option(argument), "") << argument;
    EXPECT_EQ(nearest_option(std::string(100000, '-')), "");
}

}  // namespace
}  // namespace neosocksd::app
