// Notices Lua that runs for long without a pause, while it does: everything else of the control
// thread waits for it.
//
// A timer's signal sets a hook on the running Lua thread; the hook logs the traceback and removes
// itself. The timer is armed when Lua is entered and let run out: at most one system call in each
// period, not two for each entry.

#pragma once

#include <cstdint>

#include <ctime>

#include "io/timer.h"
#include "ruleset/lua_api.h"

namespace neosocksd::ruleset {

class Routines;

class Watchdog {
public:
    // Watches the calling thread. One at a time in a process.
    Watchdog(Routines& routines, io::Duration limit);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    void enter();
    void leave();

    std::uint64_t complaints() const { return complaints_; }

private:
    static void on_signal(int number);
    static void on_hook(lua_State* lua, lua_Debug* debug);
    bool is_late() const;
    void look();
    void arm(std::int64_t nanoseconds);
    void complain(lua_State* lua);

    Routines& routines_;
    std::int64_t limit_;  // nanoseconds
    timer_t timer_{};
    bool has_timer_ = false;
    volatile bool inside_ = false;
    volatile bool armed_ = false;
    volatile bool complained_ = false;  // of this entry
    volatile std::int64_t entered_ = 0;
    // The hook that a script had set on the thread that has ours.
    lua_State* volatile hooked_ = nullptr;
    lua_Hook volatile script_hook_ = nullptr;
    volatile int script_mask_ = 0;
    volatile int script_count_ = 0;
    std::uint64_t complaints_ = 0;
};

}  // namespace neosocksd::ruleset
