#include "app/config_reload.h"

#include <gtest/gtest.h>

namespace neosocksd::app {
namespace {

using Names = std::vector<std::string>;

Options sound() {
    Options options;
    options.listen = "127.0.0.1:1080";
    return options;
}

TEST(ConfigReload, takes_over_what_sessions_to_come_will_use) {
    Options running = sound();
    running.forward = "old.test:1";
    Options wanted = running;
    wanted.forward = "new.test:2";
    wanted.proxy = "socks5://hop.test:3";
    wanted.nameserver = "192.0.2.53";
    wanted.loglevel = 6;
    wanted.memlimit = 7;
    wanted.traceback = true;
    const auto reload = plan_reload(running, wanted);
    ASSERT_TRUE(reload) << reload.error();
    EXPECT_EQ(reload->options, wanted);
    EXPECT_EQ(reload->restart, Names());
    EXPECT_EQ(reload->outbound.forward, HostPort::named("new.test", 2));
    ASSERT_EQ(reload->outbound.chain.size(), 1u);
    EXPECT_EQ(reload->outbound.chain[0].to_string(), "socks5://hop.test:3");
}

TEST(ConfigReload, names_what_waits_for_a_restart_and_keeps_it) {
    const Options running = sound();
    Options wanted = sound();
    wanted.listen = "127.0.0.1:1081";
    wanted.timeout_seconds = 7;
    wanted.block_outbound.local = true;
    wanted.loglevel = 5;
    const auto reload = plan_reload(running, wanted);
    ASSERT_TRUE(reload);
    EXPECT_EQ(reload->restart, (Names{"listen", "timeout", "block_local"}));
    Options expected = running;
    expected.loglevel = 5;
    EXPECT_EQ(reload->options, expected);
}

TEST(ConfigReload, a_target_changes_but_no_listener_begins_or_ends_to_forward) {
    Options forwarding = sound();
    forwarding.forward = "a.test:1";
    for (const auto& [running, wanted] :
         {std::pair(sound(), forwarding), std::pair(forwarding, sound())}) {
        const auto reload = plan_reload(running, wanted);
        ASSERT_TRUE(reload);
        EXPECT_EQ(reload->restart, Names{"forward"});
        EXPECT_EQ(reload->options, running);
    }
    Options socket = forwarding;
    socket.forward = "unix:/run/target";
    const auto reload = plan_reload(forwarding, socket);
    ASSERT_TRUE(reload);
    ASSERT_TRUE(reload->outbound.forward_socket);
    EXPECT_EQ(reload->outbound.forward_socket->to_string(), "unix:/run/target");
}

TEST(ConfigReload, takes_nothing_over_if_the_start_would_have_failed) {
    Options running = sound();
    running.forward = "a.test:1";
    const auto refusal = [&](auto spoil) {
        Options wanted = running;
        wanted.loglevel = 6;
        spoil(wanted);
        const auto reload = plan_reload(running, wanted);
        return reload ? std::string() : reload.error();
    };
    EXPECT_EQ(refusal([](Options& o) { o.forward = "nonsense"; }), "invalid address: `nonsense'");
    EXPECT_EQ(refusal([](Options& o) { o.timeout_seconds = 3; }),
              "timeout is out of range (5 - 86400)");
    EXPECT_EQ(refusal([](Options& o) { o.listen = "a"; }), "unable to parse address: a");
    EXPECT_EQ(refusal([](Options& o) { o.nameserver = "foo"; }), "bad list of name servers: `foo'");
    EXPECT_NE(refusal([](Options& o) { o.proxy = "ftp://a"; }), "");
    EXPECT_EQ(refusal([](Options& o) { o.proxy = "http://a", o.forward = "unix:/b"; }),
              "a Unix socket (-f) is not reached through a proxy (-x)");
}

}  // namespace
}  // namespace neosocksd::app
