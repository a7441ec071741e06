// Modules that need the engine around the Lua state; the pure ones are in modules.h.

#pragma once

#include "ruleset/lua_api.h"

namespace neosocksd::ruleset {

int open_await(lua_State* lua);      // await: sleep, idle, resolve, execute, invoke, forward
int open_neosocksd(lua_State* lua);  // neosocksd: lua.md section 3

// coroutine.resume, wrap, close and running: as in the manual, and the engine knows of it.
void replace_coroutine_functions(lua_State* lua);

}  // namespace neosocksd::ruleset
