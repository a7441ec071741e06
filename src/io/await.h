// What a coroutine can wait for. Each wait belongs to the scope of the task that makes it, and
// ends with the scope's reason when that is cancelled.
//
//   auto got  = co_await recv(loop, socket, [&](std::string_view bytes) { ... });
//   auto sent = co_await send_some(loop, socket, bytes);
//   auto done = co_await send_all(loop, socket, bytes);
//   auto up   = co_await connect(loop, socket, endpoint);
//   auto ok   = co_await wait_for(loop, socket, Readiness::writable);
//   co_await sleep(loop, 100ms);

#pragma once

#include <coroutine>
#include <span>
#include <string_view>

#include "base/address.h"
#include "base/result.h"
#include "io/loop.h"
#include "io/scope.h"
#include "io/task.h"

namespace neosocksd::io {

// The scope that the awaiting task waits in: to be the parent of a scope with a deadline of its
// own.
//   Scope& scope = co_await current_scope();
class CurrentScope {
public:
    bool await_ready() const noexcept { return false; }
    template <typename P>
    bool await_suspend(std::coroutine_handle<P> asking) noexcept {
        scope_ = asking.promise().scope;
        return false;
    }
    Scope& await_resume() const noexcept { return *scope_; }

private:
    Scope* scope_ = nullptr;
};
inline CurrentScope current_scope() {
    return {};
}

// Waits for one engine operation; D starts it.
template <typename D>
class OpWait : public Op, Scope::Wait {
public:
    explicit OpWait(Loop& loop) : Op(&OpWait::completed), loop_(loop) {}

    bool await_ready() const noexcept { return false; }

    template <typename P>
    bool await_suspend(std::coroutine_handle<P> waiter) {
        Scope& scope = *waiter.promise().scope;
        if (scope.cancelled()) {
            result_ = -scope.reason();
            return false;
        }
        result_ = static_cast<D*>(this)->start();
        if (result_ != kPending) return false;
        waiter_ = waiter;
        scope_ = &scope;
        scope.enter(*this);
        return true;
    }

protected:
    int result() const { return result_; }
    Loop& loop_;

private:
    static void completed(Op& op, int result) {
        auto& self = static_cast<OpWait&>(op);
        self.Scope::Wait::unlink();
        if (result == -ECANCELED && self.scope_->cancelled()) result = -self.scope_->reason();
        self.result_ = result;
        self.waiter_.resume();
    }
    void cancel() override { loop_.engine().cancel(*this); }

