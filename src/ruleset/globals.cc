// The pieces of a fresh Lua state: libraries, print, where `require` looks, tracebacks. Tested by
// vm_test.cc and tests/lua/vm_environment.lua.

#include "ruleset/globals.h"

#include <cstdio>

#include "base/log.h"
#include "ruleset/bind.h"
#include "ruleset/engine_modules.h"
#include "ruleset/modules.h"
#include "ruleset/routines.h"
#include "ruleset/transcript.h"

namespace neosocksd::ruleset {
namespace {

// One write for a line: standard output is not buffered, and the log of other threads goes to the
// same place.
int print(lua_State* lua) {
    const int count = lua_gettop(lua);
    luaL_Buffer line;
    luaL_buffinit(lua, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1) luaL_addchar(&line, '\t');
        luaL_tolstring(lua, i, nullptr);
        luaL_addvalue(&line);
    }
    luaL_addchar(&line, '\n');
    luaL_pushresult(&line);
    const std::string_view text = to_string_view(lua, -1);
    if (Transcript* transcript = Vm::of(lua).routines().transcript())
        transcript->add(text);
    else
        std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
}

// The error value at `index` as text, also if it is none. May run a script's __tostring, which may
// fail.
void push_message(lua_State* lua, int index) {
    switch (lua_type(lua, index)) {
    case LUA_TSTRING:
    case LUA_TNUMBER:
        lua_pushvalue(lua, index);
        lua_tostring(lua, -1);
        break;
    case LUA_TNIL: lua_pushliteral(lua, "(nil)"); break;
    default:
        luaL_tolstring(lua, index, nullptr);
        lua_pushfstring(lua, "(%s)", lua_tostring(lua, -1));
        lua_remove(lua, -2);
    }
}

// The error value, the thread (a light userdata).
int make_traceback(lua_State* lua) {
    push_message(lua, 1);
    luaL_traceback(lua, static_cast<lua_State*>(lua_touserdata(lua, 2)), lua_tostring(lua, -1), 0);
    return 1;
}

void open(lua_State* lua, const char* name, lua_CFunction function) {
    luaL_requiref(lua, name, function, 1);
    lua_pop(lua, 1);
}

}  // namespace

int open_globals(lua_State* lua) {
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    luaL_openlibs(lua);
    lua_pushcfunction(lua, bind<print>);
    lua_setglobal(lua, "print");
    open(lua, "regex", bind<open_regex>);
    open(lua, "time", bind<open_time>);
    open(lua, "zlib", bind<open_zlib>);
    open(lua, "marshal", bind<open_marshal>);
    open(lua, "await", bind<open_await>);
    open(lua, "neosocksd", bind<open_neosocksd>);
    replace_coroutine_functions(lua);
    lua_getglobal(lua, "package");
    // Not "?.so": without a slash dlopen(3) looks in the system's directories, not here.
    lua_pushliteral(lua, "./?.so");
    lua_setfield(lua, -2, "cpath");
    return 0;
}

void set_library_path(lua_State* lua, const std::vector<std::string>& library_path) {
    set_script_directory(lua, "", library_path);
}

void set_script_directory(lua_State* lua, const std::string& path,
                          const std::vector<std::string>& library_path) {
    std::string search = "?.lua";
    if (const auto slash = path.rfind('/'); slash != std::string::npos)
        search += ";" + (slash == 0 ? "" : path.substr(0, slash)) + "/?.lua";
    for (const std::string& directory : library_path) search += ";" + directory + "/?.lua";
    // Without metamethods: a script may have changed the table.
    lua_rawgeti(lua, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushliteral(lua, "package");
    if (lua_rawget(lua, -2) == LUA_TTABLE) {
        lua_pushliteral(lua, "path");
        push(lua, search);
        lua_rawset(lua, -3);
    }
    lua_pop(lua, 2);
}

int traceback_handler(lua_State* lua) {
    lua_settop(lua, 1);
    push_message(lua, 1);
    luaL_traceback(lua, lua, lua_tostring(lua, -1), 1);
    log::write_lines(log::Level::verbose, __FILE__, __LINE__, to_string_view(lua, -1));
    return 1;
}

void add_traceback(lua_State* lua, lua_State* thread) {
    const auto make = [&] {
        lua_pushcfunction(lua, bind<make_traceback>);
        lua_insert(lua, -2);
        lua_pushlightuserdata(lua, thread);
        return lua_pcall(lua, 2, 1, 0) == LUA_OK;
    };
    if (make()) return;
    lua_pop(lua, 1);
    lua_pushliteral(lua, "(error object whose __tostring fails)");
    make();
}

int replace_module(lua_State* lua) {
    // 1: name, 2: chunk, 3: package.loaded
    lua_settop(lua, 2);
    luaL_getsubtable(lua, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(lua, 1);
    lua_gettable(lua, 3);
    lua_pushglobaltable(lua);
    lua_pushvalue(lua, 1);
    lua_gettable(lua, -2);
    const bool alias = !lua_isnil(lua, 4) && lua_rawequal(lua, 4, -1);
    lua_settop(lua, 3);
    lua_pushvalue(lua, 2);
    lua_pushvalue(lua, 1);
    lua_call(lua, 1, 1);
    // 4: the result
    lua_pushvalue(lua, 1);
    if (lua_isnil(lua, 4))
        lua_pushboolean(lua, true);
    else
        lua_pushvalue(lua, 4);
    lua_settable(lua, 3);
    if (alias) {
        lua_pushglobaltable(lua);
        lua_pushvalue(lua, 1);
        lua_pushvalue(lua, 4);
        lua_settable(lua, -3);
    }
    return 0;
}

void set_fresh_environment(lua_State* lua) {
    lua_newtable(lua);
    lua_createtable(lua, 0, 1);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_setfield(lua, -2, "__index");
    lua_setmetatable(lua, -2);
    // The only upvalue of a chunk is _ENV.
    lua_setupvalue(lua, -2, 1);
}

}  // namespace neosocksd::ruleset
