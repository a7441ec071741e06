// Tells the service manager that the process is alive, as long as it is.
//
// A ping says that every worker has answered a message since the ping before. A worker that hangs
// in some loop keeps the next ping from being sent, and the manager starts the process anew.

#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "io/loop.h"

namespace neosocksd::app {

class Watchdog : io::Timer {
public:
    // `control` is the loop of this thread; it may be one of `workers`. Pings are sent twice in
    // `period`, or as soon as the last worker has answered.
    Watchdog(io::Loop& control, std::vector<io::Loop*> workers, io::Duration period,
             std::function<void()> ping);
    // No worker may have ended before: stop() in time.
    ~Watchdog();

    void stop();

private:
    struct Round {
        Round(Watchdog* owner, std::size_t workers) : watchdog(owner), missing(workers) {}
        Watchdog* watchdog;                // control thread only; null when it is gone
        std::atomic<std::size_t> missing;  // answers
    };

    void tick();
    void ask();
    void ask(io::Loop& worker);
    void all_answered();

    io::Loop& control_;
    const std::vector<io::Loop*> workers_;
    const io::Duration interval_;
    const std::function<void()> ping_;
    std::shared_ptr<Round> round_;
    std::vector<io::Loop*> unasked_;  // whose mailbox was full
    bool overdue_ = false;            // a tick has passed without a ping
};

}  // namespace neosocksd::app
