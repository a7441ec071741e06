// The module `await`: spec/lua.md sections 4 and 11. Whether the caller can wait is checked before
// its arguments.

#include <cmath>
#include <cstring>

#include "base/limits.h"
#include "io/await.h"
#include "ruleset/bind.h"
#include "ruleset/child.h"
#include "ruleset/engine_modules.h"
#include "ruleset/inquiry.h"
#include "ruleset/routines.h"

namespace neosocksd::ruleset {
namespace {

int no_value(lua_State*, int&) {
    return 0;
}

int sleep_for(lua_State* lua, io::Duration delay) {
    return Vm::of(lua).routines().await<int>(
        lua,
        [delay](Vm& vm) -> io::Task<int> {
            // The loop's clock stands still while Lua runs; a sleep counts from now.
            io::Loop& loop = *vm.loop();
            const auto late = delay.count() > 0 ? io::Clock::now() - loop.now() : delay;
            [[maybe_unused]] const auto slept = co_await io::sleep(loop, delay + late);
            co_return 0;
        },
        &no_value);
}

int sleep(lua_State* lua) {
    check_routine(lua);
    const double seconds = luaL_checknumber(lua, 1);
    luaL_argcheck(lua, seconds >= 0 && seconds <= limits::kSleepSecondsMax, 1,
                  "n must be finite and in [0, 1e9]");
    return sleep_for(lua, std::chrono::ceil<io::Duration>(std::chrono::duration<double>(seconds)));
}

int idle(lua_State* lua) {
    check_routine(lua);
    return sleep_for(lua, io::Duration::zero());
}

int resolve(lua_State* lua) {
    check_routine(lua);
    std::string name(check_string(lua, 1));
    using Address = std::optional<std::string>;
    return Vm::of(lua).routines().await<Address>(
        lua,
        [name = std::move(name)](Vm& vm) -> io::Task<Address> {
            auto resolving = vm.host().resolve(name);
            co_return co_await std::move(resolving);
        },
        [](lua_State* state, Address& address) {
            if (!address) return 0;
            push(state, *address);
            return 1;
        });
}

int execute(lua_State* lua) {
    check_routine(lua);
    std::string command(check_string(lua, 1));
    using End = Result<ChildEnd>;
    return Vm::of(lua).routines().await<End>(
        lua,
        [command = std::move(command)](Vm& vm) -> io::Task<End> {
            auto running = run_shell(*vm.loop(), command);
            co_return co_await std::move(running);
        },
        [](lua_State* state, End& end) {
            if (!end) {
                lua_pushstring(state, std::strerror(end.error().code));
                return lua_error(state);
            }
            if (!end->by_signal && end->number == 0)
                lua_pushboolean(state, true);
            else
                luaL_pushfail(state);
            lua_pushstring(state, end->by_signal ? "signal" : "exit");
            lua_pushinteger(state, end->number);
            return 3;
        });
}

int invoke(lua_State* lua) {
    check_routine(lua);
    std::string code(check_string(lua, 1));
    Vm& vm = Vm::of(lua);
    std::string reason;
    auto route = read_route(lua, 2, vm.host().first_hops(), reason);
    if (!route) {
        lua_pushliteral(lua, "invalid invocation target");
        return lua_error(lua);
    }
    using Answer = std::expected<std::string, std::string>;
    return vm.routines().await<Answer>(
        lua,
        [code = std::move(code),
         route = std::move(*route)](Vm& running) mutable -> io::Task<Answer> {
            auto calling = running.host().call(std::move(code), std::move(route));
            co_return co_await std::move(calling);
        },
        [](lua_State* state, Answer& answer) {
            lua_pushboolean(state, answer.has_value());
            if (!answer) {
                push(state, answer.error());
            } else if (!Vm::load_posted(state, *answer, "=(rpc)")) {
                lua_pushboolean(state, false);
                lua_replace(state, -3);
            }
            return 2;
        });
}

int forward(lua_State* lua) {
    const Routine& routine = routine_of(lua);
    Inquiry* inquiry = routine.thread == lua && routine.owner ? routine.owner->inquiry() : nullptr;
    if (!inquiry) {
        lua_pushliteral(lua, "await.forward must be called from a ruleset request handler");
        return lua_error(lua);
    }
    check_routine(lua);
    if (!inquiry->forwardable()) {
        lua_pushliteral(lua, "await.forward: the request is not forwardable");
        return lua_error(lua);
    }
    Vm& vm = routine.vm;
    std::string reason;
    auto route = read_route(lua, 1, vm.host().first_hops(), reason);
    if (!route) {
        if (reason.empty()) {
            lua_pushnil(lua);
            return 1;
        }
        lua_pushliteral(lua, "invalid address");
        return lua_error(lua);
    }
    return vm.routines().await<std::string>(
        lua,
        [inquiry = inquiry->shared_from_this(),
         route = std::move(*route)](Vm&) mutable -> io::Task<std::string> {
            auto dialling = inquiry->forward(std::move(route));
            co_return co_await std::move(dialling);
        },
        [](lua_State* state, std::string& failure) {
            lua_pushboolean(state, failure.empty());
            if (failure.empty()) return 1;
            push(state, failure);
            return 2;
        });
}

}  // namespace

int open_await(lua_State* lua) {
    static constexpr luaL_Reg kFunctions[] = {row<sleep>("sleep"),     row<idle>("idle"),
                                              row<resolve>("resolve"), row<execute>("execute"),
                                              row<invoke>("invoke"),   row<forward>("forward"),
                                              {nullptr, nullptr}};
    luaL_newlib(lua, kFunctions);
    return 1;
}

}  // namespace neosocksd::ruleset
