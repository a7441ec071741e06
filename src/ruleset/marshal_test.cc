// marshal(): the text of each kind of value, and that any value comes back from its text.

#include "ruleset/marshal.h"

#include <cstdlib>
#include <ctime>
#include <span>

#include "base/limits.h"
#include "ruleset/lua_fixture.h"
#include "ruleset/modules.h"

namespace neosocksd::ruleset {
namespace {

class Marshal : public LuaTest {
protected:
    Marshal() {
        use("marshal", open_marshal);
        run(R"(
            function unmarshal(text) return assert(load("return " .. text, "=text", "t", {}))() end
            function nested(levels)
                local t = {}
                for i = 2, levels do t = {t} end
                return t
            end
            -- The same value? 0.0 may come back as 0.
            function same(a, b)
                if type(a) ~= type(b) then return false end
                if type(a) == "number" then
                    if a == 0 and b == 0 then return 1 / a == 1 / b end
                    return math.type(a) == math.type(b) and (a == b or a ~= a and b ~= b)
                end
                if type(a) ~= "table" then return a == b end
                for k, v in next, a do if not same(v, b[k]) then return false end end
                for k in next, b do if a[k] == nil then return false end end
                return true
            end
        )");
    }

    // Rows hold the text without the quotes that evaluate() puts around it.
    void expect(std::span<const LuaCase> cases) {
        for (const auto& row : cases)
            EXPECT_EQ(evaluate(row.text), '"' + std::string(row.result) + '"') << row.text;
    }
    void expect_errors(std::span<const LuaCase> cases) {
        for (const auto& row : cases)
            EXPECT_EQ(evaluate(row.text), "error: " + std::string(row.result)) << row.text;
    }
};

TEST_F(Marshal, joins_values) {
    static constexpr LuaCase kCases[] = {
        {"marshal()", ""},
        {"marshal(nil)", "nil"},
        {"marshal(nil, nil)", "nil,nil"},
        {"marshal(true, false)", "true,false"},
        {"marshal('a', 1, nil)", "\"a\",1,nil"},
        {R"(marshal("a", {"b", ["c"] = "d"}))", R"("a",{"b",["c"]="d",})"},
    };
    expect(kCases);
    EXPECT_EQ(evaluate("select('#', unmarshal(marshal(nil, 1, nil)))"), "3");
    EXPECT_EQ(evaluate("marshal(table.unpack({}, 1, 250)) == ('nil,'):rep(249) .. 'nil'"), "true");
}

TEST_F(Marshal, writes_integers) {
    static constexpr LuaCase kCases[] = {
        {"marshal(0)", "0"},
        {"marshal(1)", "1"},
        {"marshal(-5)", "-5"},
        {"marshal(999999999999)", "999999999999"},
        {"marshal(-999999999999)", "-999999999999"},
        {"marshal(1000000000000)", "0xe8d4a51000"},
        {"marshal(-1000000000000)", "-0xe8d4a51000"},
        {"marshal(math.maxinteger)", "0x7fffffffffffffff"},
        {"marshal(-math.maxinteger)", "-0x7fffffffffffffff"},
        {"marshal(math.mininteger)", "0x8000000000000000"},
    };
    expect(kCases);
}

TEST_F(Marshal, writes_floats) {
    static constexpr LuaCase kCases[] = {
        {"marshal(0.0)", "0"},
        {"marshal(-0.0)", "-0.0"},
        {"marshal(1.0)", "0x1p+0"},
        {"marshal(1.5)", "0x1.8p+0"},
        {"marshal(-1.5)", "-0x1.8p+0"},
        {"marshal(0.1)", "0x1.999999999999ap-4"},
        {"marshal(1e100)", "0x1.249ad2594c37dp+332"},
        {"marshal(0x1p-1074)", "0x1p-1074"},
        {"marshal(0x1.8p-1073)", "0x1.8p-1073"},
        {"marshal(0x1p-1022)", "0x1p-1022"},
        {"marshal(0x1.fffffffffffffp+1023)", "0x1.fffffffffffffp+1023"},
        {"marshal(math.huge)", "1/0"},
        {"marshal(-math.huge)", "-1/0"},
        {"marshal(0/0)", "0/0"},
        {"marshal(-(0/0))", "0/0"},
    };
    expect(kCases);
}

TEST_F(Marshal, escapes_strings) {
    static constexpr LuaCase kCases[] = {
        {"marshal('')", R"("")"},
        {R"(marshal("\0\1\t\r\127"))", R"("\000\001\009\013\127")"},
        {R"(marshal("\0011"))", R"("\0011")"},
        {R"(marshal('"'))", R"("\"")"},
        {R"(marshal("\\"))", R"("\\")"},
        {R"(marshal("a\nb"))", "\"a\\\nb\""},
        {R"(marshal("\x80\xff"))", "\"\x80\xff\""},
        {"marshal(\"'[[--]]\")", "\"'[[--]]\""},
        {"marshal('5')", "\"5\""},
    };
    expect(kCases);
    run(R"(
        local all = {}
        for i = 0, 255 do all[#all + 1] = string.char(i) .. "1" end
        all = table.concat(all)
        assert(unmarshal(marshal(all)) == all)
        local long = all:rep(10000)
        assert(unmarshal(marshal(long)) == long)
    )");
}

TEST_F(Marshal, writes_tables) {
    static constexpr LuaCase kCases[] = {
        {"marshal({})", "{}"},
        {"marshal({1, 2, a = 'x'})", R"({1,2,["a"]="x",})"},
        {"marshal({1, 2, nil, 4})", "{1,2,[4]=4,}"},
        {"marshal({nil, 2})", "{[2]=2,}"},
        {"marshal({[0] = 'z', 'a'})", R"({"a",[0]="z",})"},
        {"marshal({[-1] = 1})", "{[-1]=1,}"},
        {"marshal({[1.5] = 1})", "{[0x1.8p+0]=1,}"},
        {"marshal({[true] = false})", "{[true]=false,}"},
        {"marshal({[{1}] = {2}})", "{[{1,}]={2,},}"},
        {"marshal({{{}}, {}})", "{{{},},{},}"},
        {"marshal({math.huge, -0.0})", "{1/0,-0.0,}"},
        {"marshal({[math.huge] = 1})", "{[1/0]=1,}"},
    };
    expect(kCases);
    // The order is that of next().
    run(R"(
        local t, text = {}, {}
        for i = 1, 100 do t["k" .. i] = i end
        for k, v in next, t do text[#text + 1] = ('["%s"]=%d,'):format(k, v) end
        assert(marshal(t) == "{" .. table.concat(text) .. "}")
    )");
}

TEST_F(Marshal, looks_through_metatables) {
    static constexpr LuaCase kCases[] = {
        {"marshal(setmetatable({1}, {__index = {2}, __marshal = error, __len = error}))", "{1,}"},
        {"marshal(setmetatable({1}, {__pairs = error, __tostring = error, __name = 'x'}))", "{1,}"},
        {"marshal(setmetatable({1}, {__metatable = false, __eq = error}))", "{1,}"},
    };
    expect(kCases);
}

TEST_F(Marshal, refuses_what_has_no_text) {
    EXPECT_TRUE(evaluate("marshal(print)").starts_with("error: function: "));
    EXPECT_TRUE(evaluate("marshal(print)").ends_with(" is not marshallable"));
    EXPECT_TRUE(evaluate("marshal({1, {x = print}})").starts_with("error: function: "));
    EXPECT_TRUE(evaluate("marshal({[print] = 1})").starts_with("error: function: "));
    EXPECT_TRUE(evaluate("marshal(coroutine.create(print))").starts_with("error: thread: "));
    EXPECT_TRUE(evaluate("marshal(io.stdout)").starts_with("error: file (0x"));
}

TEST_F(Marshal, refuses_cycles_only) {
    static constexpr LuaCase kErrors[] = {
        {"local t = {} t[1] = t return marshal(t)",
         "circular referenced table is not marshallable"},
        {"local t = {} t[t] = 1 return marshal(t)",
         "circular referenced table is not marshallable"},
        {"local a, b = {}, {} a.b = b b.a = a return marshal(1, a)",
         "circular referenced table is not marshallable"},
    };
    expect_errors(kErrors);
    static constexpr LuaCase kCases[] = {
        {"local s = {1} return marshal(s, s)", "{1,},{1,}"},
        {"local s = {1} return marshal({s, s})", "{{1,},{1,},}"},
        {"local s = {1} return marshal({[s] = s})", "{[{1,}]={1,},}"},
        {"local s = {} return marshal({{s}, {{s}}})", "{{{},},{{{},},},}"},
    };
    expect(kCases);
}

TEST_F(Marshal, nests_as_deeply_as_the_parser) {
    run("assert(marshal(nested(196)) == ('{'):rep(196) .. ('},'):rep(195) .. '}')");
    EXPECT_EQ(evaluate("marshal(nested(197))"), "error: C stack overflow");
    EXPECT_EQ(evaluate("marshal(nested(100000))"), "error: C stack overflow");
    // What a peer does: load it from C.
    run("text = 'return ' .. marshal(nested(196))");
    lua_getglobal(lua_, "text");
    EXPECT_EQ(luaL_loadstring(lua_, lua_tostring(lua_, -1)), LUA_OK);
    lua_pop(lua_, 2);
    // It works as deep inside of Lua as anything does.
    run("local function f(n) if n == 0 then return marshal(nested(196)) end "
        "return select(2, pcall(f, n - 1)) end assert(#f(150) > 500)");
}

// For the parser, what a sign or a division is applied to lies one level deeper.
TEST_F(Marshal, nests_operators_as_deeply_as_the_parser) {
    for (const std::string value :
         {"-1", "-0x7fffffffffffffff", "-0.0", "-1.5", "0/0", "1/0", "-1/0"}) {
        run("local t = " + value + " for i = 1, 195 do t = {t} end text = 'return ' .. marshal(t)");
        lua_getglobal(lua_, "text");
        EXPECT_EQ(luaL_loadstring(lua_, lua_tostring(lua_, -1)), LUA_OK) << value;
        lua_pop(lua_, 2);
        run("t = " + value + " for i = 1, 196 do t = {t} end");
        EXPECT_EQ(evaluate("marshal(t)"), "error: C stack overflow") << value;
    }
    run("t = math.mininteger for i = 1, 196 do t = {t} end text = 'return ' .. marshal(t)");
    lua_getglobal(lua_, "text");
    EXPECT_EQ(luaL_loadstring(lua_, lua_tostring(lua_, -1)), LUA_OK);
    lua_pop(lua_, 2);
}

TEST_F(Marshal, bounds_its_text) {
    // Twenty-eight tables, 2^28 entries.
    EXPECT_EQ(evaluate("local t = {} for i = 1, 28 do t = {t, t} end return marshal(t)"),
              "error: marshalled text exceeds 67108864 bytes");
    EXPECT_EQ(evaluate("#marshal(('x'):rep(67108864 - 2))"), "67108864");
    EXPECT_EQ(evaluate("marshal(('x'):rep(67108863))"),
              "error: marshalled text exceeds 67108864 bytes");
}

TEST_F(Marshal, serves_c_callers) {
    std::string text = "return true,";
    lua_pushinteger(lua_, 1);
    lua_pushliteral(lua_, "a");
    lua_pushnil(lua_);
    marshal_values(lua_, 2, text);
    EXPECT_EQ(text, "return true,\"a\",nil");
    EXPECT_EQ(lua_gettop(lua_), 3);
    marshal_values(lua_, 4, text);
    EXPECT_EQ(text, "return true,\"a\",nil");
}

// Random values of every kind come back as they were. Replay with NEOSOCKSD_SEED.
TEST_F(Marshal, gives_back_any_value) {
    const char* given = std::getenv("NEOSOCKSD_SEED");
    const auto seed = given ? static_cast<lua_Integer>(std::strtoul(given, nullptr, 10))
                            : static_cast<lua_Integer>(std::time(nullptr));
    std::printf("NEOSOCKSD_SEED=%lld\n", static_cast<long long>(seed));
    lua_pushinteger(lua_, seed);
    lua_setglobal(lua_, "seed");
    run(R"(
        math.randomseed(seed)
        local random = math.random
        local integers = {0, 1, -1, 999999999999, 1000000000000, -1000000000000,
                          math.maxinteger, math.mininteger, math.mininteger + 1}
        local floats = {0.0, -0.0, 1.0, -1.0, 0.1, math.pi, 1e308, 5e-324, -5e-324, 0x1p-1022,
                        0x1.fffffffffffffp-1023, 2^53, 2^63, -2^63, 1/0, -1/0, 0/0}
        local value
        local makers = {
            function() return random(0) end,
            function() return random(0) >> random(0, 63) end,
            function() return integers[random(#integers)] end,
            function() return floats[random(#floats)] end,
            function() return string.unpack("d", string.pack("i8", random(0))) end,
            function() return random() * 5e-310 end,
            function() return random(2) == 1 end,
            function()
                local t = {}
                for i = 1, random(0, 20) do t[i] = string.char(random(0, 255)) end
                return table.concat(t)
            end,
            function(depth)
                local t = {}
                for i = 1, depth > 0 and random(0, 8) or 0 do
                    if random(4) > 1 then t[i] = value(depth - 1) end  -- holes
                end
                for _ = 1, depth > 0 and random(0, 4) or 0 do
                    local key
                    repeat key = value(0) until key == key and type(key) ~= "table"
                    t[key] = value(depth - 1)
                end
                return t
            end,
        }
        function value(depth) return makers[random(#makers - (depth > 0 and 0 or 1))](depth) end
        for i = 1, 3000 do
            local v = value(5)
            local text = marshal(v)
            assert(same(v, unmarshal(text)), text)
        end
    )");
}

}  // namespace
}  // namespace neosocksd::ruleset
