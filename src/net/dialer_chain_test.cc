// The dialer with a chain of proxies that play a script.

#include "net/dialer_fixture.h"

namespace neosocksd::net {
namespace {

using Cause = DialFailure::Cause;
using proto::Reply;
using DialerChainTest = DialerTest;
ON_BOTH_ENGINES(DialerChainTest);

TEST_P(DialerChainTest, goes_through_chains_of_every_scheme) {
    for (std::size_t length = 1; length <= 3; length++) {
        std::size_t combinations = 1;
        for (std::size_t i = 0; i < length; i++) combinations *= 3;
        for (std::size_t number = 0; number < combinations; number++) {
            std::vector<proto::ProxyUrl::Scheme> schemes;
            for (std::size_t i = 0, rest = number; i < length; i++, rest /= 3)
                schemes.push_back(static_cast<proto::ProxyUrl::Scheme>(rest % 3));
            // Cutting the replies at every byte is the slower way; and a banner behind the last.
            Script script = chain_script(schemes, far_target);
            script.byte_by_byte = number % 2 == 0;
            if (number % 3 != 0) script.talk.back().reply += "banner";
            ScriptedHop hop(std::move(script));
            chain = chain_urls(schemes, hop.endpoint());
            Result result = reach(far_target);
            ASSERT_TRUE(result) << result.error().text;
            std::string surplus = *result;
            while (number % 3 != 0 && surplus.size() < 6) {
                char more[8];
                io::await_events(out.fd(), POLLIN);
                const ssize_t got = ::recv(out.fd(), more, sizeof more, 0);
                ASSERT_GT(got, 0);
                surplus.append(more, static_cast<std::size_t>(got));
            }
            EXPECT_EQ(surplus, number % 3 != 0 ? "banner" : "");
            hang_up();
            EXPECT_TRUE(hop.finish());
        }
    }
}

TEST_P(DialerChainTest, returns_what_the_target_said_behind_the_reply) {
    Script script = chain_script({proto::ProxyUrl::Scheme::socks5}, far_target);
    script.talk.back().reply += std::string(2000, 'b');
    ScriptedHop hop(std::move(script));
    chain = chain_urls({proto::ProxyUrl::Scheme::socks5}, hop.endpoint());
    const auto result = reach(far_target);
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, std::string(2000, 'b'));
    hang_up();
    EXPECT_TRUE(hop.finish());
}

// Otherwise the hop would take the first bytes of the client for our request.
TEST_P(DialerChainTest, still_sends_its_request_to_a_hop_that_answers_before_it_is_asked) {
    const std::vector<std::vector<proto::ProxyUrl::Scheme>> rows{
        {proto::ProxyUrl::Scheme::socks5},
        {proto::ProxyUrl::Scheme::http, proto::ProxyUrl::Scheme::socks5},
        {proto::ProxyUrl::Scheme::socks5, proto::ProxyUrl::Scheme::socks4a,
         proto::ProxyUrl::Scheme::http},
    };
    for (const auto& schemes : rows) {
        Script script = chain_script(schemes, far_target);
        std::string all;
        for (auto& exchange : script.talk) all += std::exchange(exchange.reply, {});
        script.talk.insert(script.talk.begin(), Exchange{"", all});
        ScriptedHop hop(std::move(script));
        chain = chain_urls(schemes, hop.endpoint());
        const auto result = reach(far_target);
        ASSERT_TRUE(result) << result.error().text;
        EXPECT_EQ(*result, "");
        hang_up();
        EXPECT_TRUE(hop.finish());
    }
}

TEST_P(DialerChainTest, fails_when_a_hop_closes_in_mid_reply) {
    for (const auto scheme : kSchemes) {
        const Script whole = chain_script({scheme}, far_target);
        for (std::size_t i = 0; i < whole.talk.size(); i++) {
            Script script = whole;
            script.talk.resize(i + 1);
            script.talk.back().reply.pop_back();
            script.close = true;
            ScriptedHop hop(std::move(script));
            chain = chain_urls({scheme}, hop.endpoint());
            const auto result = reach(far_target);
            ASSERT_FALSE(result);
            EXPECT_EQ(result.error().cause, Cause::upstream);
            EXPECT_EQ(result.error().reply, Reply::general_failure);
            EXPECT_EQ(result.error().text, "connect `target.example:443' over [0] `" +
                                               chain[0].to_string() +
                                               "': proxy closed the connection");
            EXPECT_TRUE(hop.finish());
        }
    }
}

TEST_P(DialerChainTest, passes_the_cause_that_a_hop_names_on) {
    struct Row {
        proto::ProxyUrl::Scheme scheme;
        std::string reply;  // in place of the last
        Reply expected;
    };
    const auto http = [](int status) {
        return "HTTP/1.1 " + std::to_string(status) + " Sorry\r\n\r\n";
    };
    using Scheme = proto::ProxyUrl::Scheme;
    std::vector<Row> rows{
        {Scheme::socks4a, std::string("\0\x5b\0\0\0\0\0\0", 8), Reply::connection_refused},
        {Scheme::socks4a, std::string("\0\x5d\0\0\0\0\0\0", 8), Reply::not_allowed},
        {Scheme::socks4a, "HTTP/1.1 400 What\r\n\r\n", Reply::general_failure},
        {Scheme::http, http(403), Reply::not_allowed},
        {Scheme::http, http(407), Reply::not_allowed},
        {Scheme::http, http(500), Reply::general_failure},
        {Scheme::http, http(502), Reply::connection_refused},
        {Scheme::http, http(503), Reply::connection_refused},
        {Scheme::http, http(504), Reply::ttl_expired},
    };
    for (int code = 1; code <= 9; code++) {
        const bool known = code >= 2 && code <= 6;
        rows.push_back({Scheme::socks5,
                        std::string{5, static_cast<char>(code), 0, 1, 0, 0, 0, 0, 0, 0},
                        known ? static_cast<Reply>(code) : Reply::general_failure});
    }
    for (const Row& row : rows) {
        Script script = chain_script({row.scheme}, far_target);
        script.talk.back().reply = row.reply;
        ScriptedHop hop(std::move(script));
        chain = chain_urls({row.scheme}, hop.endpoint());
        const auto result = reach(far_target);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().cause, Cause::upstream);
        EXPECT_EQ(result.error().reply, row.expected) << result.error().text;
        EXPECT_TRUE(hop.finish());
    }
}

