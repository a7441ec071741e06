// Routines: Lua coroutines that wait for what C++ tasks do.
//
// A routine that awaits yields; a Task does the work; when it has ended, the loop resumes the
// routine in its turn. So Lua is entered from one place at a time, and many that become ready at
// once share the loop with everything else. Closing a coroutine that waits cancels its task.
// Behaviour: spec/lua.md section 2.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/list.h"
#include "io/loop.h"
#include "io/task_group.h"
#include "ruleset/vm.h"

namespace neosocksd::ruleset {

class Inquiry;
class Transcript;

// Hears of the end of a routine.
class RoutineOwner {
public:
    // It has returned (status LUA_OK, `results` values on top of its stack) or failed (the error
    // value on top). The stack is cleared afterwards.
    virtual void ended(lua_State* thread, int status, int results) = 0;
    // It will never end: closed by a script, or collected while nobody could resume it.
    virtual void lost() = 0;
    // The request that the routine answers, if it does.
    virtual Inquiry* inquiry() { return nullptr; }
    // Where its lines go instead of the output, if anywhere.
    virtual Transcript* transcript() { return nullptr; }

protected:
    ~RoutineOwner() = default;
};

// What a coroutine knows beside its Lua state: every thread's extra space points to one. Those that
// scripts make share that of the main thread, whose `thread` is nullptr.
struct Routine : ListHook {
    explicit Routine(Vm& owning) : vm(owning) {}
    Vm& vm;
    lua_State* thread = nullptr;
    int anchor = LUA_NOREF;  // in the registry, while it is idle
    std::shared_ptr<RoutineOwner> owner;
    // A script holds its thread, and could close or resume it when it ran something else.
    bool escaped = false;
};
Routine& routine_of(lua_State* lua);

// Something that waits for its turn to run Lua.
class Runnable : public ListHook {
public:
    virtual void run() = 0;
    // Its turn will not come.
    virtual void drop() {}

protected:
    ~Runnable() = default;
};

// One wait of a coroutine; shared by the table of waits and the task that works for it.
class Waiting : public Runnable, public std::enable_shared_from_this<Waiting> {
public:
    explicit Waiting(Routines& routines);
    virtual ~Waiting();

    // Pushes the results, or raises an error. Called in the waiter, after the task has ended.
    virtual int push(lua_State* lua) = 0;
    // Starts the task.
    virtual void start() = 0;

    void run() override;

protected:
    friend class Routines;
    // For push(): the task has ended by an exception.
    int raise(lua_State* lua) const;

    Routines& routines_;
    std::string failure_;
    lua_State* waiter_ = nullptr;  // nullptr: nobody waits, yet or any more
    int anchor_ = LUA_NOREF;
    bool done_ = false;
    io::Scope scope_;
};

class Routines {
public:
    explicit Routines(Vm& vm);
    ~Routines();

    void attach(io::Loop& loop);
    // Ends every wait. No routine goes on any more.
    io::Task<void> stop();
    // Before the Lua state is closed: finalizers still run, but nothing is kept for later.
    void close();

    // A routine to be resumed: push a function and its arguments on its stack. `may_pool`: no
    // script will be given its thread, so it may run others later.
    Routine& take(std::shared_ptr<RoutineOwner> owner, bool may_pool = true);

    // Resumes `thread` with the `arguments` values on top of its stack, on behalf of `from`: the
    // Lua function that calls, or the main thread. It runs up to its next wait or its end, of which
    // its owner hears. False: the C stack is too deep to resume it; the owner of one that was to
    // start hears that it is lost.
    bool resume(lua_State* thread, lua_State* from, int arguments);
    // lua_resume as seen by the scripts' coroutine.resume: what was yielded or returned stays on
    // the thread's stack, `results` values; none if the thread was a routine that has ended. A
    // thread that cannot be resumed stays what it is, with the error on top, and `results` is -1.
    int resume_raw(lua_State* thread, lua_State* from, int arguments, int& results);

    // Suspends the calling coroutine until the task that `make` makes has ended; then it returns
    // what `push` makes of the result. To be returned by a function that Lua calls:
    //   return routines.await<T>(lua, [](Vm& vm) -> io::Task<T> {...},
    //                            [](lua_State* lua, T& result) -> int {...});
    template <typename T, typename Make, typename Push>
    int await(lua_State* lua, Make make, Push push);

    // Runs in its turn, not before the next turn of the loop. The object unlinks itself if it dies
    // before.
    void enqueue(Runnable& runnable);

    // `thread` has been closed, or is about to be: cancels what it waits for.
    void abandon(lua_State* thread);
    // `thread` has been closed: if it was a routine, its owner hears that it is lost.
    void closed(lua_State* thread);
    // The collector has found that nobody can resume the routine: the same. Destroys it.
    void collected(Routine& routine);

    Vm& vm() { return vm_; }
    // The thread that runs Lua now, or nullptr.
    lua_State* running() const { return running_; }
    void set_running(lua_State* thread) { running_ = thread; }
    // Of the routine on whose behalf Lua runs now, or nullptr.
    Transcript* transcript() const { return transcript_; }

    std::size_t active() const { return active_; }
    std::size_t peak() const { return peak_; }

private:
    friend class Waiting;
    // The turn of those that are ready.
    struct TurnOp : io::Op {
        explicit TurnOp(Routines& routines)
            : Op([](io::Op& op, int) { static_cast<TurnOp&>(op).owner.turn(); }), owner(routines) {}
        Routines& owner;
    };
    void turn();
    Routine& make_routine();
    void retire(Routine& routine);
    int suspend(lua_State* lua, std::shared_ptr<Waiting> waiting);
    static int resumed(lua_State* lua, int status, lua_KContext context);
    // Nobody waits for it any more.
    void forget(Waiting& waiting);
    void finished(Waiting& waiting);

    Vm& vm_;
    io::Loop* loop_ = nullptr;
    List<Routine> routines_;  // all, but main_
    io::TaskGroup tasks_;
    TurnOp turn_op_{*this};
    List<Runnable> ready_;
    std::unordered_map<lua_State*, std::shared_ptr<Waiting>> waiting_;
    std::vector<std::shared_ptr<Waiting>> before_attach_;
    std::vector<Routine*> idle_;
    Routine main_{vm_};
    lua_State* running_ = nullptr;
    Transcript* transcript_ = nullptr;
    std::size_t active_ = 0;
    std::size_t peak_ = 0;
    bool stopped_ = false;
    bool closing_ = false;
};

// Raises `not in asynchronous routine` unless the caller can wait.
void check_routine(lua_State* lua);

template <typename T, typename Make, typename Push>
int Routines::await(lua_State* lua, Make make, Push push) {
    class WaitingFor final : public Waiting {
    public:
        WaitingFor(Routines& routines, Make making, Push pushing)
            : Waiting(routines), make_(std::move(making)), push_(std::move(pushing)) {}
        void start() override {
            routines_.tasks_.spawn(work(std::static_pointer_cast<WaitingFor>(shared_from_this())));
        }
        int push(lua_State* state) override {
            return result_ ? push_(state, *result_) : raise(state);
        }

    private:
        io::Task<void> work(std::shared_ptr<WaitingFor> self) {
            try {
                auto task = make_(routines_.vm()).in_scope(scope_);
                result_.emplace(co_await std::move(task));
            } catch (const std::exception& exception) {
                failure_ = exception.what();
            }
            routines_.finished(*self);
        }
        Make make_;
        Push push_;
        std::optional<T> result_;
    };
    return suspend(lua, std::make_shared<WaitingFor>(*this, std::move(make), std::move(push)));
}

}  // namespace neosocksd::ruleset
