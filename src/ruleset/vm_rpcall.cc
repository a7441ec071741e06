// Vm::rpcall: a chunk that a peer has sent runs in a routine, and its results go back as Lua text.
// Behaviour: spec/rpc.md section 3.

#include "io/event.h"
#include "ruleset/bind.h"
#include "ruleset/globals.h"
#include "ruleset/marshal.h"
#include "ruleset/routines.h"

namespace neosocksd::ruleset {
namespace {

// Shared by the routine and the task that waits for it.
class Call final : public RoutineOwner {
public:
    explicit Call(io::Loop& loop) : done(loop) {}

    void ended(lua_State* thread, int status, int results) override {
        Vm& vm = Vm::of(thread);
        lua_State* lua = vm.state();
        const bool well = status == LUA_OK;
        if (!lua_checkstack(lua, results + kSlots)) {
            write_error(vm, "too many results");
        } else {
            lua_pushcfunction(lua, bind<write_body>);
            lua_pushlightuserdata(lua, this);
            lua_pushboolean(lua, well);
            // The error stays on the thread, for its __close methods.
            if (!well) lua_pushvalue(thread, -1);
            lua_xmove(thread, lua, results);
            if (!well && vm.traceback()) add_traceback(lua, thread);
            // What has no source text is an error like any other.
            if (!vm.call(results + 2, 0)) write_error(vm, vm.pop_error());
        }
        done.set();
    }
    void lost() override {
        body = "return false,\"rpcall did not return\"";
        done.set();
    }

    io::Event done;
    std::string body;

private:
    // For what is called with the results.
    static constexpr int kSlots = 2 * LUA_MINSTACK;

    void write_error(Vm& vm, const std::string& message) {
        lua_State* lua = vm.state();
        lua_pushcfunction(lua, bind<write_body>);
        lua_pushlightuserdata(lua, this);
        lua_pushboolean(lua, false);
        push(lua, message);
        if (vm.call(3, 0)) return;
        lua_pop(lua, 1);
        body = "return false,\"the answer is too large\"";
    }

    // Call*, ok, values...
    static int write_body(lua_State* lua) {
        auto& self = *static_cast<Call*>(lua_touserdata(lua, 1));
        self.body = "return ";
        marshal_values(lua, 2, self.body);
        return 0;
    }
};

}  // namespace

io::Task<std::expected<std::string, std::string>> Vm::rpcall(std::string code) {
    const auto call = std::make_shared<Call>(*loop_);
    {
        const Entry entry(*this);
        if (!load_posted(state_, code, "=(rpc)")) {
            if (options_.traceback) add_traceback(state_, state_);
            keep_error(state_);
            co_return std::unexpected(pop_error());
        }
        Routine& routine = routines_->take(call);
        lua_xmove(state_, routine.thread, 1);
        routines_->resume(routine.thread, state_, 0);
    }
    const auto done = co_await call->done.wait();
    if (!done) co_return std::unexpected("cancelled");
    co_return std::move(call->body);
}

}  // namespace neosocksd::ruleset
