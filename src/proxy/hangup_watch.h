// Notices a client that hangs up while its target is being dialled, and cancels the dial.
//
// A reset always means that. The end of the client's stream means it too, unless early data came
// before it: a client may send its request with all its data, close its side, and wait for the
// answer. Where the protocol has no request (forward mode) even a bare end of stream is legal, and
// only a reset counts.
// Watching starts limits::kHangupWatchDelay after start(): a quick dial never pays for it.

#pragma once

#include <coroutine>

#include "io/loop.h"
#include "io/scope.h"

namespace neosocksd::proxy {

class HangupWatch : io::Timer, io::Op {
public:
    // Cancels `scope` with ECONNRESET. `end_means_gone`: no early data has come, and the protocol
    // has a request.
    HangupWatch(io::Loop& loop, io::Socket& client, io::Scope& scope, bool end_means_gone);

    // co_await before the client's socket is used again or this is destroyed.
    auto stop() {
        struct Awaiter {
            HangupWatch& watch;
            bool await_ready() { return watch.begin_stop(); }
            void await_suspend(std::coroutine_handle<> waiter) { watch.waiter_ = waiter; }
            void await_resume() const {}
        };
        return Awaiter{*this};
    }

private:
    void watch();
    void ready(int result);
    bool begin_stop();

    io::Loop& loop_;
    io::Socket& client_;
    io::Scope& scope_;
    bool end_means_gone_;
    bool stopping_ = false;
    std::coroutine_handle<> waiter_;
};

}  // namespace neosocksd::proxy
