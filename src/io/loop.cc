// Tested by loop_test.cc.

#include "io/loop.h"

#include <algorithm>
#include <cassert>
#include <system_error>

namespace neosocksd::io {
namespace {

std::unique_ptr<Engine> make_engine(EngineChoice choice, DeferQueue& deferred) {
    if (choice == EngineChoice::epoll) return make_epoll_engine(deferred);
    auto uring = make_uring_engine(deferred);
    if (uring) return std::move(*uring);
    if (choice == EngineChoice::automatic) return make_epoll_engine(deferred);
    throw std::system_error(uring.error().code, std::generic_category(), "io_uring");
}

}  // namespace

Loop::Loop(EngineChoice choice) : engine_(make_engine(choice, deferred_)) {
    mailbox_socket_.adopt(mailbox_.fd());
    watch_mailbox();
}

Loop::~Loop() {
    // Messages that still wait are destroyed with the mailbox: what they are about may be gone.
    ending_ = true;
    engine_->cancel(mailbox_op_);
    while (mailbox_op_.pending()) {
        engine_->wait(std::chrono::nanoseconds(0), now_);
        deferred_.run();
    }
    engine_->detach(mailbox_socket_);
    mailbox_socket_.release();  // the mailbox closes it
    // Their owners would touch a loop that is gone.
    assert(timers_.empty() && deferred_.empty());
}

void Loop::mailbox_ready(Op& op, int) {
    Loop& self = static_cast<MailboxOp&>(op).loop;
    if (self.ending_) return;
    self.mailbox_socket_.found_empty();
    self.mailbox_.run();
    self.watch_mailbox();
}

void Loop::watch_mailbox() {
    const int result = engine_->poll(mailbox_socket_, Readiness::readable, mailbox_op_);
    if (result != kPending) deferred_.push(mailbox_op_, result);
}

void Loop::run() {
    while (!stopping_) run_once(std::chrono::hours(1));
    // What the last handlers queued, a close perhaps, must not wait for the loop's destruction.
    engine_->wait(std::chrono::nanoseconds(0), now_);
}

// True if something happened; otherwise `timeout` is what is left of it. Where that is rare, it is
// tried ever more seldom, at least once in 64 sleeps.
bool Loop::poll_busily(Duration& timeout) {
    if (busy_poll_ == Duration::zero() || timeout == Duration::zero()) return false;
    if (busy_skip_ > 0) {
        busy_skip_--;
        return false;
    }
    const TimePoint begun = Clock::now();
    const TimePoint end = begun + std::min(timeout, busy_poll_);
    do {
        if (engine_->wait(std::chrono::nanoseconds(0), now_)) {
            busy_misses_ = 0;
            return true;
        }
    } while (now_ < end);
    if (busy_misses_ < 6) busy_misses_++;
    busy_skip_ = (1U << busy_misses_) - 1;
    timeout = std::max(timeout - (now_ - begun), Duration::zero());
    return false;
}

void Loop::run_once(Duration limit) {
    Duration timeout = limit;
    if (!deferred_.empty())
        timeout = Duration::zero();
    else if (!timers_.empty())
        timeout = std::clamp(timers_.next_due() - Clock::now(), Duration::zero(), limit);
    if (!poll_busily(timeout)) engine_->wait(timeout, now_);
    timers_.run(now_);
    deferred_.run();
}

}  // namespace neosocksd::io
