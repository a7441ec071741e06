// A bare lua_State for the tests of modules: Lua's own libraries, and what the test puts there.

#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "ruleset/lua_api.h"

namespace neosocksd::ruleset {

class LuaTest : public testing::Test {
protected:
    LuaTest() : lua_(luaL_newstate()) { luaL_openlibs(lua_); }
    ~LuaTest() override { lua_close(lua_); }
    LuaTest(const LuaTest&) = delete;
    LuaTest& operator=(const LuaTest&) = delete;

    // The global `name` becomes what `open` leaves on the stack.
    void use(const char* name, lua_CFunction open) {
        lua_pushcfunction(lua_, open);
        lua_call(lua_, 0, 1);
        lua_setglobal(lua_, name);
    }

    // Runs statements, whose chunk is called "test"; an error fails the test.
    void run(std::string_view statements) {
        if (luaL_loadbufferx(lua_, statements.data(), statements.size(), "=test", "t") != LUA_OK ||
            lua_pcall(lua_, 0, 0, 0) != LUA_OK) {
            ADD_FAILURE() << lua_tostring(lua_, -1);
            lua_pop(lua_, 1);
        }
    }

    // The values of an expression list, or of statements that return some: strings in quotes, the
    // others as Lua prints them, separated by ", ". "error: MESSAGE" if it fails.
    std::string evaluate(std::string_view text) {
        const int base = lua_gettop(lua_);
        const std::string expression = "return " + std::string(text);
        int status = luaL_loadbufferx(lua_, expression.data(), expression.size(), "=test", "t");
        if (status != LUA_OK) {
            lua_settop(lua_, base);
            status = luaL_loadbufferx(lua_, text.data(), text.size(), "=test", "t");
        }
        if (status == LUA_OK) status = lua_pcall(lua_, 0, LUA_MULTRET, 0);
        std::string result = status == LUA_OK ? "" : "error: ";
        for (int i = base + 1; i <= lua_gettop(lua_); i++) {
            if (i > base + 1) result += ", ";
            const bool quoted = status == LUA_OK && lua_type(lua_, i) == LUA_TSTRING;
            std::size_t size = 0;
            const char* value = luaL_tolstring(lua_, i, &size);
            if (quoted) result += '"';
            result.append(value, size);
            if (quoted) result += '"';
            lua_pop(lua_, 1);
        }
        lua_settop(lua_, base);
        return result;
    }

    lua_State* lua_;
};

// A row of a table of cases: what evaluate() makes of `text`.
struct LuaCase {
    std::string_view text;
    std::string_view result;
};

}  // namespace neosocksd::ruleset
