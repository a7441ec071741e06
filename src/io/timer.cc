// The heap of timers. Tested by timer_test.cc.

#include "io/timer.h"

#include <algorithm>

namespace neosocksd::io {

void TimerQueue::start(Timer& timer, TimePoint due) {
    stop(timer);
    timer.due_ = std::max(due, earliest_);
    heap_.push_back(nullptr);
    place(heap_.size() - 1, &timer);
    sift_up(heap_.size() - 1);
}

void TimerQueue::stop(Timer& timer) {
    if (!timer.active()) return;
    const std::size_t hole = timer.index_;
    timer.index_ = Timer::kInactive;
    Timer* last = heap_.back();
    heap_.pop_back();
    if (last == &timer) return;
    place(hole, last);
    sift_up(hole);
    sift_down(last->index_);
}

void TimerQueue::run(TimePoint now) {
    earliest_ = now + Duration(1);
    while (!heap_.empty() && heap_.front()->due_ <= now) {
        Timer& timer = *heap_.front();
        stop(timer);
        timer.handler_(timer);
    }
    earliest_ = TimePoint::min();
}

void TimerQueue::place(std::size_t index, Timer* timer) {
    heap_[index] = timer;
    timer->index_ = index;
}

void TimerQueue::sift_up(std::size_t index) {
    Timer* timer = heap_[index];
    while (index > 0) {
        const std::size_t parent = (index - 1) / 2;
        if (heap_[parent]->due_ <= timer->due_) break;
        place(index, heap_[parent]);
        index = parent;
    }
    place(index, timer);
}

void TimerQueue::sift_down(std::size_t index) {
    Timer* timer = heap_[index];
    for (;;) {
        std::size_t child = 2 * index + 1;
        if (child >= heap_.size()) break;
        if (child + 1 < heap_.size() && heap_[child + 1]->due_ < heap_[child]->due_) child++;
        if (timer->due_ <= heap_[child]->due_) break;
        place(index, heap_[child]);
        index = child;
    }
    place(index, timer);
}

}  // namespace neosocksd::io
