#include "api/json.h"

#include <limits>

#include <gtest/gtest.h>

namespace neosocksd::api {
namespace {

std::string quoted(std::string_view text) {
    JsonWriter json;
    return json.begin_array().member("", text).end().text();
}

TEST(JsonWriter, writes_members_of_every_kind) {
    JsonWriter json;
    json.begin_object().member("a", 1).member("b", "x").member("c", true).member("d", 1.5);
    json.begin_array("e").member("", -2).member("", false).null("").end();
    json.begin_object("f").end().begin_array("g").end();
    json.member("h", std::numeric_limits<std::uint64_t>::max()).end();
    EXPECT_EQ(json.text(), R"({"a":1,"b":"x","c":true,"d":1.5,"e":[-2,false,null],"f":{},"g":[],)"
                           R"("h":18446744073709551615})");
}

TEST(JsonWriter, has_no_number_for_infinity) {
    JsonWriter json;
    json.begin_array().member("", std::numeric_limits<double>::infinity());
    EXPECT_EQ(json.end().text(), "[null]");
}

TEST(JsonWriter, escapes_what_json_does_not_allow) {
    EXPECT_EQ(quoted("a\"b\\c"), R"(["a\"b\\c"])");
    EXPECT_EQ(quoted(std::string_view("\0\n\x1f\x7f", 4)), R"(["\u0000\u000a\u001f\u007f"])");
    EXPECT_EQ(quoted("caf\xc3\xa9 \xf0\x9f\x98\x80"), "[\"caf\xc3\xa9 \xf0\x9f\x98\x80\"]");
}

TEST(JsonWriter, replaces_what_is_no_utf8) {
    EXPECT_EQ(quoted("a\xff z"), R"(["a\ufffd z"])");
    for (const char* bad : {"\xc3", "\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                            "\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
        EXPECT_EQ(quoted(bad).substr(0, 8), "[\"\\ufffd") << bad;
}

}  // namespace
}  // namespace neosocksd::api
