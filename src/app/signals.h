// Signals as events of a loop.
//
// block() must run before any thread starts, so that all of them inherit the mask and only this
// object sees the signals. SIGPIPE is ignored: writing to a closed socket is an error value.

#pragma once

#include <functional>

#include "io/loop.h"

namespace neosocksd::app {

class Signals {
public:
    // SIGHUP, SIGINT, SIGTERM, SIGUSR1.
    static void block();

    // `on_signal` runs in the loop's thread, with the signal's number.
    Signals(io::Loop& loop, std::function<void(int)> on_signal);
    // The loop must run until stop() has been called and its operation has ended; ~Signals sees to
    // the latter.
    ~Signals();

private:
    struct Watch : io::Op {
        explicit Watch(Signals& owner)
            : Op([](Op& op, int result) { static_cast<Watch&>(op).signals.ready(result); }),
              signals(owner) {}
        Signals& signals;
    };

    void watch();
    void ready(int result);

    io::Loop& loop_;
    std::function<void(int)> on_signal_;
    io::Socket descriptor_;
    Watch watch_{*this};
    bool stopping_ = false;
};

}  // namespace neosocksd::app
