#include "api/request_target.h"

#include <gtest/gtest.h>

namespace neosocksd::api {
namespace {

using Path = std::vector<std::string>;

std::optional<Path> path_of(std::string_view text) {
    const auto target = parse_request_target(text);
    if (!target) return std::nullopt;
    return target->path;
}

TEST(RequestTarget, is_split_at_slashes_and_decoded) {
    EXPECT_EQ(path_of("/healthy"), Path({"healthy"}));
    EXPECT_EQ(path_of("/%68ealthy"), Path({"healthy"}));
    EXPECT_EQ(path_of("/ruleset/gc"), Path({"ruleset", "gc"}));
    EXPECT_EQ(path_of("/a%2fb"), Path({"a/b"}));
    EXPECT_EQ(path_of("/a+b"), Path({"a+b"}));
}

TEST(RequestTarget, ignores_repeated_slashes_but_not_the_last) {
    EXPECT_EQ(path_of("///healthy"), Path({"healthy"}));
    EXPECT_EQ(path_of("/ruleset//gc"), Path({"ruleset", "gc"}));
    EXPECT_EQ(path_of("/healthy/"), Path({"healthy", ""}));
    EXPECT_EQ(path_of("/"), Path({""}));
}

TEST(RequestTarget, may_be_absolute) {
    const auto target = parse_request_target("HTTP://127.0.0.1:9080/stats?q=1");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->authority, "127.0.0.1:9080");
    EXPECT_EQ(target->path, Path({"stats"}));
    EXPECT_EQ(target->query, "q=1");
}

TEST(RequestTarget, ends_at_the_fragment_and_is_split_at_the_first_question_mark) {
    const auto target = parse_request_target("/stats?a=1?b=2#c?d");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->path, Path({"stats"}));
    EXPECT_EQ(target->query, "a=1?b=2");
    EXPECT_EQ(parse_request_target("/stats#x?y")->query, "");
}

TEST(RequestTarget, refuses_what_has_no_path_or_two_meanings) {
    for (const char* text :
         {"", "*", "healthy", "//x", "//x/healthy", "http://host", "http://", "http:///healthy",
          "https://host/healthy", "host:80", "?q", "#", "http://host?q=/healthy"})
        EXPECT_FALSE(parse_request_target(text)) << text;
}

TEST(RequestTarget, refuses_bytes_that_belong_into_no_url) {
    for (const char* text :
         {"/\x80", "/caf\xc3\xa9", "/a\tb", "/a\x7f", "/%", "/%4", "/%4g", "/%00", "/stats?q=\xff"})
        EXPECT_FALSE(parse_request_target(text)) << text;
}

TEST(Query, is_decoded) {
    const auto query = Query::parse("q=a+b%20c%3d&server=no&%6dodule=x");
    ASSERT_TRUE(query);
    EXPECT_EQ(query->get("q"), "a b c=");
    EXPECT_EQ(query->get("server"), "no");
    EXPECT_EQ(query->get("module"), "x");
    EXPECT_EQ(query->get("Q"), std::nullopt);
}

TEST(Query, takes_the_last_of_equal_keys_and_an_empty_value_for_none) {
    const auto query = Query::parse("q=1&q=2&&nobanner&x=a=b&");
    ASSERT_TRUE(query);
    EXPECT_EQ(query->get("q"), "2");
    EXPECT_EQ(query->get("nobanner"), "");
    EXPECT_EQ(query->get("x"), "a=b");
    EXPECT_FALSE(query->flag("nobanner", true));
    EXPECT_TRUE(Query::parse("")->flag("server", true));
}

TEST(Query, knows_six_words_for_true) {
    for (const char* yes : {"1", "y", "yes", "on", "t", "true"})
        EXPECT_TRUE(Query::parse(std::string("a=") + yes)->flag("a", false)) << yes;
    for (const char* no : {"0", "n", "no", "off", "True", "YES", "2", "+1", ""})
        EXPECT_FALSE(Query::parse(std::string("a=") + no)->flag("a", true)) << no;
}

TEST(Query, refuses_stray_percent_signs) {
    for (const char* text : {"q=%", "q=%1", "q=%zz", "%=1", "q=%00", "a=1&b=%f"})
        EXPECT_FALSE(Query::parse(text)) << text;
}

}  // namespace
}  // namespace neosocksd::api
