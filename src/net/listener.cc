// Tested by listener_test.cc on both engines.

#include "net/listener.h"

#include <cassert>
#include <cerrno>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/log.h"

namespace neosocksd::net {
namespace {

// One line a second at most: under a flood each would repeat the last.
constexpr std::chrono::seconds kErrorLineInterval{1};

void set_nonblocking(int fd, bool on) {
    const int flags = ::fcntl(fd, F_GETFL);
    const int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (wanted != flags) ::fcntl(fd, F_SETFL, wanted);
}

}  // namespace

Listener::Listener(io::Loop& loop, int fd, Handler on_connection, const Admission* admission,
                   bool shared)
    : loop_(loop),
      on_connection_(std::move(on_connection)),
      admission_(admission),
      shared_(shared) {
    socket_.adopt(fd);
}

Listener::~Listener() {
    assert(!socket_.is_open());
}

void Listener::start() {
    accept();
}

io::Task<void> Listener::stop() {
    if (!socket_.is_open()) co_return;
    stopping_ = true;
    if (accept_op_.pending()) {
        struct Stopped {
            Listener& listener;
            bool await_ready() const { return false; }
            void await_suspend(std::coroutine_handle<> waiter) {
                listener.stopped_waiter_ = waiter;
                listener.cancel();
            }
            void await_resume() const {}
        };
        co_await Stopped{*this};
    }
    loop_.stop_timer(rest_timer_);
    // Closing our descriptor does not end what epoll knows of a socket that others hold.
    if (shared_) loop_.engine().detach(socket_);
    loop_.engine().close(socket_);
}

std::int64_t Listener::room() const {
    return admission_ ? admission_->room() : std::numeric_limits<std::int64_t>::max();
}

bool Listener::should_accept_singly() const {
    // The epoll engine stops at the very connection that finds it cancelled.
    if (loop_.engine().name() == std::string_view("epoll")) return false;
    if (shared_) return true;
    // Some distance, or the mode would change with every session.
    return room() < (singly_ ? 2 : 1) * limits::kAcceptBurst;
}

void Listener::accept() {
    if (!check_room()) {
        rest();
        return;
    }
    singly_ = should_accept_singly();
    // A multishot accept of io_uring fails with EAGAIN on a non-blocking listener; all others
    // would hang on a blocking one.
    const bool multishot = !singly_ && loop_.engine().name() == std::string_view("uring");
    set_nonblocking(socket_.fd(), !multishot);
    if (singly_) {
        const int result = loop_.engine().poll(socket_, io::Readiness::readable, accept_op_);
        if (result != io::kPending) loop_.defer(accept_op_, result);
        return;
    }
    const int result = loop_.engine().accept(socket_, accept_op_);
    if (result != io::kPending) failed(-result);
}

void Listener::accept_done(io::Op& op, int result) {
    Listener& self = static_cast<AcceptOp&>(op).listener;
    // An accept that goes on after this connection is still pending.
    const bool over = !op.pending();
    if (result >= 0 && !self.singly_) self.accepted(result);
    if (!over) return;
    self.loop_.stop_timer(self.rest_timer_);
    if (self.stopped_waiter_)
        std::exchange(self.stopped_waiter_, nullptr).resume();
    else if (result == -ECANCELED)
        self.accept();
    else if (result < 0)
        self.failed(-result);
    else
        self.accept_singly();
}

void Listener::accepted(int fd) {
    on_connection_(fd);
    if (stopping_ || paused_) return;
    if (!check_room() || should_accept_singly()) cancel();
}

void Listener::accept_singly() {
    for (int i = 0; i < limits::kAcceptsPerTurn; i++) {
        const int fd = ::accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            on_connection_(fd);
            if (stopping_) return;
            if (!check_room()) break;
        } else if (errno == EAGAIN) {
            socket_.found_empty();
            break;
        } else if (!io::is_lost_connection(errno)) {
            failed(errno);
            return;
        }
    }
    accept();
}

void Listener::cancel() {
    loop_.engine().cancel(accept_op_);
    // With io_uring the accept may just be ending and starting anew behind the cancellation, which
    // then finds nothing: look again later.
    rest();
}

void Listener::rest() {
    loop_.start_timer(rest_timer_, limits::kAcceptPause);
}

void Listener::rested(io::Timer& timer) {
    Listener& self = static_cast<RestTimer&>(timer).listener;
    if (self.accept_op_.pending())
        self.cancel();
    else if (!self.stopping_)
        self.accept();
}

void Listener::failed(int error) {
    rest();
    if (loop_.now() - last_error_ < kErrorLineInterval) {
        suppressed_errors_++;
        return;
    }
    last_error_ = loop_.now();
    const auto suppressed = std::exchange(suppressed_errors_, 0);
    if (suppressed == 0)
        LOG_ERROR("accept: {}", std::strerror(error));
    else
        LOG_ERROR("accept: {} ({} more since the last line)", std::strerror(error), suppressed);
}

bool Listener::check_room() {
    const bool has_room = room() > 0;
    if (!has_room && !paused_) {
        pauses_++;
        LOG_WARNING("accepting paused: out of descriptors ({} in use)",
                    admission_->descriptors_in_use());
    } else if (has_room && paused_) {
        LOG_INFO("accepting resumed");
    }
    paused_ = !has_room;
    return has_room;
}

}  // namespace neosocksd::net
