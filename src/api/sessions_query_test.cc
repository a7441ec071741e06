#include "api/sessions_query.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::api {
namespace {

using namespace std::chrono_literals;

std::expected<proxy::SessionQuery, std::string> parse(std::string_view text) {
    return parse_session_query(*Query::parse(text));
}

TEST(SessionsQuery, means_the_first_page_of_all_when_empty) {
    const auto query = parse("");
    ASSERT_TRUE(query);
    EXPECT_EQ(query->after, 0u);
    EXPECT_EQ(query->limit, limits::kSessionPageRows);
    EXPECT_TRUE(query->filter.matches(proxy::SessionFacts{}));
}

TEST(SessionsQuery, reads_every_parameter) {
    const auto query = parse(
        "client=192.0.2.0/24&user=alice&target=.example.org&listener=127.0.0.1:1080&"
        "protocol=http&state=dialling&worker=2&min_age=1.5&max_age=60&min_bytes=1000&"
        "after=17&limit=1000");
    ASSERT_TRUE(query) << query.error();
    EXPECT_EQ(query->filter.client, Cidr::parse("192.0.2.0/24"));
    EXPECT_EQ(query->filter.user, "alice");
    EXPECT_EQ(query->filter.target, ".example.org");
    EXPECT_EQ(query->filter.listener, "127.0.0.1:1080");
    EXPECT_EQ(query->filter.protocol, "http");
    EXPECT_EQ(query->filter.state, proxy::SessionState::dialling);
    EXPECT_EQ(query->filter.worker, 2u);
    EXPECT_EQ(query->filter.min_age, 1500ms);
    EXPECT_EQ(query->filter.max_age, 60s);
    EXPECT_EQ(query->filter.min_bytes, 1000u);
    EXPECT_EQ(query->after, 17u);
    EXPECT_EQ(query->limit, 1000u);
}

TEST(SessionsQuery, reads_clients_in_every_spelling) {
    const auto client = [](const char* text) { return parse(std::string("client=") + text); };
    EXPECT_EQ(client("192.0.2.1:4000")->filter.client_port, 4000);
    EXPECT_EQ(client("%5B2001:db8::1%5D:4000")->filter.client, Cidr::parse("2001:db8::1"));
    EXPECT_EQ(client("2001:db8::1")->filter.client_port, std::nullopt);
    EXPECT_EQ(client("unix:uid=1000")->filter.client_uid, 1000);
}

TEST(SessionsQuery, refuses_what_it_does_not_understand) {
    for (const char* text : {"limit=1001",        "limit=-1",    "limit=",         "limit=1x",
                             "after=x",           "client=",     "client=host",    "client=host:80",
                             "client=unix:uid=x", "state=",      "state=Dialling", "worker=-1",
                             "min_age=-1",        "min_age=nan", "min_age=inf",    "min_age=1e300",
                             "min_bytes=1.5",     "target=",     "protocol=",      "listener="})
        EXPECT_FALSE(parse(text)) << text;
    EXPECT_EQ(parse("clinet=192.0.2.1").error(), "sessions: unknown parameter `clinet'\n");
    EXPECT_EQ(parse("worker=x").error(), "sessions: bad value of `worker'\n");
}

TEST(SessionsQuery, pages_are_for_listings_alone) {
    EXPECT_FALSE(parse_session_filter(*Query::parse("limit=5")));
    EXPECT_TRUE(parse_session_filter(*Query::parse("user=")));
}

TEST(SessionsQuery, an_id_is_a_number_and_nothing_else) {
    EXPECT_EQ(parse_session_id("17"), 17u);
    EXPECT_EQ(parse_session_id("18446744073709551615"), UINT64_MAX);
    for (const char* text : {"", "0", "017", "+1", "-1", "1x", " 1", "18446744073709551616", "*"})
        EXPECT_FALSE(parse_session_id(text)) << text;
}

}  // namespace
}  // namespace neosocksd::api
