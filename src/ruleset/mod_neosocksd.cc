// The module `neosocksd`: spec/lua.md sections 3 and 8.

#include <cmath>

#include "base/limits.h"
#include "ruleset/bind.h"
#include "ruleset/engine_modules.h"
#include "ruleset/globals.h"
#include "ruleset/modules.h"
#include "ruleset/routines.h"
#include "ruleset/ticker.h"
#include "ruleset/transcript.h"

namespace neosocksd::ruleset {
namespace {

void push_fields(lua_State* lua, const Fields& fields) {
    lua_createtable(lua, 0, static_cast<int>(fields.size()) + 5);
    for (const auto& [name, value] : fields) {
        if (const auto* truth = std::get_if<bool>(&value))
            lua_pushboolean(lua, *truth);
        else if (const auto* integer = std::get_if<std::int64_t>(&value))
            lua_pushinteger(lua, *integer);
        else if (const auto* number = std::get_if<double>(&value))
            lua_pushnumber(lua, *number);
        else
            push(lua, std::get<std::string>(value));
        lua_setfield(lua, -2, name);
    }
}

void set_integer(lua_State* lua, const char* name, std::uint64_t value) {
    lua_pushinteger(lua, static_cast<lua_Integer>(value));
    lua_setfield(lua, -2, name);
}

int config(lua_State* lua) {
    push_fields(lua, Vm::of(lua).host().config());
    return 1;
}

int stats(lua_State* lua) {
    const Vm& vm = Vm::of(lua);
    push_fields(lua, Vm::of(lua).host().stats());
    Vm::of(lua).push_error(lua);
    lua_setfield(lua, -2, "lasterror");
    set_integer(lua, "bytes_allocated", vm.memory().bytes);
    set_integer(lua, "num_object", vm.memory().objects);
    set_integer(lua, "num_thread_active", vm.threads_active());
    set_integer(lua, "num_thread_peak", vm.threads_peak());
    set_integer(lua, "num_long_run", vm.long_runs());
    return 1;
}

int now(lua_State* lua) {
    lua_pushnumber(lua, Vm::of(lua).now());
    return 1;
}

// Whether somebody asks what the rules would do: what is written now is the answer.
int explaining(lua_State* lua) {
    lua_pushboolean(lua, Vm::of(lua).routines().transcript() != nullptr);
    return 1;
}

int resolve(lua_State* lua) {
    const std::string name(check_string(lua, 1));
    const auto address = Vm::of(lua).host().resolve_now(name);
    if (!address) return 0;
    push(lua, *address);
    return 1;
}

int setinterval(lua_State* lua) {
    luaL_checktype(lua, 1, LUA_TNUMBER);
    double seconds = lua_tonumber(lua, 1);
    io::Duration interval{};
    if (std::isnormal(seconds)) {
        seconds =
            std::fmax(limits::kIntervalSecondsMin, std::fmin(seconds, limits::kSleepSecondsMax));
        interval = std::chrono::duration_cast<io::Duration>(std::chrono::duration<double>(seconds));
    }
    Vm::of(lua).ticker().set_interval(interval);
    return 0;
}

// Hears of routines whose finish function failed.
class AsyncOwner final : public RoutineOwner {
public:
    void ended(lua_State* thread, int status, int) override {
        if (status == LUA_OK) return;
        Vm& vm = Vm::of(thread);
        lua_State* lua = vm.state();
        lua_pushvalue(thread, -1);
        lua_xmove(thread, lua, 1);
        if (vm.traceback()) add_traceback(lua, thread);
        vm.keep_error(lua);
        lua_pop(lua, 1);
    }
    void lost() override {}
};
AsyncOwner async_owner;

// Behind the pcall of the function: index 1 is finish, 2 the handler or nil, then the results or
// the error value. finish(true, ...) and finish(false, error) cannot yield.
int async_finish(lua_State* lua, int status, lua_KContext) {
    lua_pushboolean(lua, status == LUA_OK || status == LUA_YIELD);
    lua_replace(lua, 2);
    lua_call(lua, lua_gettop(lua) - 1, 0);
    return 0;
}

// finish, func, ...
int async_body(lua_State* lua) {
    Vm::of(lua).push_handler(lua);
    lua_insert(lua, 2);
    const int handler = lua_isnil(lua, 2) ? 0 : 2;
    const int status = lua_pcallk(lua, lua_gettop(lua) - 3, LUA_MULTRET, handler, 0, async_finish);
    return async_finish(lua, status, 0);
}

int async(lua_State* lua) {
    luaL_checktype(lua, 1, LUA_TFUNCTION);
    luaL_checkany(lua, 2);
    Routines& routines = Vm::of(lua).routines();
    const int arguments = lua_gettop(lua);
    // No memory of its own: shared by all.
    Routine& routine =
        routines.take({std::shared_ptr<RoutineOwner>(), &async_owner}, /*may_pool=*/false);
    lua_State* thread = routine.thread;
    lua_pushthread(thread);
    lua_xmove(thread, lua, 1);
    lua_insert(lua, 1);
    // An error must not be raised in the thread: nothing would catch it.
    if (!lua_checkstack(thread, arguments + 2)) return luaL_error(lua, "too many arguments");
    lua_pushcfunction(thread, bind<async_body>);
    lua_xmove(lua, thread, arguments);
    if (routines.resume(thread, lua, arguments)) return 1;
    lua_pushnil(lua);
    lua_pushliteral(lua, "C stack overflow");
    return 2;
}

int invoke(lua_State* lua) {
    std::string code(check_string(lua, 1));
    Vm& vm = Vm::of(lua);
    std::string reason;
    auto route = read_route(lua, 2, vm.host().first_hops(), reason);
    if (!route) {
        lua_pushliteral(lua, "invalid invocation target");
        return lua_error(lua);
    }
    vm.host().invoke(std::move(code), std::move(*route));
    return 0;
}

}  // namespace

int open_neosocksd(lua_State* lua) {
    static constexpr luaL_Reg kFunctions[] = {row<config>("config"),
                                              row<stats>("stats"),
                                              row<now>("now"),
                                              row<explaining>("explaining"),
                                              row<resolve>("resolve"),
                                              row<setinterval>("setinterval"),
                                              row<async>("async"),
                                              row<invoke>("invoke"),
                                              row<traceback_handler>("traceback"),
                                              {nullptr, nullptr}};
    luaL_newlib(lua, kFunctions);
    add_address_functions(lua);
    open_set(lua);
    lua_setfield(lua, -2, "set");
    return 1;
}

}  // namespace neosocksd::ruleset
