// Lets one coroutine wait until an object has nothing pending any more, outside of any scope, so
// that a cancelled task can still stop the object. It goes on from the loop, never from inside the
// call that reports the end, so it may destroy the object.

#pragma once

#include <coroutine>
#include <utility>

#include "io/loop.h"

namespace neosocksd::net {

class Drain : io::Op {
public:
    explicit Drain(io::Loop& loop)
        : Op([](io::Op& op, int) {
              std::exchange(static_cast<Drain&>(op).waiter_, nullptr).resume();
          }),
          loop_(loop) {}

    // To be awaited only while something is pending; report() ends it.
    auto wait() {
        struct Awaiter {
            Drain& drain;
            bool await_ready() const { return false; }
            void await_suspend(std::coroutine_handle<> waiter) { drain.waiter_ = waiter; }
            void await_resume() const {}
        };
        return Awaiter{*this};
    }
    void report() {
        if (waiter_ && !pending()) loop_.defer(*this, 0);
    }

private:
    io::Loop& loop_;
    std::coroutine_handle<> waiter_;
};

}  // namespace neosocksd::net
