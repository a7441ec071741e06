// Accepts the connections of one listening socket on one loop.
//
// Running out of descriptors pauses accepting and recovers: when the admission's budget is used up,
// and when accept fails all the same. Connections wait in the kernel's backlog meanwhile.
//
// io_uring's multishot accept takes whatever the backlog holds before anybody can stop it. So with
// that engine the last connections of the budget are accepted one by one, on readiness; and so are
// all connections of a socket that other listeners, or another process, accept on as well, because
// a connection that we were woken for may be theirs by now.

#pragma once

#include <cstdint>
#include <functional>

#include "io/loop.h"
#include "io/task.h"
#include "net/admission.h"

namespace neosocksd::net {

class Listener {
public:
    // Takes over a connected, non-blocking, close-on-exec descriptor. Runs for connections that
    // arrive until stop() is done.
    using Handler = std::function<void(int fd)>;

    // `admission` is asked for room before accepting; null for a listener that is never limited,
    // such as the API's. Takes over `fd`. `shared`: others accept on the same socket, through
    // descriptors of their own.
    Listener(io::Loop& loop, int fd, Handler on_connection, const Admission* admission,
             bool shared = false);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    void start();
    // Accepts no more and closes the socket. To be awaited before the end, even if never started.
    io::Task<void> stop();

    // How often it paused for want of descriptors.
    std::uint64_t pauses() const { return pauses_; }

private:
    struct AcceptOp : io::Op {
        explicit AcceptOp(Listener& l) : Op(&Listener::accept_done), listener(l) {}
        Listener& listener;
    };
    struct RestTimer : io::Timer {
        explicit RestTimer(Listener& l) : Timer(&Listener::rested), listener(l) {}
        Listener& listener;
    };

    static void accept_done(io::Op& op, int result);
    static void rested(io::Timer& timer);

    void accept();
    void accepted(int fd);
    void accept_singly();
    void failed(int error);
    void rest();
    void cancel();
    std::int64_t room() const;
    bool should_accept_singly() const;
    // Whether to go on; logs the beginning and the end of a pause.
    bool check_room();

    io::Loop& loop_;
    io::Socket socket_;
    Handler on_connection_;
    const Admission* admission_;
    const bool shared_;
    AcceptOp accept_op_{*this};
    RestTimer rest_timer_{*this};
    bool paused_ = false;  // for want of descriptors
    bool singly_ = false;  // the operation waits for readiness, we accept
    bool stopping_ = false;
    std::coroutine_handle<> stopped_waiter_;
    std::uint64_t pauses_ = 0;
    io::TimePoint last_error_{};
    std::uint64_t suppressed_errors_ = 0;
};

}  // namespace neosocksd::net
