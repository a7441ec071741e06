#include "ctl/json_value.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::ctl {
namespace {

using Kind = JsonValue::Kind;

TEST(CtlJson, reads_every_kind) {
    const auto value = JsonValue::parse(
        " { \"a\" : [ 1 , -2.5e3 , true , false , null , \"x\" ] , \"b\" : { } , \"c\" : [ ] } ");
    ASSERT_TRUE(value);
    const auto& items = value->at("a").items();
    ASSERT_EQ(items.size(), 6U);
    EXPECT_EQ(items[0].text(), "1");
    EXPECT_EQ(items[1].number(), -2500);
    EXPECT_TRUE(items[2].is_true());
    EXPECT_FALSE(items[3].is_true());
    EXPECT_TRUE(items[4].is_null());
    EXPECT_EQ(items[5].text(), "x");
    EXPECT_EQ(value->at("b").kind(), Kind::object);
    EXPECT_EQ(value->at("c").kind(), Kind::array);
    EXPECT_EQ(value->names(), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(CtlJson, what_is_absent_is_null_and_answers_with_nothing) {
    const auto value = JsonValue::parse("{}");
    const JsonValue& absent = value->at("a").at("b");
    EXPECT_TRUE(absent.is_null());
    EXPECT_EQ(absent.number(), 0);
    EXPECT_EQ(absent.text(), "");
    EXPECT_TRUE(absent.items().empty());
}

TEST(CtlJson, keeps_numbers_as_they_were_written) {
    EXPECT_EQ(JsonValue::parse("18446744073709551615")->text(), "18446744073709551615");
}

TEST(CtlJson, decodes_escapes) {
    EXPECT_EQ(JsonValue::parse(R"("a\"\\\/\b\f\n\r\t\u00e9\u20ac\ud83d\udc1f")")->text(),
              "a\"\\/\b\f\n\r\té€\xf0\x9f\x90\x9f");
    // Halves of a character are none.
    EXPECT_EQ(JsonValue::parse(R"("\ud83dx\udc1f\ud83dA")")->text(),
              "\ufffdx\ufffd\ufffd"
              "A");
}

TEST(CtlJson, refuses_what_is_not_json) {
    for (const char* text :
         {"",      " ",  "{",    "}",       "[1,]",      "{\"a\"}",     "{\"a\":}", "{a:1}",
          "[1 2]", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "nul",      "truex",
          "1 2",   "-",  "1e",   "--1",     "[1",        "{\"a\":1,}"})
        EXPECT_FALSE(JsonValue::parse(text)) << text;
}

TEST(CtlJson, refuses_what_is_nested_too_deep) {
    const std::string deep(limits::kCtlJsonDepth, '[');
    const std::string closing(limits::kCtlJsonDepth, ']');
    EXPECT_TRUE(JsonValue::parse(deep + closing));
    EXPECT_FALSE(JsonValue::parse("[[" + deep + closing + "]]"));
    EXPECT_FALSE(JsonValue::parse(std::string(1'000'000, '[')));
}

}  // namespace
}  // namespace neosocksd::ctl
