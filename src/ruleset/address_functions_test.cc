// Addresses as rules take them apart: everything that 1.4.2 was measured to do.

#include "ruleset/lua_fixture.h"
#include "ruleset/modules.h"

namespace neosocksd::ruleset {
namespace {

class AddressFunctions : public LuaTest {
protected:
    AddressFunctions() {
        lua_newtable(lua_);
        add_address_functions(lua_);
        lua_setglobal(lua_, "neosocksd");
        run("v4, v6, split = neosocksd.parse_ipv4, neosocksd.parse_ipv6, neosocksd.splithostport");
    }

    void expect(const LuaCase& row) { EXPECT_EQ(evaluate(row.text), row.result) << row.text; }
};

TEST_F(AddressFunctions, turn_ipv4_into_an_integer) {
    static constexpr LuaCase kCases[] = {
        {"v4('0.0.0.0')", "0"},
        {"v4('1.2.3.4')", "16909060"},
        {"v4('255.255.255.255')", "4294967295"},
        {"v4('169.254.3.4') & 0xFFFF0000 == v4('169.254.0.0')", "true"},
        {"math.type(v4('1.2.3.4'))", "\"integer\""},
        {"v4('1.2.3.4\\0x')", "16909060"},
    };
    for (const auto& row : kCases) expect(row);
}

TEST_F(AddressFunctions, give_nothing_for_what_is_no_ipv4_address) {
    for (const char* text :
         {"''",          "'1.2.3'", "'01.2.3.4'",  "' 1.2.3.4'", "'1.2.3.4 '",   "'1.2.3.256'",
          "'1.2.3.4.5'", "'127.1'", "'0x1.2.3.4'", "'::1'",      "'1.2.3.4:80'", "'example.org'",
          "'1.2.3.4%1'", "'\\0'",   "nil",         "5",          "true",         "{}",
          "print",       ""}) {
        EXPECT_EQ(evaluate("select('#', v4(" + std::string(text) + "))"), "0") << text;
    }
}

TEST_F(AddressFunctions, turn_ipv6_into_two_integers) {
    static constexpr LuaCase kCases[] = {
        {"v6('::')", "0, 0"},
        {"v6('::1')", "0, 1"},
        {"v6('FE80::')", "-108086391056891904, 0"},
        {"v6('fe80::')", "-108086391056891904, 0"},
        {"v6('::ffff:1.2.3.4')", "0, 281470698652420"},
        {"v6('1:2:3:4:5:6:7:8')", "281483566841860, 1407400653815816"},
        {"v6('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')", "-1, -1"},
        {"v6('fe80::1') & 0xFFC0000000000000 == v6('FE80::')", "true"},
        {"v6('::1\\0x')", "0, 1"},
    };
    for (const auto& row : kCases) expect(row);
}

TEST_F(AddressFunctions, give_nothing_for_what_is_no_ipv6_address) {
    for (const char* text :
         {"''", "':'", "'[::1]'", "'fe80::1%1'", "'fe80::1%lo'", "'::1%'", "'1.2.3.4'", "'1::2::3'",
          "'::12345'", "'::1 '", "'1:2:3:4:5:6:7'", "nil", "5", "true", "{}", "print", ""}) {
        EXPECT_EQ(evaluate("select('#', v6(" + std::string(text) + "))"), "0") << text;
    }
}

TEST_F(AddressFunctions, split_at_the_last_colon) {
    static constexpr LuaCase kCases[] = {
        {"split('a:1')", "\"a\", \"1\""},           {"split('[::1]:80')", "\"::1\", \"80\""},
        {"split('::1:80')", "\"::1\", \"80\""},     {"split(':')", "\"\", \"\""},
        {"split('[]:80')", "\"\", \"80\""},         {"split('[::1]')", "\"[:\", \"1]\""},
        {"split('[x]y:80')", "\"[x]y\", \"80\""},   {"split('host:')", "\"host\", \"\""},
        {"split('a b:http')", "\"a b\", \"http\""}, {"split('a:1\\0b:2')", "\"a\", \"1\""},
        {"#split(('x'):rep(259) .. ':1')", "259"},
    };
    for (const auto& row : kCases) expect(row);
}

TEST_F(AddressFunctions, refuse_what_cannot_be_split) {
    static constexpr LuaCase kCases[] = {
        {"split('host')", "invalid address: `host'"},
        {"split('')", "invalid address: `'"},
        {"split(12)", "invalid address: `12'"},
        {"split('a\\0b:1')", "invalid address: `a'"},
        {"split(('x'):rep(260) .. ':1')", "address too long: 262 bytes"},
        {"split()", "bad argument #1 to 'split' (string expected, got no value)"},
        {"split({})", "bad argument #1 to 'split' (string expected, got table)"},
        {"neosocksd.splithostport(nil)",
         "bad argument #1 to 'splithostport' (string expected, got nil)"},
    };
    for (const auto& row : kCases)
        EXPECT_EQ(evaluate("local h, p = " + std::string(row.text) + " return h, p"),
                  "error: test:1: " + std::string(row.result))
            << row.text;
}

}  // namespace
}  // namespace neosocksd::ruleset
