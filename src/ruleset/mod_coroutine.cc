// coroutine.resume, wrap, close and running of the manual (section 6.2), with what the engine must
// know: which thread runs (for the watchdog), that a waiting one is closed (its wait is cancelled),
// that a routine ends where a script resumed it, and that a script holds a routine's thread (it is
// then not used for others).

#include "ruleset/bind.h"
#include "ruleset/engine_modules.h"
#include "ruleset/routines.h"

namespace neosocksd::ruleset {
namespace {

lua_State* check_thread(lua_State* lua) {
    lua_State* thread = lua_tothread(lua, 1);
    luaL_argexpected(lua, thread, 1, "coroutine");
    return thread;
}

// The number of results on the top of `lua`, or -1 with the error value there.
int resume_for_script(lua_State* lua, lua_State* thread, int arguments) {
    if (thread == lua) {
        lua_pushliteral(lua, "cannot resume non-suspended coroutine");
        return -1;
    }
    if (!lua_checkstack(thread, arguments + 1)) {
        lua_pushliteral(lua, "too many arguments to resume");
        return -1;
    }
    lua_xmove(lua, thread, arguments);
    int results = 0;
    const int status = Vm::of(lua).routines().resume_raw(thread, lua, arguments, results);
    if (status == LUA_OK || status == LUA_YIELD) {
        if (!lua_checkstack(lua, results + 1)) {
            lua_pop(thread, results);
            lua_pushliteral(lua, "too many results to resume");
            return -1;
        }
        lua_xmove(thread, lua, results);
        return results;
    }
    if (lua_gettop(thread) > 0)
        lua_xmove(thread, lua, 1);
    else
        lua_pushliteral(lua, "the routine has failed");  // its owner has heard why
    return -1;
}

int resume(lua_State* lua) {
    lua_State* thread = check_thread(lua);
    const int results = resume_for_script(lua, thread, lua_gettop(lua) - 1);
    lua_pushboolean(lua, results >= 0);
    lua_insert(lua, results >= 0 ? -(results + 1) : -2);
    return results >= 0 ? results + 1 : 2;
}

int wrapped(lua_State* lua) {
    lua_State* thread = lua_tothread(lua, lua_upvalueindex(1));
    const int results = resume_for_script(lua, thread, lua_gettop(lua));
    if (results >= 0) return results;
    const int status = lua_status(thread);
    if (status != LUA_OK && status != LUA_YIELD) {
        // Closes its variables, which may give another error.
        if (lua_resetthread(thread) != LUA_OK) lua_xmove(thread, lua, 1);
    }
    if (status != LUA_ERRMEM && lua_type(lua, -1) == LUA_TSTRING) {
        luaL_where(lua, 1);
        lua_insert(lua, -2);
        lua_concat(lua, 2);
    }
    return lua_error(lua);
}

int wrap(lua_State* lua) {
    luaL_checktype(lua, 1, LUA_TFUNCTION);
    lua_State* thread = lua_newthread(lua);
    lua_pushvalue(lua, 1);
    lua_xmove(lua, thread, 1);
    lua_pushcclosure(lua, bind<wrapped>, 1);
    return 1;
}

int close(lua_State* lua) {
    lua_State* thread = check_thread(lua);
    Routines& routines = Vm::of(lua).routines();
    lua_settop(lua, 1);
    lua_pushvalue(lua, lua_upvalueindex(1));  // the library's
    lua_insert(lua, 1);
    routines.abandon(thread);
    lua_call(lua, 1, LUA_MULTRET);
    routines.closed(thread);
    return lua_gettop(lua);
}

int running(lua_State* lua) {
    Routine& routine = routine_of(lua);
    if (routine.thread == lua) routine.escaped = true;
    lua_pushboolean(lua, lua_pushthread(lua));
    return 2;
}

}  // namespace

void replace_coroutine_functions(lua_State* lua) {
    lua_getglobal(lua, "coroutine");
    lua_getfield(lua, -1, "close");
    lua_pushcclosure(lua, bind<close>, 1);
    lua_setfield(lua, -2, "close");
    static constexpr luaL_Reg kFunctions[] = {
        row<resume>("resume"), row<wrap>("wrap"), row<running>("running"), {nullptr, nullptr}};
    luaL_setfuncs(lua, kFunctions, 0);
    lua_pop(lua, 1);
}

}  // namespace neosocksd::ruleset
