// Tested by tests/e2e/test_ruleset_program.py: a chunk that loops, in a routine and in a coroutine
// of a routine.

#include "ruleset/watchdog.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include <unistd.h>

#include "base/log.h"
#include "ruleset/routines.h"

namespace neosocksd::ruleset {
namespace {

Watchdog* instance = nullptr;

int watchdog_signal() {
    return SIGRTMIN;
}

// A few milliseconds' precision, and no system call.
std::int64_t coarse_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace

Watchdog::Watchdog(Routines& routines, io::Duration limit)
    : routines_(routines),
      limit_(std::chrono::duration_cast<std::chrono::nanoseconds>(limit).count()) {
    instance = this;
    struct sigaction action{};
    action.sa_handler = &Watchdog::on_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(watchdog_signal(), &action, nullptr);
    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = watchdog_signal();
    event._sigev_un._tid = ::gettid();
    has_timer_ = ::timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
    if (!has_timer_) LOG_WARNING("Lua watchdog: timer_create: {}", std::strerror(errno));
}

Watchdog::~Watchdog() {
    if (has_timer_) ::timer_delete(timer_);
    instance = nullptr;
}

void Watchdog::enter() {
    entered_ = coarse_now();
    complained_ = false;
    inside_ = true;
    if (!armed_) arm(limit_);
}

void Watchdog::leave() {
    inside_ = false;
    // A function in C ran, so that no hook could.
    if (!complained_ && is_late()) complain(nullptr);
}

bool Watchdog::is_late() const {
    return coarse_now() - entered_ >= limit_;
}

void Watchdog::arm(std::int64_t nanoseconds) {
    if (!has_timer_) return;
    itimerspec due{};
    due.it_value.tv_sec = nanoseconds / 1'000'000'000;
    due.it_value.tv_nsec = nanoseconds % 1'000'000'000 + 1;
    armed_ = true;
    ::timer_settime(timer_, 0, &due, nullptr);
}

void Watchdog::on_signal(int) {
    const int saved = errno;
    if (instance) instance->look();
    errno = saved;
}

// In the handler of a signal.
void Watchdog::look() {
    armed_ = false;
    if (!inside_ || complained_) return;
    const std::int64_t left = limit_ - (coarse_now() - entered_);
    if (left > 0) {
        arm(left);
        return;
    }
    lua_State* running = routines_.running();
    if (!running) running = routines_.vm().state();
    if (lua_gethook(running) != &Watchdog::on_hook) {
        hooked_ = running;
        script_hook_ = lua_gethook(running);
        script_mask_ = lua_gethookmask(running);
        script_count_ = lua_gethookcount(running);
        lua_sethook(running, &Watchdog::on_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
    }
    // That thread may end right now, and others go on.
    arm(limit_);
}

void Watchdog::on_hook(lua_State* lua, lua_Debug*) {
    Watchdog* const self = instance;
    if (self && self->hooked_ == lua)
        lua_sethook(lua, self->script_hook_, self->script_mask_, self->script_count_);
    else
        lua_sethook(lua, nullptr, 0, 0);
    // It may come late, in another entry.
    if (self && self->inside_ && !self->complained_ && self->is_late()) self->complain(lua);
}

void Watchdog::complain(lua_State* lua) {
    complained_ = true;
    complaints_++;
    const double seconds = static_cast<double>(coarse_now() - entered_) * 1e-9;
    if (!lua) {
        LOG_WARNING("ruleset: Lua kept the control thread for {:.1f} s", seconds);
        return;
    }
    luaL_traceback(lua, lua, nullptr, 0);
    NEOSOCKSD_LOG_LINES(warning, "ruleset: Lua has kept the control thread for {:.1f} s\n{}",
                        seconds, to_string_view(lua, -1));
    lua_pop(lua, 1);
}

}  // namespace neosocksd::ruleset
