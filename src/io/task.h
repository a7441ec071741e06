// Task<T>: a coroutine that starts when it is awaited, or spawned into a TaskGroup.
//
// A task that is awaited may take references: its caller's frame outlives it. A task that is
// spawned owns what it needs. It waits in the scope of its caller unless run with in_scope().
// Errors are values (Task<Result<T>>); an exception is a bug or lack of memory and travels to the
// caller, at last to the group's handler.

#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "io/frame_pool.h"
#include "io/scope.h"

namespace neosocksd::io {

class TaskGroup;

class PromiseBase {
public:
    static void* operator new(std::size_t bytes) { return FramePool::allocate(bytes); }
    static void operator delete(void* frame, std::size_t bytes) noexcept {
        FramePool::release(frame, bytes);
    }

    std::suspend_always initial_suspend() noexcept { return {}; }

    struct Final {
        bool await_ready() noexcept { return false; }
        template <typename P>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<P> done) noexcept {
            PromiseBase& promise = done.promise();
            if (promise.caller) return promise.caller;
            promise.on_done(promise.owner, done, promise.error);
            return std::noop_coroutine();
        }
        void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { error = std::current_exception(); }

    Scope* scope = nullptr;
    std::coroutine_handle<> caller;
    // Of a spawned task: destroys the frame.
    void (*on_done)(void* owner, std::coroutine_handle<> done,
                    const std::exception_ptr& error) = nullptr;
    void* owner = nullptr;
    std::exception_ptr error;
};

// What Task<T> and Task<void> share: the owned frame, and how it is awaited.
template <typename Promise>
class TaskFrame {
public:
    TaskFrame(TaskFrame&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    TaskFrame& operator=(TaskFrame&&) = delete;
    ~TaskFrame() {
        if (handle_) handle_.destroy();
    }

    bool await_ready() noexcept { return false; }
    template <typename P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> caller) noexcept {
        handle_.promise().caller = caller;
        if (!handle_.promise().scope) handle_.promise().scope = caller.promise().scope;
        return handle_;
    }

protected:
    explicit TaskFrame(std::coroutine_handle<Promise> handle) : handle_(handle) {}

    void rethrow() const {
        if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
    }

    std::coroutine_handle<Promise> handle_;
};

template <typename T>
class Task;

template <typename T>
class TaskPromise : public PromiseBase {
public:
    Task<T> get_return_object();
    template <typename U>
    void return_value(U&& result) {
        value.emplace(std::forward<U>(result));
    }
    std::optional<T> value;
};

template <>
class TaskPromise<void> : public PromiseBase {
public:
    Task<void> get_return_object();
    void return_void() {}
};

template <typename T>
class [[nodiscard]] Task : public TaskFrame<TaskPromise<T>> {
public:
    using promise_type = TaskPromise<T>;

    T await_resume() {
        this->rethrow();
        if constexpr (!std::is_void_v<T>) return std::move(*this->handle_.promise().value);
    }

    Task in_scope(Scope& scope) && {
        this->handle_.promise().scope = &scope;
        return std::move(*this);
    }

private:
    friend promise_type;
    friend class TaskGroup;
    explicit Task(std::coroutine_handle<promise_type> handle) : TaskFrame<promise_type>(handle) {}
    std::coroutine_handle<promise_type> release() { return std::exchange(this->handle_, nullptr); }
};

template <typename T>
Task<T> TaskPromise<T>::get_return_object() {
    return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

inline Task<void> TaskPromise<void>::get_return_object() {
    return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

}  // namespace neosocksd::io