TEST_P(DialerChainTest, says_which_hop_failed) {
    const std::vector schemes{proto::ProxyUrl::Scheme::http, proto::ProxyUrl::Scheme::socks5};
    Script script = chain_script(schemes, far_target);
    script.talk.back().reply = std::string("\x05\x05\0\x01\0\0\0\0\0\0", 10);
    ScriptedHop hop(std::move(script));
    chain = chain_urls(schemes, hop.endpoint());
    const auto result = reach(far_target);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().text, "connect `target.example:443' over [1] `" +
                                       chain[1].to_string() + "': SOCKS5 request rejected: 0x05");
    EXPECT_TRUE(hop.finish());
}

// Each hop falls silent before one of its answers.
TEST_P(DialerChainTest, lets_itself_be_cancelled_at_every_step_of_a_handshake) {
    const std::vector schemes{proto::ProxyUrl::Scheme::socks5, proto::ProxyUrl::Scheme::socks4a,
                              proto::ProxyUrl::Scheme::http};
    const Script whole = chain_script(schemes, far_target);
    const std::size_t before = open_descriptors();
    for (std::size_t i = 0; i < whole.talk.size(); i++) {
        for (const int reason : {ECANCELED, ECONNRESET}) {
            Script script = whole;
            script.talk.resize(i + 1);
            script.talk.back().reply.pop_back();
            ScriptedHop hop(std::move(script));
            chain = chain_urls(schemes, hop.endpoint());
            Started<Result> attempt(loop);
            attempt.start(dial(far_target));
            ASSERT_TRUE(io::run_until(loop, [&] { return hop.said_all(); }));
            io::turn(loop);
            ASSERT_FALSE(attempt.done());
            attempt.cancel(reason);
            const auto& result = attempt.wait();
            ASSERT_FALSE(result);
            EXPECT_FALSE(out.is_open());
            io::turn(loop);
            EXPECT_TRUE(hop.finish());
        }
    }
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace neosocksd::net
