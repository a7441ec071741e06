// How a wait is anchored: the table of waits and the registry hold the coroutine until it goes on.
// A routine that yields by itself is held by whoever means to resume it; if nobody does, the
// collector takes it, and the token on its stack tells its owner.
//
// Scripts can do odd things to the threads of others: resume one that runs, close one in a
// finalizer or in the __tostring of its own error. So after each call into Lua it is asked again
// whether a thread is still a routine's.

#include "ruleset/routines.h"

#include <cassert>

#include "base/limits.h"
#include "io/await.h"
#include "ruleset/bind.h"

namespace neosocksd::ruleset {
namespace {

Routine*& extra_space(lua_State* lua) {
    return *static_cast<Routine**>(lua_getextraspace(lua));
}

// The metatable of the tokens, in the registry.
const char kToken = 0;

// At the bottom of a routine's stack: a pointer to the Routine, which it owns. Its user value is
// the thread, so that a finalizer that holds the thread finds it as it was, or unbound.
int collect_token(lua_State* lua) {
    auto** token = static_cast<Routine**>(lua_touserdata(lua, 1));
    if (Routine* routine = std::exchange(*token, nullptr))
        routine->vm.routines().collected(*routine);
    return 0;
}

}  // namespace

Routine& routine_of(lua_State* lua) {
    return *extra_space(lua);
}

void check_routine(lua_State* lua) {
    if (lua_isyieldable(lua)) return;
    lua_pushliteral(lua, "not in asynchronous routine");
    lua_error(lua);
}

Waiting::Waiting(Routines& routines) : routines_(routines), scope_(&routines.tasks_.scope()) {}

Waiting::~Waiting() = default;

int Waiting::raise(lua_State* lua) const {
    return luaL_error(lua, "%s", failure_.c_str());
}

void Waiting::run() {
    const auto self = shared_from_this();
    const Vm::Entry entry(routines_.vm(), false);
    [[maybe_unused]] const bool resumed = routines_.resume(waiter_, routines_.vm().state(), 0);
    assert(resumed);
}

Routines::Routines(Vm& vm) : vm_(vm) {
    lua_State* lua = vm.state();
    extra_space(lua) = &main_;
    lua_createtable(lua, 0, 1);
    lua_pushcfunction(lua, bind<collect_token>);
    lua_setfield(lua, -2, "__gc");
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &kToken);
}

Routines::~Routines() {
    assert(tasks_.empty());
    // Those that finalizers made while the state was closed: they get no finalizer themselves.
    while (!routines_.empty()) delete &routines_.pop_front();
}

void Routines::attach(io::Loop& loop) {
    loop_ = &loop;
    for (const auto& waiting : std::exchange(before_attach_, {}))
        if (waiting->waiter_) waiting->start();
    if (!ready_.empty() && !turn_op_.pending()) loop_->defer(turn_op_, 0);
}

io::Task<void> Routines::stop() {
    stopped_ = true;
    tasks_.cancel(ECANCELED);
    co_await tasks_.drained();
    while (!ready_.empty()) ready_.pop_front().drop();
    io::Scope uncancelled(nullptr);
    const auto pause = [](io::Loop& loop) -> io::Task<void> {
        [[maybe_unused]] const auto slept = co_await io::sleep(loop, io::Duration::zero());
    };
    while (turn_op_.pending()) {
        auto pausing = pause(*loop_).in_scope(uncancelled);
        co_await std::move(pausing);
    }
    // The waits stay: a finalizer may still resume a routine by hand.
    before_attach_.clear();
}

void Routines::close() {
    stopped_ = closing_ = true;
    idle_.clear();
}

Routine& Routines::make_routine() {
    lua_State* lua = vm_.state();
    // Owned by the token, in the end.
    Routine* routine = std::make_unique<Routine>(vm_).release();
    routines_.push_back(*routine);
    lua_State* thread = lua_newthread(lua);
    routine->thread = thread;
    extra_space(thread) = routine;
    lua_pushvalue(lua, -1);
    routine->anchor = luaL_ref(lua, LUA_REGISTRYINDEX);
    auto** token = static_cast<Routine**>(lua_newuserdatauv(thread, sizeof(Routine*), 1));
    *token = routine;
    lua_xmove(lua, thread, 1);
    lua_setiuservalue(thread, -2, 1);
    lua_rawgetp(thread, LUA_REGISTRYINDEX, &kToken);
    lua_setmetatable(thread, -2);
    return *routine;
}

Routine& Routines::take(std::shared_ptr<RoutineOwner> owner, bool may_pool) {
    Routine* routine = nullptr;
    if (idle_.empty()) {
        routine = &make_routine();
    } else {
        routine = idle_.back();
        idle_.pop_back();
    }
    routine->owner = std::move(owner);
    if (!may_pool) routine->escaped = true;
    if (++active_ > peak_) peak_ = active_;
    return *routine;
}

