// What a script finds when it starts: the standard libraries, our own modules, where `require`
// looks; and the small operations on globals that the Vm needs. Behaviour: spec/lua.md section 1.

#pragma once

#include <string>
#include <vector>

#include "ruleset/lua_api.h"

namespace neosocksd::ruleset {

// A lua_CFunction: fills a new state. In a routine's state: the Vm must be known.
int open_globals(lua_State* lua);

// package.path: the current directory, then `library_path`.
void set_library_path(lua_State* lua, const std::vector<std::string>& library_path);
// The same with the directory of the script `path` after the current one.
void set_script_directory(lua_State* lua, const std::string& path,
                          const std::vector<std::string>& library_path);

// A message handler: the message, as text, with a traceback.
int traceback_handler(lua_State* lua);
// Replaces the error value on top of `lua` by its text with the traceback of `thread`, which may
// be a coroutine that has failed.
void add_traceback(lua_State* lua, lua_State* thread);

// A lua_CFunction with the arguments (name, chunk): calls chunk(name), whose result becomes the
// loaded module, and the global of that name if that was the module before.
int replace_module(lua_State* lua);

// Gives the function on top an environment of its own, empty over _G.
void set_fresh_environment(lua_State* lua);

}  // namespace neosocksd::ruleset
