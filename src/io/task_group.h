// TaskGroup owns the tasks spawned into it: nothing of them outlives it.
//
// An object that spawns has a group and a stop(); it is destroyed only after the group is empty.

#pragma once

#include <cstddef>

#include "io/task.h"

namespace neosocksd::io {

class TaskGroup {
public:
    // The group's scope is a child of `parent`, if any.
    explicit TaskGroup(Scope* parent = nullptr) : scope_(parent) {}
    ~TaskGroup() { assert(count_ == 0); }

    // Runs the task up to its first wait before it returns. After cancel() the task still runs,
    // but each of its waits fails at once.
    void spawn(Task<void> task);

    void cancel(int reason = ECANCELED) { scope_.cancel(reason); }
    bool empty() const { return count_ == 0; }
    std::size_t size() const { return count_; }
    Scope& scope() { return scope_; }

    // Waits until every task has ended. One waiter at a time.
    auto drained() {
        struct Awaiter {
            TaskGroup& group;
            bool await_ready() const { return group.count_ == 0; }
            void await_suspend(std::coroutine_handle<> waiter) { group.waiter_ = waiter; }
            void await_resume() const {}
        };
        return Awaiter{*this};
    }

private:
    static void task_done(void* self, std::coroutine_handle<> done,
                          const std::exception_ptr& error);

    Scope scope_;
    std::size_t count_ = 0;
    std::coroutine_handle<> waiter_;
};

}  // namespace neosocksd::io
