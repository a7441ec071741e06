// Event: a coroutine waits until something has happened in its own loop.
//
// set() wakes the one that waits, or lets the next wait return at once; the waking clears it.

#pragma once

#include <coroutine>

#include "io/loop.h"
#include "io/scope.h"

namespace neosocksd::io {

class Event {
public:
    explicit Event(Loop& loop) : loop_(loop) {}
    ~Event() { assert(!waiting_); }

    void set() {
        set_ = true;
        if (waiting_ && !waiting_->Op::pending()) loop_.defer(*waiting_, 0);
    }

    // Success, or the reason of a cancellation. One waiter at a time.
    auto wait() { return Wait(*this); }

private:
    class Wait : public Op, Scope::Wait {
    public:
        explicit Wait(Event& event)
            : Op([](Op& op, int) { static_cast<Wait&>(op).finish(); }), event_(event) {}

        bool await_ready() const noexcept { return false; }
        template <typename P>
        bool await_suspend(std::coroutine_handle<P> waiter) {
            scope_ = waiter.promise().scope;
            if (event_.set_ || scope_->cancelled()) return false;
            waiter_ = waiter;
            event_.waiting_ = this;
            scope_->enter(*this);
            return true;
        }
        Result<void> await_resume() {
            if (event_.set_) {
                event_.set_ = false;
                return {};
            }
            return failure(scope_->reason(), "wait");
        }

    private:
        void cancel() override {
            if (!Op::pending()) event_.loop_.defer(*this, 0);
        }
        void finish() {
            Scope::Wait::unlink();
            event_.waiting_ = nullptr;
            waiter_.resume();
        }

        Event& event_;
        Scope* scope_ = nullptr;
        std::coroutine_handle<> waiter_;
    };

    Loop& loop_;
    Wait* waiting_ = nullptr;
    bool set_ = false;
};

}  // namespace neosocksd::io