    std::coroutine_handle<> waiter_;
    Scope* scope_ = nullptr;
    int result_ = 0;
};

// Received bytes in a buffer of the engine, given back when this ends. Use them before the next
// wait: the epoll engine has one buffer for all.
class Loan {
public:
    Loan(Engine& engine, Op& op, std::size_t size) : engine_(engine), op_(op), size_(size) {}
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    ~Loan() {
        if (size_ > 0) engine_.give_back(op_);
    }
    std::string_view bytes() const { return {reinterpret_cast<const char*>(op_.data()), size_}; }

private:
    Engine& engine_;
    Op& op_;
    std::size_t size_;
};

// Reads once, and hands the bytes to `use` before anything else can happen. Returns how many;
// 0 is the end of the stream.
template <typename Use>
class RecvWait : public OpWait<RecvWait<Use>> {
public:
    RecvWait(Loop& loop, Socket& socket, Use use)
        : OpWait<RecvWait>(loop), socket_(socket), use_(std::move(use)) {}
    int start() { return this->loop_.engine().recv(socket_, *this); }
    Result<std::size_t> await_resume() {
        if (this->result() < 0) return failure(-this->result(), "recv");
        const auto size = static_cast<std::size_t>(this->result());
        if (size > 0) {
            const Loan loan(this->loop_.engine(), *this, size);
            use_(loan.bytes());
        }
        return size;
    }

private:
    Socket& socket_;
    Use use_;
};

template <typename Use>
RecvWait<Use> recv(Loop& loop, Socket& socket, Use use) {
    return RecvWait<Use>(loop, socket, std::move(use));
}

class SendWait : public OpWait<SendWait> {
public:
    SendWait(Loop& loop, Socket& socket, std::string_view bytes)
        : OpWait(loop), socket_(socket), bytes_(bytes) {}
    int start() { return loop_.engine().send(socket_, std::as_bytes(std::span(bytes_)), *this); }
    Result<std::size_t> await_resume() const {
        if (result() < 0) return failure(-result(), "send");
        return static_cast<std::size_t>(result());
    }

private:
    Socket& socket_;
    std::string_view bytes_;
};

// One try; EAGAIN if nothing could be sent now.
inline SendWait send_some(Loop& loop, Socket& socket, std::string_view bytes) {
    return {loop, socket, bytes};
}

// All of it, waiting as needed. `bytes` must stay until it returns.
Task<Result<void>> send_all(Loop& loop, Socket& socket, std::string_view bytes);

// Reads and drops input until its end, an error, or `limit` bytes.
Task<void> drain_input(Loop& loop, Socket& socket, std::size_t limit);

class ConnectWait : public OpWait<ConnectWait> {
public:
    ConnectWait(Loop& loop, Socket& socket, const Endpoint& peer)
        : OpWait(loop), socket_(socket), length_(peer.to_sockaddr(address_)) {}
    int start() {
        return loop_.engine().connect(socket_, reinterpret_cast<sockaddr*>(&address_), length_,
                                      *this);
    }
    Result<void> await_resume() const {
        if (result() < 0) return failure(-result(), "connect");
        return {};
    }

private:
    Socket& socket_;
    sockaddr_storage address_;
    socklen_t length_;
};

inline ConnectWait connect(Loop& loop, Socket& socket, const Endpoint& peer) {
    return {loop, socket, peer};
}

class PollWait : public OpWait<PollWait> {
public:
    PollWait(Loop& loop, Socket& socket, Readiness readiness)
        : OpWait(loop), socket_(socket), readiness_(readiness) {}
    int start() { return loop_.engine().poll(socket_, readiness_, *this); }
    Result<void> await_resume() const {
        if (result() < 0) return failure(-result(), "poll");
        return {};
    }

private:
    Socket& socket_;
    Readiness readiness_;
};

inline PollWait wait_for(Loop& loop, Socket& socket, Readiness readiness) {
    return {loop, socket, readiness};
}

// Waits for time to pass: success, or the reason of a cancellation.
class SleepWait : Timer, Op, Scope::Wait {
public:
    SleepWait(Loop& loop, Duration delay)
        : Timer([](Timer& timer) {
              auto& self = static_cast<SleepWait&>(timer);
              self.finish(0);
          }),
          Op([](Op& op, int result) {
              auto& self = static_cast<SleepWait&>(op);
              self.finish(result);
          }),
          loop_(loop),
          delay_(delay) {}

    bool await_ready() const noexcept { return false; }
    template <typename P>
    bool await_suspend(std::coroutine_handle<P> waiter) {
        scope_ = waiter.promise().scope;
        if (scope_->cancelled()) {
            result_ = -scope_->reason();
            return false;
        }
        waiter_ = waiter;
        scope_->enter(*this);
        loop_.start_timer(*this, delay_);
        return true;
    }
    Result<void> await_resume() const {
        if (result_ < 0) return failure(-result_, "sleep");
        return {};
    }

private:
    void cancel() override {
        loop_.stop_timer(*this);
        if (!Op::pending()) loop_.defer(*this, -scope_->reason());
    }
    void finish(int result) {
        Scope::Wait::unlink();
        result_ = result;
        waiter_.resume();
    }

    Loop& loop_;
    Duration delay_;
    std::coroutine_handle<> waiter_;
    Scope* scope_ = nullptr;
    int result_ = 0;
};

inline SleepWait sleep(Loop& loop, Duration delay) {
    return {loop, delay};
}

}  // namespace neosocksd::io
