// What epoll was told of each descriptor, so that an edge can be reported anew or held back.
//
// After a false EAGAIN or short count the program waits for an edge that would never come: the
// registration is repeated, which reports what is there. Events that are late wait here, and are
// dropped with their registration, as the kernel drops them.

#pragma once

#include <chrono>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <sys/epoll.h>

namespace neosocksd::faults {

inline constexpr std::chrono::milliseconds kHold{5};

class Watched {
public:
    void set(int epoll, int fd, const epoll_event& event);
    void forget(int fd);
    void report_anew(int fd);
    void hold(int epoll, const epoll_event* events, int count);
    bool holds(int epoll);
    // Appends those that are due to the `count` that are there; returns how many there are then.
    int release(int epoll, epoll_event* events, int count, int room);

private:
    using Clock = std::chrono::steady_clock;
    struct Watch {
        int epoll;
        epoll_event event;
    };
    struct Held {
        int epoll;
        epoll_event event;
        Clock::time_point due;
    };
    void drop_held(int fd);

    std::mutex mutex_;
    std::unordered_map<int, Watch> by_fd_;
    std::vector<Held> held_;
};

// The only one, of all threads.
Watched& watched();

}  // namespace neosocksd::faults
