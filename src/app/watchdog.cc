// Tested by watchdog_test.cc and tests/e2e/test_systemd.py.

#include "app/watchdog.h"

#include <utility>

namespace neosocksd::app {

Watchdog::Watchdog(io::Loop& control, std::vector<io::Loop*> workers, io::Duration period,
                   std::function<void()> ping)
    : Timer([](Timer& timer) { static_cast<Watchdog&>(timer).tick(); }),
      control_(control),
      workers_(std::move(workers)),
      interval_(period / 2),
      ping_(std::move(ping)) {
    ask();
    control_.start_timer(*this, interval_);
}

Watchdog::~Watchdog() {
    stop();
}

void Watchdog::stop() {
    control_.stop_timer(*this);
    round_->watchdog = nullptr;
}

void Watchdog::tick() {
    control_.start_timer(*this, interval_);
    if (round_->missing > 0) {
        overdue_ = true;
        for (io::Loop* worker : std::exchange(unasked_, {})) ask(*worker);
        return;
    }
    ping_();
    ask();
}

void Watchdog::ask() {
    overdue_ = false;
    unasked_.clear();
    round_ = std::make_shared<Round>(this, workers_.size());
    for (io::Loop* worker : workers_) ask(*worker);
}

void Watchdog::ask(io::Loop& worker) {
    io::Message question = [&control = control_, round = round_] {
        if (--round->missing > 0) return;
        io::Message answer = [round] {
            if (round->watchdog) round->watchdog->all_answered();
        };
        // Refused by a full mailbox: the next tick sees the count.
        [[maybe_unused]] const bool posted = control.post(answer);
    };
    if (!worker.post(question)) unasked_.push_back(&worker);
}

void Watchdog::all_answered() {
    if (!overdue_) return;
    // Late, but there: by the next tick the manager's patience would be at its end.
    ping_();
    ask();
}

}  // namespace neosocksd::app