// Its thread has ended, or will never run again.
void Routines::retire(Routine& routine) {
    active_--;
    lua_State* thread = routine.thread;
    const bool well = lua_status(thread) == LUA_OK;
    if (well && !routine.escaped && !closing_ && idle_.size() < limits::kIdleRoutines) {
        lua_settop(thread, 1);
        lua_sethook(thread, nullptr, 0, 0);  // a script's, by debug.sethook
        if (routine.anchor == LUA_NOREF) {
            lua_pushthread(thread);
            routine.anchor = luaL_ref(thread, LUA_REGISTRYINDEX);
        }
        idle_.push_back(&routine);
        return;
    }
    routine.thread = nullptr;
    extra_space(thread) = &main_;
    luaL_unref(vm_.state(), LUA_REGISTRYINDEX, std::exchange(routine.anchor, LUA_NOREF));
    if (well) {
        // Without it one collection takes both. A closed one has no token on its stack.
        lua_settop(thread, 1);
        lua_pushnil(thread);
        if (lua_isuserdata(thread, 1)) lua_setiuservalue(thread, 1, 1);
    } else if (lua_status(thread) != LUA_YIELD) {
        lua_resetthread(thread);  // closes its variables, which are given the error
    } else {
        return;
    }
    lua_settop(thread, 0);
}

int Routines::resume_raw(lua_State* thread, lua_State* from, int arguments, int& results) {
    // What runs must be reachable for the collector.
    lua_pushthread(thread);
    lua_xmove(thread, from, 1);
    lua_State* const before = running_;
    running_ = thread;
    Transcript* const transcript_before = transcript_;
    if (const Routine& owned = routine_of(thread); owned.owner && owned.owner->transcript())
        transcript_ = owned.owner->transcript();
    const int status = lua_resume(thread, from, arguments, &results);
    running_ = before;
    transcript_ = transcript_before;
    Routine& routine = routine_of(thread);
    // It runs already, or the C stack is too deep: it is what it was.
    const bool refused = status > LUA_YIELD && lua_status(thread) <= LUA_YIELD;
    if (refused) {
        results = -1;
    } else if (routine.thread == thread) {
        if (status == LUA_YIELD) {
            // From here on it is held by what it waits for, or by whoever means to resume it.
            luaL_unref(from, LUA_REGISTRYINDEX, std::exchange(routine.anchor, LUA_NOREF));
        } else {
            const auto owner = std::exchange(routine.owner, nullptr);
            // Below the results there is the token.
            if (owner) owner->ended(thread, status, status == LUA_OK ? lua_gettop(thread) - 1 : 1);
            if (extra_space(thread) == &routine) retire(routine);
            results = 0;
        }
    }
    lua_pop(from, 1);
    return status;
}

bool Routines::resume(lua_State* thread, lua_State* from, int arguments) {
    int results = 0;
    const int status = resume_raw(thread, from, arguments, results);
    if (results >= 0) {
        if (status == LUA_YIELD || status == LUA_OK) lua_pop(thread, results);
        return true;
    }
    lua_pop(thread, 1);
    Routine& routine = routine_of(thread);
    if (routine.thread == thread && lua_status(thread) == LUA_OK) {
        const auto owner = std::exchange(routine.owner, nullptr);
        retire(routine);
        if (owner) owner->lost();
    }
    return false;
}

int Routines::suspend(lua_State* lua, std::shared_ptr<Waiting> waiting) {
    if (loop_ && !stopped_) {
        waiting->start();
        if (waiting->done_) return waiting->push(lua);
    } else {
        before_attach_.push_back(waiting);
    }
    lua_pushthread(lua);
    waiting->anchor_ = luaL_ref(lua, LUA_REGISTRYINDEX);
    waiting->waiter_ = lua;
    waiting_[lua] = waiting;
    return lua_yieldk(lua, 0, reinterpret_cast<lua_KContext>(waiting.get()), resumed);
}

int Routines::resumed(lua_State* lua, int, lua_KContext context) {
    const auto waiting = reinterpret_cast<Waiting*>(context)->shared_from_this();
    waiting->routines_.forget(*waiting);
    if (waiting->done_) return waiting->push(lua);
    // Some script has resumed it by hand: the wait ends early, without a result.
    waiting->scope_.cancel(ECANCELED);
    return 0;
}

void Routines::forget(Waiting& waiting) {
    const auto self = waiting.shared_from_this();
    waiting.unlink();
    luaL_unref(vm_.state(), LUA_REGISTRYINDEX, std::exchange(waiting.anchor_, LUA_NOREF));
    waiting_.erase(std::exchange(waiting.waiter_, nullptr));
}

void Routines::finished(Waiting& waiting) {
    waiting.done_ = true;
    if (waiting.waiter_ && !stopped_) enqueue(waiting);
}

void Routines::abandon(lua_State* thread) {
    const auto found = waiting_.find(thread);
    if (found == waiting_.end()) return;
    const auto waiting = found->second;
    forget(*waiting);
    waiting->scope_.cancel(ECANCELED);
}

void Routines::closed(lua_State* thread) {
    Routine& routine = routine_of(thread);
    if (routine.thread != thread) return;
    const auto owner = std::exchange(routine.owner, nullptr);
    routine.escaped = true;
    retire(routine);
    if (owner) owner->lost();
}

void Routines::collected(Routine& routine) {
    const auto owner = std::exchange(routine.owner, nullptr);
    if (routine.thread) extra_space(routine.thread) = &main_;
    delete &routine;
    if (!owner) return;  // it had ended
    active_--;
    owner->lost();
}

void Routines::enqueue(Runnable& runnable) {
    if (stopped_) {
        runnable.drop();
        return;
    }
    ready_.push_back(runnable);
    if (loop_ && !turn_op_.pending()) loop_->defer(turn_op_, 0);
}

void Routines::turn() {
    const auto until = io::Clock::now() + limits::kRoutinesTurn;
    do {
        if (ready_.empty()) return;
        ready_.pop_front().run();
    } while (io::Clock::now() < until);
    if (!ready_.empty()) loop_->defer(turn_op_, 0);
}

}  // namespace neosocksd::ruleset
