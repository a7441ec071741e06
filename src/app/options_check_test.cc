// The tables of spec/cli.md sections 2.1 and 3.

#include "app/options_check.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace neosocksd::app {
namespace {

// An option set that passes, to be spoilt by one thing at a time.
Options sound() {
    Options options;
    options.listen = "127.0.0.1:1080";
    return options;
}

struct Failure {
    std::string message;
    std::function<void(Options&)> spoil;
};

class OptionsCheckRefuses : public testing::TestWithParam<Failure> {};

TEST_P(OptionsCheckRefuses, with_the_reason_and_the_advice) {
    Options options = sound();
    GetParam().spoil(options);
    const auto messages = check(options, "prog");
    ASSERT_EQ(messages.size(), 2u);
    EXPECT_EQ(messages[0].level, log::Level::error);
    EXPECT_EQ(messages[0].text, GetParam().message);
    EXPECT_EQ(messages[1].level, log::Level::fatal);
    EXPECT_EQ(messages[1].text,
              "configuration check failed, try \"prog --help\" for more information");
    EXPECT_TRUE(is_fatal(messages));
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();

const Failure kFailures[] = {
    {"listen address is not specified", [](Options& o) { o.listen.reset(); }},
    {"listen address is not specified", [](Options& o) { o.listen.reset(), o.http = true; }},
    {"incompatible flags are specified", [](Options& o) { o.forward = "a:1", o.http = true; }},
    {"incompatible flags are specified",
     [](Options& o) { o.forward = "a:1", o.http = true, o.http_listen = ":8080"; }},
    {"incompatible flags are specified", [](Options& o) { o.forward = "a:1", o.tproxy = true; }},
    {"incompatible flags are specified", [](Options& o) { o.http = true, o.tproxy = true; }},
    {"incompatible flags are specified", [](Options& o) { o.redirect = true, o.tproxy = true; }},
    {"--proxy-protocol-out needs a target, -f", [](Options& o) { o.proxy_protocol_out = 1; }},
    {"authentication is not supported in current mode",
     [](Options& o) { o.forward = "a:1", o.auth_required = true; }},
    {"authentication is not supported in current mode",
     [](Options& o) { o.tproxy = true, o.auth_required = true; }},
    {"authentication is not supported in current mode",
     [](Options& o) { o.redirect = true, o.auth_required = true; }},
    {"ruleset must be enabled for authentication", [](Options& o) { o.auth_required = true; }},
    {"a ruleset (-r) and a configuration (-c) are both given: let the configuration bring the "
     "ruleset",
     [](Options& o) { o.ruleset = "r", o.config = "c"; }},
    {"--ask needs --check", [](Options& o) { o.ruleset = "r", o.ask = "a:1"; }},
    {"--check needs a ruleset, -r or -c", [](Options& o) { o.check = true; }},
    {"--check needs a ruleset, -r or -c", [](Options& o) { o.check = true, o.ask = "a:1"; }},
    {"resolve_pf is 5: 0 is both families, 2 is IPv4, 10 is IPv6",
     [](Options& o) { o.family = 5; }},
    {"local and global addresses are both blocked, by --egress and --ingress or block_local and "
     "block_global: choose one",
     [](Options& o) { o.block_outbound.local = o.block_outbound.global = true; }},
    {"timeout is out of range (5 - 86400)", [](Options& o) { o.timeout_seconds = 4.999; }},
    {"timeout is out of range (5 - 86400)", [](Options& o) { o.timeout_seconds = 86400.001; }},
    {"timeout is out of range (5 - 86400)", [](Options& o) { o.timeout_seconds = -60; }},
    {"timeout is out of range (5 - 86400)", [](Options& o) { o.timeout_seconds = kInfinity; }},
    {"timeout is out of range (5 - 86400)", [](Options& o) { o.timeout_seconds = std::nan(""); }},
    {"startup_limit_start is out of range (0 - 5)", [](Options& o) { o.startups = {6, 30, 5}; }},
    {"startup_limit_rate is out of range (0 - 100)", [](Options& o) { o.startups = {1, 101, 5}; }},
    {"startup_limit_rate is out of range (0 - 100)", [](Options& o) { o.startups = {1, 101, 0}; }},
    {"startup_limit_full is out of range (2 - 4)",
     [](Options& o) { o.startups = {2, 30, 5}, o.max_sessions = 4; }},
};

INSTANTIATE_TEST_SUITE_P(Table, OptionsCheckRefuses, testing::ValuesIn(kFailures));

TEST(OptionsCheck, tells_the_first_failure_only_in_the_documented_order) {
    Options options;
    options.forward = "nonsense";
    options.http = true;
    options.auth_required = true;
    options.timeout_seconds = 1;
    options.startups = {6, 101, 5};
    options.max_sessions = 4;
    const auto next = [&] { return check(options, "prog").front().text; };
    EXPECT_EQ(next(), "listen address is not specified");
    options.listen = "no colon";
    EXPECT_EQ(next(), "incompatible flags are specified");
    options.http = false;
    EXPECT_EQ(next(), "authentication is not supported in current mode");
    options.auth_required = false;
    EXPECT_EQ(next(), "timeout is out of range (5 - 86400)");
    options.timeout_seconds = 60;
    EXPECT_EQ(next(), "startup_limit_start is out of range (0 - 5)");
    options.startups.start = 0;
    EXPECT_EQ(next(), "startup_limit_rate is out of range (0 - 100)");
    options.startups.rate = 0;
    EXPECT_EQ(next(), "startup_limit_full is out of range (0 - 4)");
    options.startups.full = 4;
    EXPECT_EQ(next(), "invalid address: `nonsense'");
    options.forward = "host:80";
    EXPECT_EQ(next(), "unable to parse address: no colon");
    options.listen = ":1080";
    EXPECT_TRUE(check(options, "prog").empty());
}

TEST(OptionsCheck, accepts_sound_options) {
    const std::function<void(Options&)> variations[] = {
        [](Options&) {},
        [](Options& o) { o.http = true; },
        [](Options& o) { o.http = true, o.http_listen = ":8080"; },
        [](Options& o) { o.listen.reset(), o.http = true, o.http_listen = ":8080"; },
        [](Options& o) { o.forward = "example.org:443"; },
        [](Options& o) { o.timeout_seconds = 5; },
        [](Options& o) { o.timeout_seconds = 86400; },
        [](Options& o) { o.startups = {5, 100, 5}; },
        [](Options& o) { o.startups = {0, 0, 3}; },
        [](Options& o) { o.startups = {10, 30, 0}; },  // no hard cap
        [](Options& o) { o.startups = {10, 30, 0}, o.max_sessions = 5; },
        [](Options& o) { o.startups = {2, 30, 5}, o.max_sessions = 5; },
        [](Options& o) { o.netdev = "fifteen-letters"; },
        [](Options& o) { o.auth_required = true, o.ruleset = "r"; },
        [](Options& o) { o.auth_required = true, o.config = "c"; },
        [](Options& o) { o.check = true, o.ruleset = "r", o.ask = "a:1"; },
        // Nothing is served, so nothing else matters.
        [](Options& o) { o.check = true, o.config = "c", o.listen.reset(); },
    };
    for (const auto& vary : variations) {
        Options options = sound();
        vary(options);
        const auto messages = check(options, "prog");
        EXPECT_TRUE(messages.empty()) << messages.front().text;
        EXPECT_FALSE(is_fatal(messages));
    }
}

TEST(OptionsCheck, accepts_the_documented_forms_of_listen_addresses) {
    for (const char* const address : {":80", ":", "[::]:1080", "[::1]:1080", "::1:1080",
                                      "localhost:1080", ":http-alt", "*:1080"}) {
        Options options = sound();
        options.listen = address;
        EXPECT_TRUE(check(options, "prog").empty()) << address;
    }
}

TEST(OptionsCheck, refuses_a_listen_address_that_has_no_colon_or_is_too_long) {
    const std::string longest = std::string(256, 'a') + ":1080";
    ASSERT_EQ(longest.size(), 261u);
    for (const std::string& address :
         {std::string(), std::string("-x"), std::string("1080"), "a" + longest}) {
        const std::vector<Message> expected{
            {log::Level::fatal, "unable to parse address: " + address}};
        Options options = sound();
        options.listen = address;
        EXPECT_EQ(check(options, "prog"), expected) << address;
        options = sound();
        options.http = true;
        options.http_listen = address;
        EXPECT_EQ(check(options, "prog"), expected) << address;
    }
    Options options = sound();
    options.listen = longest;
    EXPECT_TRUE(check(options, "prog").empty());
}

TEST(OptionsCheck, accepts_the_documented_forms_of_forward_addresses) {
    for (const char* const address : {":", "host:", "host:80", "host:+80", "host: 80", "[::1]:80",
                                      "::1:80", "192.0.2.1:65535"}) {
        Options options = sound();
        options.forward = address;
        EXPECT_TRUE(check(options, "prog").empty()) << address;
    }
}

TEST(OptionsCheck, refuses_a_forward_address_with_the_reason) {
    const auto refusal = [](const char* address) {
        Options options = sound();
        options.forward = address;
        const auto messages = check(options, "prog");
        EXPECT_EQ(messages.size(), 2u);
        EXPECT_EQ(messages.front().level, log::Level::error);
        const Message last{log::Level::fatal, "unable to parse outbound configuration"};
        EXPECT_EQ(messages.back(), last);
        return messages.front().text;
    };
    EXPECT_EQ(refusal(""), "invalid address: `'");
    EXPECT_EQ(refusal("host"), "invalid address: `host'");
    EXPECT_EQ(refusal("host:http"), "unable to parse port number: `http'");
    EXPECT_EQ(refusal("host:65536"), "unable to parse port number: `65536'");
}

TEST(OptionsCheck, accepts_unix_sockets_and_inherited_ones) {
    Options options = sound();
    for (const char* const address : {"unix:/run/x", "unix:@x", "systemd:", "systemd:name"}) {
        options.listen = address;
        EXPECT_TRUE(check(options, "prog").empty()) << address;
    }
    options.forward = "unix:/run/target";
    EXPECT_TRUE(check(options, "prog").empty());
}

TEST(OptionsCheck, refuses_unix_sockets_where_they_make_no_sense) {
    const auto refusal = [](auto change) {
        Options options = sound();
        change(options);
        const auto messages = check(options, "prog");
        EXPECT_TRUE(is_fatal(messages));
        return messages.front().text;
    };
    EXPECT_EQ(refusal([](Options& o) { o.forward = "unix:/a", o.proxy = "http://b"; }),
              "a Unix socket (-f) is not reached through a proxy (-x)");
    EXPECT_EQ(refusal([](Options& o) { o.forward = o.listen = "unix:/a"; }), "-f leads to -l");
    EXPECT_EQ(refusal([](Options& o) { o.forward = "unix:@"; }),
              "the name of a Unix socket is empty: `unix:@'");
    EXPECT_EQ(refusal([](Options& o) { o.tproxy = true, o.listen = "unix:/a"; }),
              "a redirected connection does not arrive at a Unix socket");
}

TEST(OptionsCheck, refuses_what_was_meant_to_be_a_unix_socket) {
    const std::string reason = "a Unix socket is unix:/PATH, unix:./PATH or unix:@NAME: `";
    for (const std::string address : {"unix:", "unix:relative/x"}) {
        const std::vector<Message> expected{
            {log::Level::error, reason + address + "'"},
            {log::Level::fatal, "unable to parse address: " + address}};
        Options options = sound();
        options.listen = address;
        EXPECT_EQ(check(options, "prog"), expected);
        options = sound();
        options.api = address;
        EXPECT_EQ(check(options, "prog"), expected);
        options = sound();
        options.http = true;
        options.http_listen = address;
        EXPECT_EQ(check(options, "prog"), expected);
        options = sound();
        options.forward = address;
        const std::vector<Message> outbound{
            {log::Level::error, reason + address + "'"},
            {log::Level::fatal, "unable to parse outbound configuration"}};
        EXPECT_EQ(check(options, "prog"), outbound);
    }
}

TEST(OptionsCheck, warns_of_a_daemon_that_logs_nowhere) {
    Options options = sound();
    options.daemonize = true;
    EXPECT_TRUE(check(options, "prog").empty());
    options.log_chosen = true;
    using enum log::Output;
    for (const log::Output output : {standard_out, standard_error, terminal}) {
        options.log_output = output;
        const auto messages = check(options, "prog");
        ASSERT_EQ(messages.size(), 1u);
        EXPECT_EQ(messages.front().level, log::Level::warning);
        EXPECT_TRUE(messages.front().text.starts_with("a daemon (-d) has no output for its log"));
    }
    for (const log::Output output : {syslog, discard}) {
        options.log_output = output;
        EXPECT_TRUE(check(options, "prog").empty());
    }
}

TEST(OptionsCheck, warns_of_small_buffers) {
    Options options = sound();
    options.sndbuf_bytes = 16383;
    options.rcvbuf_bytes = 1;
    const std::vector<Message> expected{
        {log::Level::warning, "tcp_sndbuf is 16383 bytes, which makes bulk transfers slow"},
        {log::Level::warning, "tcp_rcvbuf is 1 bytes, which makes bulk transfers slow"}};
    EXPECT_EQ(check(options, "prog"), expected);
    options.sndbuf_bytes = options.rcvbuf_bytes = 16384;
    EXPECT_TRUE(check(options, "prog").empty());
}

TEST(OptionsCheck, warns_of_an_interface_name_that_the_kernel_will_cut) {
    Options options = sound();
    options.netdev = "sixteen-letters!";
    const std::vector<Message> expected{
        {log::Level::warning, "interface name `sixteen-letters!' is cut to `sixteen-letters'"}};
    EXPECT_EQ(check(options, "prog"), expected);
    EXPECT_FALSE(is_fatal(expected));
}

}  // namespace
}  // namespace neosocksd::app
