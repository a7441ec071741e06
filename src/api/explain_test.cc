#include "api/explain.h"

#include <gtest/gtest.h>

namespace neosocksd::api {
namespace {

std::expected<ExplainedRequest, std::string> parse(std::string_view text) {
    return parse_explain_query(*Query::parse(text));
}

TEST(ExplainQuery, asks_for_a_socks5_connection_if_not_told_otherwise) {
    const auto asked = parse("addr=example.org:443");
    ASSERT_TRUE(asked) << asked.error();
    EXPECT_EQ(asked->request.kind, ruleset::Request::Kind::resolve);
    EXPECT_EQ(asked->request.address, "example.org:443");
    EXPECT_STREQ(asked->request.protocol, "socks5");
    EXPECT_STREQ(asked->request.command, "connect");
    EXPECT_FALSE(asked->request.username);
}

TEST(ExplainQuery, chooses_the_callback_as_a_session_does) {
    using Kind = ruleset::Request::Kind;
    EXPECT_EQ(parse("addr=192.0.2.1:80")->request.kind, Kind::route);
    EXPECT_EQ(parse("addr=%5B2001:db8::1%5D:80")->request.kind, Kind::route6);
    EXPECT_EQ(parse("addr=192.0.2.1:80&protocol=http")->request.kind, Kind::resolve);
    EXPECT_EQ(parse("addr=192.0.2.1:80&protocol=socks4")->request.kind, Kind::route);
}

TEST(ExplainQuery, takes_who_asks) {
    const auto asked =
        parse("addr=a:1&user=u&password=p&client=192.0.2.9:5&listener=x&command=bind");
    ASSERT_TRUE(asked) << asked.error();
    EXPECT_EQ(asked->request.username, "u");
    EXPECT_EQ(asked->request.password, "p");
    EXPECT_EQ(asked->request.client, "192.0.2.9:5");
    EXPECT_EQ(asked->request.listener, "x");
    EXPECT_STREQ(asked->request.command, "bind");
}

TEST(ExplainQuery, refuses_what_it_does_not_understand) {
    for (const char* text : {"", "addr=", "addr=host", "addr=a:99999", "addr=a:1&protocol=ftp",
                             "addr=a:1&command=x", "addr=a:1&usr=u", "addr=a:1&client=garbage"})
        EXPECT_FALSE(parse(text)) << text;
}

TEST(ExplainTag, is_found_at_the_end_of_a_line) {
    EXPECT_EQ(tag_of(R"([direct] "example.org:443")"), "direct");
    EXPECT_EQ(tag_of(R"(D 2024-01-01T00:00:00+0000 rules.lua:5 [a b] "x:1")"), "a b");
    for (const char* line : {"", "[direct]", R"(x[direct] "y")", R"(direct] "y")",
                             R"([direct] "y" more)", R"([direct] y)"})
        EXPECT_FALSE(tag_of(line)) << line;
}

}  // namespace
}  // namespace neosocksd::api
