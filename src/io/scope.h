// Cancellation: everything that waits belongs to a Scope, and a scope can be cancelled.
//
// Scopes form a tree; a task waits in the scope it was started in, and so do the tasks it awaits.
// cancel(reason) makes every wait in the scope and below end with `reason` as its error (ETIMEDOUT
// for a deadline, ECANCELED otherwise), and every later wait there at once. To do something after
// a cancellation, such as to send a last reply, wait in another scope.

#pragma once

#include <cassert>

#include "base/list.h"
#include "io/loop.h"

namespace neosocksd::io {

class Scope : public ListHook {
public:
    // Something that waits: registered while it does.
    class Wait : public ListHook {
    public:
        // Makes the wait end soon; it must not end inside the call.
        virtual void cancel() = 0;

    protected:
        ~Wait() = default;
    };

    explicit Scope(Scope* parent) {
        if (!parent) return;
        parent->children_.push_back(*this);
        reason_ = parent->reason_;
    }
    ~Scope() { assert(waits_.empty() && children_.empty()); }

    int reason() const { return reason_; }
    bool cancelled() const { return reason_ != 0; }

    // The first reason stays.
    void cancel(int reason) {
        if (cancelled()) return;
        reason_ = reason;
        waits_.for_each([](Wait& wait) { wait.cancel(); });
        children_.for_each([&](Scope& child) { child.cancel(reason); });
    }

    void enter(Wait& wait) { waits_.push_back(wait); }

private:
    List<Wait> waits_;
    List<Scope> children_;
    int reason_ = 0;
};

// Cancels a scope with ETIMEDOUT after a while, unless destroyed or stopped before.
class Deadline : Timer {
public:
    Deadline(Loop& loop, Scope& scope, Duration delay)
        : Timer([](Timer& timer) { static_cast<Deadline&>(timer).scope_.cancel(ETIMEDOUT); }),
          loop_(loop),
          scope_(scope) {
        loop_.start_timer(*this, delay);
    }
    ~Deadline() { stop(); }

    void stop() { loop_.stop_timer(*this); }

private:
    Loop& loop_;
    Scope& scope_;
};

}  // namespace neosocksd::io
