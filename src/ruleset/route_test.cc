// What a rule returns, read as a route: lua.md section 9, protocols.md section 6.

#include "ruleset/route.h"

#include <fmt/format.h>

#include "ruleset/lua_fixture.h"

namespace neosocksd::ruleset {
namespace {

class RouteTest : public LuaTest {
protected:
    // "TARGET < HOP < HOP" in the order in which they are dialled from behind, or "no: REASON".
    std::string read(std::string_view expressions) {
        const int base = lua_gettop(lua_);
        const std::string chunk = "return " + std::string(expressions);
        EXPECT_EQ(luaL_loadstring(lua_, chunk.c_str()), LUA_OK);
        EXPECT_EQ(lua_pcall(lua_, 0, LUA_MULTRET, 0), LUA_OK);
        const int top = lua_gettop(lua_);
        std::string reason = "stale";
        const auto route = read_route(lua_, base + 1, first_hops, reason);
        EXPECT_EQ(lua_gettop(lua_), top);
        lua_settop(lua_, base);
        if (!route) return "no: " + reason;
        std::string text = route->target.to_string();
        for (auto hop = route->chain.rbegin(); hop != route->chain.rend(); ++hop)
            text += " < " + hop->to_string();
        return text;
    }

    std::vector<proto::ProxyUrl> first_hops;
};

TEST_F(RouteTest, an_address) {
    EXPECT_EQ(read("'h:80'"), "h:80");
    EXPECT_EQ(read("'[::1]:80'"), "[::1]:80");
    EXPECT_EQ(read("'h: 80'"), "h:80");
    EXPECT_EQ(read("'h:+80'"), "h:80");
    EXPECT_EQ(read("'h:'"), "h:0");
}

TEST_F(RouteTest, nothing_is_a_plain_no) {
    EXPECT_EQ(read(""), "no: ");
    EXPECT_EQ(read("nil"), "no: ");
    EXPECT_EQ(read("nil, 'socks5://p:1'"), "no: ");
}

TEST_F(RouteTest, what_is_no_address_is_refused) {
    EXPECT_EQ(read("false"), "no: value 1 is a boolean, not an address");
    EXPECT_EQ(read("true"), "no: value 1 is a boolean, not an address");
    EXPECT_EQ(read("{}"), "no: value 1 is a table, not an address");
    EXPECT_EQ(read("80"), "no: invalid address: `80'");
    EXPECT_EQ(read("'h'"), "no: invalid address: `h'");
    EXPECT_EQ(read("''"), "no: invalid address: `'");
    EXPECT_NE(read("'h:99999'").find("no: "), std::string::npos);
    EXPECT_NE(read("'h:http'").find("no: "), std::string::npos);
    EXPECT_EQ(read("('h'):rep(300) .. ':80'"), "no: address too long: 303 bytes");
}

TEST_F(RouteTest, proxies_are_written_from_the_target_back) {
    EXPECT_EQ(read("'h:80', 'socks5://p2:1', 'http://p1:2'"), "h:80 < socks5://p2:1 < http://p1:2");
    EXPECT_EQ(read("'h:80', 'socks4a://p'"), "h:80 < socks4a://p:1080");
}

TEST_F(RouteTest, the_first_hops_come_before_them) {
    first_hops = *proto::parse_proxy_list("socks5://B1:1,socks4a://B2:2", nullptr);
    EXPECT_EQ(read("'final:443', 'socks5://X2:1', 'http://X1:2'"),
              "final:443 < socks5://X2:1 < http://X1:2 < socks4a://B2:2 < socks5://B1:1");
}

TEST_F(RouteTest, what_is_no_proxy_is_refused) {
    EXPECT_EQ(read("'h:80', nil"), "no: value 2 is a nil, not an address");
    EXPECT_EQ(read("'h:80', 'socks5://p:1', nil"), "no: value 3 is a nil, not an address");
    EXPECT_EQ(read("'h:80', {}"), "no: value 2 is a table, not an address");
    for (const char* const bad :
         {"'h:80', ''", "'h:80', 5", "'h:80', 'foo://p:1'", "'h:80', 'p:1'"})
        EXPECT_EQ(read(bad).find("no: "), 0u) << bad;
}

TEST_F(RouteTest, the_list_is_bounded) {
    run("function hops(n) local t = {} for i = 1, n do t[i] = 'http://p:' .. i end "
        "return table.unpack(t) end");
    EXPECT_EQ(read("'h:80', hops(254)").find("h:80 < http://p:1 <"), 0u);
    EXPECT_EQ(read("'h:80', hops(255)"), "no: 256 values, at most 255");
    EXPECT_EQ(read("'h:80', 'http://' .. ('p'):rep(1025)"),
              "no: value 2 is longer than 1024 bytes");
}

}  // namespace
}  // namespace neosocksd::ruleset
