// Tested by tests/faults/test_walk.py.

#include "tests/faults/watched.h"

#include <algorithm>
#include <memory>

extern "C" int __real_epoll_ctl(int epoll, int operation, int fd, epoll_event* event);

namespace neosocksd::faults {

void Watched::set(int epoll, int fd, const epoll_event& event) {
    const std::lock_guard lock(mutex_);
    drop_held(fd);
    by_fd_[fd] = {epoll, event};
}

void Watched::forget(int fd) {
    const std::lock_guard lock(mutex_);
    drop_held(fd);
    by_fd_.erase(fd);
}

void Watched::report_anew(int fd) {
    const std::lock_guard lock(mutex_);
    const auto found = by_fd_.find(fd);
    if (found == by_fd_.end()) return;
    epoll_event event = found->second.event;
    __real_epoll_ctl(found->second.epoll, EPOLL_CTL_MOD, fd, &event);
}

void Watched::hold(int epoll, const epoll_event* events, int count) {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < count; i++) held_.push_back({epoll, events[i], Clock::now() + kHold});
}

bool Watched::holds(int epoll) {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(held_, [&](const Held& held) { return held.epoll == epoll; });
}

int Watched::release(int epoll, epoll_event* events, int count, int room) {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    std::erase_if(held_, [&](const Held& held) {
        if (held.epoll != epoll || held.due > now || count >= room) return false;
        events[count++] = held.event;
        return true;
    });
    return count;
}

void Watched::drop_held(int fd) {
    const auto found = by_fd_.find(fd);
    if (found == by_fd_.end()) return;
    const Watch watch = found->second;
    std::erase_if(held_, [&](const Held& held) {
        return held.epoll == watch.epoll && held.event.data.ptr == watch.event.data.ptr;
    });
}

Watched& watched() {
    // Lives as long as the last call at exit.
    alignas(Watched) static char storage[sizeof(Watched)];
    static Watched* const only = std::construct_at(reinterpret_cast<Watched*>(storage));
    return *only;
}

}  // namespace neosocksd::faults
