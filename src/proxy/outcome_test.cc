#include "proxy/outcome.h"

#include <cerrno>
#include <ctime>
#include <map>
#include <set>

#include <gtest/gtest.h>

namespace neosocksd::proxy {
namespace {

using net::DialFailure;
using proto::Protocol;
using Cause = net::DialFailure::Cause;

// spec/protocols.md sections 2 to 4, and what its section 9 recommends. -1: closed without a word.
struct Row {
    Outcome outcome;
    int socks4;
    int socks5;
    int http;
};
constexpr int kSilent = -1;
constexpr Row kRows[] = {
    {Outcome::early_eof, kSilent, kSilent, kSilent},
    {Outcome::bad_request, kSilent, kSilent, kSilent},  // the machine has answered
    {Outcome::request_timeout, kSilent, kSilent, kSilent},
    {Outcome::client_gone, kSilent, kSilent, kSilent},
    {Outcome::rejected, 0x5b, 1, 403},
    {Outcome::blocked, 0x5b, 2, 502},
    {Outcome::own_listener, 0x5b, 2, 403},
    {Outcome::unresolved, 0x5b, 4, 502},
    {Outcome::network_unreachable, 0x5b, 3, 502},
    {Outcome::host_unreachable, 0x5b, 4, 502},
    {Outcome::connection_refused, 0x5b, 5, 502},
    {Outcome::connect_failed, 0x5b, 1, 502},
    {Outcome::upstream_failed, 0x5b, 1, 502},
    {Outcome::dial_timeout, kSilent, 6, kSilent},
    {Outcome::stopped, kSilent, kSilent, kSilent},
    {Outcome::killed, kSilent, kSilent, kSilent},
};

Ending ending(Outcome outcome) {
    Ending result;
    result.outcome = outcome;
    return result;
}

TEST(OutcomeTest, has_a_row_of_the_specification_for_every_failure) {
    std::set<Outcome> seen;
    for (const Row& row : kRows) seen.insert(row.outcome);
    EXPECT_EQ(seen.size(), kOutcomes - 1);
    EXPECT_FALSE(seen.contains(Outcome::established));
}

TEST(OutcomeTest, names_each_outcome_once) {
    std::set<std::string> names;
    for (std::size_t i = 0; i < kOutcomes; i++) names.insert(row_of(static_cast<Outcome>(i)).name);
    EXPECT_EQ(names.size(), kOutcomes);
    EXPECT_STREQ(row_of(Outcome::established).name, "established");
    EXPECT_STREQ(row_of(Outcome::dial_timeout).name, "dial_timeout");
    EXPECT_STREQ(row_of(Outcome::stopped).name, "stopped");
    EXPECT_STREQ(row_of(Outcome::killed).name, "killed");
}

TEST(OutcomeTest, answers_socks4) {
    for (const Row& row : kRows) {
        std::string expected;
        if (row.socks4 != kSilent) {
            expected.assign(8, '\0');
            expected[1] = static_cast<char>(row.socks4);
        }
        for (const Protocol protocol : {Protocol::socks4, Protocol::socks4a})
            EXPECT_EQ(failure_reply(ending(row.outcome), protocol, 0), expected)
                << row_of(row.outcome).name;
    }
}

TEST(OutcomeTest, answers_socks5) {
    for (const Row& row : kRows) {
        std::string expected;
        if (row.socks5 != kSilent)
            expected = std::string{5, static_cast<char>(row.socks5), 0, 1, 0, 0, 0, 0, 0, 0};
        EXPECT_EQ(failure_reply(ending(row.outcome), Protocol::socks5, 0), expected)
            << row_of(row.outcome).name;
    }
}

TEST(OutcomeTest, answers_http) {
    for (const Row& row : kRows) {
        const std::string reply = failure_reply(ending(row.outcome), Protocol::http, 784111777);
        if (row.http == kSilent) {
            EXPECT_EQ(reply, "") << row_of(row.outcome).name;
            continue;
        }
        EXPECT_TRUE(reply.starts_with("HTTP/1.1 " + std::to_string(row.http) + " "))
            << row_of(row.outcome).name << ": " << reply;
        EXPECT_NE(reply.find("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), std::string::npos);
        EXPECT_NE(reply.find("\r\nConnection: close\r\n"), std::string::npos);
    }
}

TEST(OutcomeTest, answers_nobody_who_has_not_spoken) {
    for (const Row& row : kRows)
        EXPECT_EQ(failure_reply(ending(row.outcome), Protocol::none, 0), "");
}

TEST(OutcomeTest, passes_the_reply_of_a_hop_on_to_socks5) {
    for (int code = 1; code <= 8; code++) {
        Ending end = ending(Outcome::upstream_failed);
        end.reply = static_cast<proto::Reply>(code);
        EXPECT_EQ(failure_reply(end, Protocol::socks5, 0).at(1), static_cast<char>(code));
        EXPECT_EQ(failure_reply(end, Protocol::socks4, 0).at(1), '\x5b');
        EXPECT_TRUE(failure_reply(end, Protocol::http, 0).starts_with("HTTP/1.1 502 "));
        // Only a hop's: what else has a reply knows its own.
        end.outcome = Outcome::connection_refused;
        EXPECT_EQ(failure_reply(end, Protocol::socks5, 0).at(1), 5);
    }
}

DialFailure failed(Cause cause, int code = 0) {
    DialFailure failure;
    failure.cause = cause;
    failure.code = code;
    failure.reply = proto::Reply::host_unreachable;
    failure.text = "connect `x': why";
    return failure;
}

TEST(OutcomeTest, knows_what_a_failed_dial_means) {
    EXPECT_EQ(ending_of(failed(Cause::unresolved, ENOENT), 0).outcome, Outcome::unresolved);
    EXPECT_EQ(ending_of(failed(Cause::unresolved, ETIMEDOUT), 0).outcome, Outcome::unresolved);
    EXPECT_EQ(ending_of(failed(Cause::blocked, EACCES), 0).outcome, Outcome::blocked);
    EXPECT_EQ(ending_of(failed(Cause::own_listener, EACCES), 0).outcome, Outcome::own_listener);
    const Ending upstream = ending_of(failed(Cause::upstream), 0);
    EXPECT_EQ(upstream.outcome, Outcome::upstream_failed);
    EXPECT_EQ(upstream.reply, proto::Reply::host_unreachable);
    EXPECT_EQ(upstream.text, "connect `x': why");
}

TEST(OutcomeTest, tells_the_errors_of_connect_apart) {
    const std::map<int, Outcome> rows{
        {ENETUNREACH, Outcome::network_unreachable}, {EHOSTUNREACH, Outcome::host_unreachable},
        {ECONNREFUSED, Outcome::connection_refused}, {ETIMEDOUT, Outcome::connect_failed},
        {EACCES, Outcome::connect_failed},           {EADDRNOTAVAIL, Outcome::connect_failed},
        {EMFILE, Outcome::connect_failed},           {ENODEV, Outcome::connect_failed},
    };
    for (const auto& [code, outcome] : rows)
        EXPECT_EQ(ending_of(failed(Cause::connect, code), 0).outcome, outcome) << code;
}

TEST(OutcomeTest, believes_the_cancelled_scope_before_the_failure) {
    for (const Cause cause : {Cause::unresolved, Cause::connect, Cause::upstream}) {
        EXPECT_EQ(ending_of(failed(cause, ETIMEDOUT), ETIMEDOUT).outcome, Outcome::dial_timeout);
        EXPECT_EQ(ending_of(failed(cause, ECONNRESET), ECONNRESET).outcome, Outcome::client_gone);
        EXPECT_EQ(ending_of(failed(cause, ECANCELED), ECANCELED).outcome, Outcome::stopped);
        EXPECT_EQ(ending_of(failed(cause, ECANCELED), kKilled).outcome, Outcome::killed);
        EXPECT_EQ(ending_of(failed(cause, ETIMEDOUT), ETIMEDOUT).text, "connection timeout");
        EXPECT_EQ(ending_of(failed(cause, ECONNRESET), ECONNRESET).text, "the client hung up");
    }
}

}  // namespace
}  // namespace neosocksd::proxy
