// A Lua state with the sets in it, for the benchmark of native sets.

#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "measure.h"
#include "ruleset/modules.h"

class Lua {
public:
    Lua() : state_(luaL_newstate()) {
        luaL_openlibs(state_);
        neosocksd::ruleset::open_set(state_);
        lua_setglobal(state_, "set");
    }
    Lua(const Lua&) = delete;
    ~Lua() { lua_close(state_); }

    void set_list(const char* name, const std::vector<std::string>& list) {
        lua_createtable(state_, static_cast<int>(list.size()), 0);
        for (std::size_t i = 0; i < list.size(); i++) {
            neosocksd::ruleset::push(state_, list[i]);
            lua_rawseti(state_, -2, static_cast<lua_Integer>(i + 1));
        }
        lua_setglobal(state_, name);
    }
    void run(const std::string& code) {
        if (luaL_dostring(state_, code.c_str()) == LUA_OK) return;
        std::fprintf(stderr, "sets_bench: %s\n", lua_tostring(state_, -1));
        std::exit(1);
    }
    // Builds `matcher` by `constructor` from the list; seconds.
    double build(const char* constructor, const std::vector<std::string>& list) {
        set_list("list", list);
        lua_gc(state_, LUA_GCCOLLECT);
        const double time = seconds([&] { run(fmt::format("matcher = {}(list)", constructor)); });
        run("list = nil collectgarbage()");
        return time;
    }
    // Nanoseconds a call of `matcher` with each question, without those of the loop: the best of
    // some passes. A question is what a Lua expression between parentheses would be.
    double ask(const std::vector<std::string>& questions, const char* arguments) {
        set_list("questions", questions);
        run(
            fmt::format("local q = {{}} for i, text in ipairs(questions) do q[i] = {{{}}} end\n"
                        "questions = q",
                        arguments));
        run("local function no() return false end\n"
            "local function pass(f)\n"
            "    local start = os.clock()\n"
            "    for _, q in ipairs(questions) do f(q[1], q[2]) end\n"
            "    return os.clock() - start\n"
            "end\n"
            "result = math.huge\n"
            "for _ = 1, 7 do result = math.min(result, pass(matcher) - pass(no)) end");
        lua_getglobal(state_, "result");
        const double time = lua_tonumber(state_, -1);
        lua_pop(state_, 1);
        return time * 1e9 / static_cast<double>(questions.size());
    }

private:
    lua_State* state_;
};
