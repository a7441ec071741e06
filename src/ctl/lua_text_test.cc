#include "ctl/lua_text.h"

#include <gtest/gtest.h>

namespace neosocksd::ctl {
namespace {

using Values = std::vector<std::string>;

Values values(std::string_view text) {
    const auto results = parse_rpc_answer(text);
    return results ? results->values : Values{"no answer"};
}

TEST(CtlLuaText, takes_results_apart) {
    EXPECT_EQ(values("return true"), Values{});
    EXPECT_EQ(values("return true,1,\"a\",{1,[\"x\"]=true,},nil"),
              (Values{"1", "a", "{1,[\"x\"]=true,}", "nil"}));
    EXPECT_EQ(values("return true,{\",}{\"}"), Values{"{\",}{\"}"});
    EXPECT_EQ(values("return true,\"a,b\",0x1p-1074"), (Values{"a,b", "0x1p-1074"}));
}

TEST(CtlLuaText, knows_a_failure) {
    const auto results = parse_rpc_answer("return false,\"(rpc):1: boom\"");
    ASSERT_TRUE(results);
    EXPECT_FALSE(results->ok);
    EXPECT_EQ(results->values, Values{"(rpc):1: boom"});
}

TEST(CtlLuaText, decodes_strings) {
    EXPECT_EQ(values(R"(return true,"a\"\\\n\65\x42\
c\0end")"),
              Values{std::string("a\"\\\nAB\nc\0end", 12)});
    EXPECT_EQ(values("return true,'it\\'s'"), Values{"it's"});
}

TEST(CtlLuaText, is_not_lead_astray) {
    for (const char* text : {"", "return", "return 1", "return truely", "return true,\"", "true,1",
                             "return true,{", "return true,}", "return true,,1", "return true;1"})
        EXPECT_FALSE(parse_rpc_answer(text)) << text;
}

}  // namespace
}  // namespace neosocksd::ctl
