// The Lua 5.4 C API, of the build in which errors and yields are C++ exceptions: they unwind our
// frames, so destructors run. Two rules follow for code between Lua and us:
//   - `catch (...)` never wraps a call into Lua: it would swallow Lua's own exceptions;
//   - a function that Lua calls is bound by bind<> (bind.h), so that no C++ exception of ours
//     enters Lua.

#pragma once

#include <cstddef>
#include <string_view>

#include <lua.h>

#include <lauxlib.h>
#include <lualib.h>

namespace neosocksd::ruleset {

inline void push(lua_State* lua, std::string_view text) {
    lua_pushlstring(lua, text.data(), text.size());
}

// The string argument `index` (a number is converted), or Lua's argument error. It lives as long as
// the value stays on the stack.
inline std::string_view check_string(lua_State* lua, int index) {
    std::size_t size = 0;
    const char* text = luaL_checklstring(lua, index, &size);
    return {text, size};
}

// The string at `index`, which is one (or a number, converted in place). Must not be used on a key
// during lua_next().
inline std::string_view to_string_view(lua_State* lua, int index) {
    std::size_t size = 0;
    const char* text = lua_tolstring(lua, index, &size);
    return {text, size};
}

}  // namespace neosocksd::ruleset
