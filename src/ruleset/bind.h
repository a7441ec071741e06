// bind<>: what makes a C++ function callable by Lua.
//
//   int length(lua_State* lua);                  // takes arguments, returns the number of results
//   lua_pushcfunction(lua, bind<length>);
//
// Lua's errors and yields pass through it; a C++ exception (lack of memory, a bug) becomes a Lua
// error instead of entering Lua, which would take it for its own.

#pragma once

#include <array>
#include <cstdio>
#include <exception>

#include "ruleset/lua_api.h"

namespace neosocksd::ruleset {

template <lua_CFunction Function>
int bind(lua_State* lua) {
    // The exception is gone before Lua's error is thrown; the text must survive it without a
    // destructor or memory.
    std::array<char, 256> what;
    try {
        return Function(lua);
    } catch (const std::exception& exception) {
        std::snprintf(what.data(), what.size(), "%s", exception.what());
    }
    return luaL_error(lua, "%s", what.data());
}

// A row of a module's table of functions.
template <lua_CFunction Function>
constexpr luaL_Reg row(const char* name) {
    return {name, bind<Function>};
}

}  // namespace neosocksd::ruleset
