// The Lua module `time`: the clocks of POSIX in seconds, and the time that a function takes.
// Tested by mod_time_test.cc.

#include <ctime>

#include "ruleset/bind.h"
#include "ruleset/lua_api.h"
#include "ruleset/modules.h"

namespace neosocksd::ruleset {
namespace {

double seconds(const timespec& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

template <clockid_t kClock>
int read_clock(lua_State* lua) {
    timespec now;
    if (clock_gettime(kClock, &now) == 0)
        lua_pushnumber(lua, seconds(now));
    else
        lua_pushinteger(lua, -1);
    return 1;
}

int measure(lua_State* lua) {
    // To measure nothing is to call nil, which Lua has the right error for.
    if (lua_gettop(lua) == 0) lua_pushnil(lua);
    timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
    clock_gettime(CLOCK_MONOTONIC, &end);
    // The results may have used up the stack.
    luaL_checkstack(lua, 1, "too many results");
    // Subtracted as integers: a double of the uptime has no nanoseconds left.
    lua_pushnumber(lua, seconds({end.tv_sec - begin.tv_sec, end.tv_nsec - begin.tv_nsec}));
    lua_insert(lua, 1);
    return lua_gettop(lua);
}

constexpr luaL_Reg kFunctions[] = {
    row<read_clock<CLOCK_MONOTONIC>>("monotonic"),
    row<read_clock<CLOCK_PROCESS_CPUTIME_ID>>("process"),
    row<read_clock<CLOCK_THREAD_CPUTIME_ID>>("thread"),
    row<read_clock<CLOCK_REALTIME>>("unix"),
    row<read_clock<CLOCK_REALTIME>>("wall"),  // what 1.4.2 calls it
    row<measure>("measure"),
    {nullptr, nullptr},
};

}  // namespace

int open_time(lua_State* lua) {
    luaL_newlib(lua, kFunctions);
    return 1;
}

}  // namespace neosocksd::ruleset
