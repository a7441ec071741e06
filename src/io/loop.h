// The event loop of one thread: an engine, timers, deferred completions and a mailbox.
//
// Everything but post() belongs to the thread that runs the loop, which must be the thread that
// made it. now() is read once a turn, when the wait is over.

#pragma once

#include <memory>

#include "io/engine.h"
#include "io/mailbox.h"
#include "io/timer.h"

namespace neosocksd::io {

class Loop {
public:
    // `automatic` takes io_uring where it works, else epoll. Asked for by name, an engine that
    // does not work throws std::system_error.
    explicit Loop(EngineChoice choice);
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    Engine& engine() { return *engine_; }
    TimePoint now() const { return now_; }

    // Runs until stop().
    void run();
    void stop() { stopping_ = true; }
    // Before it sleeps it looks for so long whether something happens after all: saves the wake-up
    // of a processor, and costs its time. 0, the default, is never.
    void set_busy_poll(Duration duration) { busy_poll_ = duration; }
    // One turn: waits for something to happen, at most `limit`, and handles it.
    void run_once(Duration limit);

    void start_timer(Timer& timer, Duration delay) { timers_.start(timer, now_ + delay); }
    void stop_timer(Timer& timer) { timers_.stop(timer); }

    // Completes `op` with `result` from the next turn; it is pending until then.
    void defer(Op& op, int result) { deferred_.push(op, result); }

    // See Mailbox::post.
    [[nodiscard]] bool post(Message& message) { return mailbox_.post(message); }
    // See Mailbox::post_answer.
    [[nodiscard]] bool post_answer(Message& message) { return mailbox_.post_answer(message); }
    // Refuses further messages, and runs those that had been posted.
    void close_mailbox() {
        mailbox_.close();
        mailbox_.run();
    }

private:
    struct MailboxOp : Op {
        explicit MailboxOp(Loop& owner) : Op(&Loop::mailbox_ready), loop(owner) {}
        Loop& loop;
    };
    static void mailbox_ready(Op& op, int result);
    void watch_mailbox();
    bool poll_busily(Duration& timeout);

    DeferQueue deferred_;
    std::unique_ptr<Engine> engine_;
    TimerQueue timers_;
    Mailbox mailbox_;
    Socket mailbox_socket_;
    MailboxOp mailbox_op_{*this};
    TimePoint now_ = Clock::now();
    Duration busy_poll_ = Duration::zero();
    unsigned busy_misses_ = 0;  // in a row
    unsigned busy_skip_ = 0;    // sleeps to come without a look before
    bool stopping_ = false;
    bool ending_ = false;  // the destructor runs
};

}  // namespace neosocksd::io
