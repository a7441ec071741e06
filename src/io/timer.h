// Timers of one loop: a binary heap of pointers to timers that live in their owners.
//
// Starting and stopping cost O(log n) and no system call: the loop asks when the next one is due
// and waits no longer than that.

#pragma once

#include <cassert>
#include <chrono>
#include <cstddef>
#include <vector>

namespace neosocksd::io {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

class TimerQueue;

class Timer {
public:
    using Handler = void (*)(Timer&);

    explicit Timer(Handler handler) : handler_(handler) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { assert(!active()); }

    bool active() const { return index_ != kInactive; }
    TimePoint due() const { return due_; }

private:
    friend class TimerQueue;
    static constexpr std::size_t kInactive = static_cast<std::size_t>(-1);

    Handler handler_;
    TimePoint due_{};
    std::size_t index_ = kInactive;  // place in the heap
};

class TimerQueue {
public:
    // Restarts an active timer.
    void start(Timer& timer, TimePoint due);
    void stop(Timer& timer);
    bool empty() const { return heap_.empty(); }
    TimePoint next_due() const { return heap_.front()->due_; }
    // Runs the handlers of those due; a timer is inactive when its handler runs. What a handler
    // starts runs in a later turn, however short its delay, or it could hold the loop for ever.
    void run(TimePoint now);

private:
    void place(std::size_t index, Timer* timer);
    void sift_up(std::size_t index);
    void sift_down(std::size_t index);

    std::vector<Timer*> heap_;
    TimePoint earliest_ = TimePoint::min();  // while handlers run: after this turn
};

}  // namespace neosocksd::io
