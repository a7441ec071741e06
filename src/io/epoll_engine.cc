// The epoll backend: edge-triggered, one EPOLL_CTL_ADD a socket, the call is tried first and only
// EAGAIN waits.
//
// With edges, losing one is losing a wake-up for good. So each Socket remembers what has been
// reported: `readable_` stays set until a read proves the socket empty, `writable_` until a write
// proves it full. A read that returns less than was asked for is such a proof, unless an end of
// stream or urgent data has been reported: those come with no further edge.
// Tested by engine_*_test.cc, which run on both backends.

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/limits.h"
#include "io/engine.h"

namespace neosocksd::io {
namespace {

constexpr int kEventsPerWait = 256;
// Connections accepted before the loop looks at its other work.
constexpr int kAcceptsPerTurn = 64;
constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
constexpr std::uint32_t kBroken = EPOLLHUP | EPOLLERR;

}  // namespace

class EpollEngine final : public Engine {
public:
    explicit EpollEngine(DeferQueue& deferred)
        : deferred_(deferred),
          epoll_(::epoll_create1(EPOLL_CLOEXEC)),
          scratch_(std::make_unique_for_overwrite<std::byte[]>(limits::kEpollReadBytes)) {
        if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    }
    ~EpollEngine() override { close_owned(epoll_); }

    const char* name() const override { return "epoll"; }
    std::size_t loan_bytes() const override { return limits::kEpollReadBytes; }

    int recv(Socket& socket, Op& op) override {
        if (socket.readable_ || !socket.registered_) {
            const int result = read_now(socket, op);
            if (result != -EAGAIN) return result;
        }
        return wait_for_input(socket, op, Op::Kind::recv);
    }

    void give_back(Op& op) override { op.buffer_ = nullptr; }

    int send(Socket& socket, std::span<const std::byte> bytes, Op&, bool more) override {
        const int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
        for (;;) {
            const ssize_t sent = ::send(socket.fd_, bytes.data(), bytes.size(), flags);
            if (sent < 0 && errno == EINTR) continue;
            // Full, and told so by an edge when it no longer is. After an error it is neither.
            if (sent >= 0 ? static_cast<std::size_t>(sent) < bytes.size() : errno == EAGAIN)
                socket.found_full();
            return sent < 0 ? -errno : static_cast<int>(sent);
        }
    }

    int connect(Socket& socket, const sockaddr* address, socklen_t length, Op& op) override {
        if (::connect(socket.fd_, address, length) == 0) {
            socket.writable_ = true;
            return 0;
        }
        if (errno != EINPROGRESS && errno != EINTR) return -errno;
        return wait_for_output(socket, op, Op::Kind::connect);
    }

    int poll(Socket& socket, Readiness readiness, Op& op) override {
        op.length_ = static_cast<std::uint32_t>(readiness);
        if (readiness == Readiness::writable) {
            if (socket.writable_) return 0;
            return wait_for_output(socket, op, Op::Kind::poll);
        }
        if (readiness == Readiness::readable && socket.readable_) return 0;
        if (readiness != Readiness::readable && socket.registered_ && socket.hung_up_) {
            // What was reported before does not come again: ask.
            if (satisfies(readiness, current_events(socket))) return 0;
        }
        return wait_for_input(socket, op, Op::Kind::poll);
    }

    int accept(Socket& listener, Op& op) override {
        assert(!listener.in_ && !op.pending_);
        op.kind_ = Op::Kind::accept;
        op.socket_ = &listener;
        const int error = listener.registered_ ? rearm(listener) : attach(listener);
        if (error != 0) return error;
        op.pending_ = true;
        listener.in_ = &op;
        return kPending;
    }

    void cancel(Op& op) override {
        if (!op.pending_ || op.linked()) return;  // completed: the result is on its way
        if (op.socket_->in_ == &op) op.socket_->in_ = nullptr;
        if (op.socket_->out_ == &op) op.socket_->out_ = nullptr;
        deferred_.push(op, -ECANCELED);
    }

    void close(Socket& socket) override {
        assert(!socket.in_ && !socket.out_);
        forget(socket);
        // close(2) alone ends the registration only with the last descriptor of the socket, and a
        // child that has not come to its exec(2) yet has one: its events would find freed memory.
        if (socket.registered_) ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket.fd_, nullptr);
        close_owned(socket.release());
    }

    void detach(Socket& socket) override {
        assert(!socket.in_ && !socket.out_);
        if (!socket.registered_) return;
        forget(socket);
        ::epoll_ctl(epoll_, EPOLL_CTL_DEL, socket.fd_, nullptr);
        socket.registered_ = socket.readable_ = socket.writable_ = socket.hung_up_ = socket.ended_ =
            false;
    }

    void move(Socket& from, Socket& to) override {
        assert(!from.in_ && !from.out_);
        const bool registered = from.registered_;
        if (registered) forget(from);
        to.adopt(from.release());
        if (!registered) return;
        to.registered_ = rearm(to) == 0;
    }

    bool wait(std::chrono::nanoseconds timeout,
              std::chrono::steady_clock::time_point& now) override {
        int count;
        if (timeout.count() < 0) {
            count = ::epoll_wait(epoll_, events_.data(), kEventsPerWait, -1);
        } else {
            // Rounded up, or the last millisecond before a timer would be spent spinning.
            const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
            count = ::epoll_wait(epoll_, events_.data(), kEventsPerWait,
                                 static_cast<int>(std::min<std::int64_t>(ms, 60'000)));
        }
        now = std::chrono::steady_clock::now();
        batch_end_ = count;
        for (batch_next_ = 0; batch_next_ < batch_end_;) {
            const epoll_event& event = events_[static_cast<std::size_t>(batch_next_++)];
            if (event.data.ptr) dispatch(*static_cast<Socket*>(event.data.ptr), event.events);
        }
        batch_next_ = batch_end_ = 0;
        return count > 0;
    }

private:
    int attach(Socket& socket) {
        if (socket.registered_) return 0;
        epoll_event event{.events = kEvents, .data = {.ptr = &socket}};
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket.fd_, &event) != 0) return -errno;
        socket.registered_ = true;
        return 0;
    }

    int wait_for_input(Socket& socket, Op& op, Op::Kind kind) {
        assert(!socket.in_ && !op.pending_);
        const int error = attach(socket);
        if (error != 0) return error;
        op.kind_ = kind;
        op.socket_ = &socket;
        op.pending_ = true;
        socket.in_ = &op;
        return kPending;
    }

    int wait_for_output(Socket& socket, Op& op, Op::Kind kind) {
        assert(!socket.out_ && !op.pending_);
        const int error = attach(socket);
        if (error != 0) return error;
        op.kind_ = kind;
        op.socket_ = &socket;
        op.pending_ = true;
        socket.out_ = &op;
        return kPending;
    }

    int read_now(Socket& socket, Op& op) {
        for (;;) {
            const ssize_t got = ::recv(socket.fd_, scratch_.get(), limits::kEpollReadBytes, 0);
            if (got < 0) {
                if (errno == EINTR) continue;
                if (errno == EAGAIN) socket.found_empty();
                return -errno;
            }
            const bool is_short = static_cast<std::size_t>(got) < limits::kEpollReadBytes;
            if (is_short) socket.found_short();
            op.more_behind_ = is_short && socket.ended_;
            op.buffer_ = scratch_.get();
            return static_cast<int>(got);
        }
    }

    static bool satisfies(Readiness readiness, std::uint32_t events) {
        switch (readiness) {
        case Readiness::readable: return (events & (EPOLLIN | EPOLLRDHUP | kBroken)) != 0;
        case Readiness::writable: return (events & (EPOLLOUT | kBroken)) != 0;
        case Readiness::peer_done: return (events & (EPOLLRDHUP | kBroken)) != 0;
        case Readiness::reset: return (events & kBroken) != 0;
        }
        return false;
    }

    static std::uint32_t current_events(const Socket& socket) {
        pollfd query{.fd = socket.fd_, .events = POLLIN | POLLRDHUP, .revents = 0};
        // poll(2) and epoll share the values of these bits.
        return ::poll(&query, 1, 0) == 1 ? static_cast<std::uint32_t>(query.revents) : 0;
    }

    void dispatch(Socket& socket, std::uint32_t events) {
        if (events & (EPOLLIN | EPOLLRDHUP | EPOLLPRI | kBroken)) {
            socket.readable_ = true;
            if (events & (EPOLLRDHUP | EPOLLPRI | kBroken)) socket.hung_up_ = true;
            if (events & EPOLLRDHUP) socket.ended_ = true;
        }
        if (events & (EPOLLOUT | kBroken)) socket.writable_ = true;
        // The handler of the first may close the socket or start the other: look at the second
        // only if it was waiting before and still is, which close() rules out.
        Op* out = socket.out_;
        if (Op* in = socket.in_) input_ready(socket, *in, events);
        if (out && out->pending_ && out->socket_ == &socket && !out->linked())
            output_ready(socket, *out, events);
    }

    void input_ready(Socket& socket, Op& op, std::uint32_t events) {
        switch (op.kind_) {
        case Op::Kind::accept: accept_all(socket, op); return;
        case Op::Kind::recv: {
            if (!socket.readable_) return;
            const int result = read_now(socket, op);
            if (result == -EAGAIN) return;
            socket.in_ = nullptr;
            op.complete(result);
            return;
        }
        case Op::Kind::poll:
            if (!satisfies(static_cast<Readiness>(op.length_), events)) return;
            socket.in_ = nullptr;
            op.complete(0);
            return;
        default: return;
        }
    }

    void output_ready(Socket& socket, Op& op, std::uint32_t events) {
        if ((events & (EPOLLOUT | kBroken)) == 0) return;
        socket.out_ = nullptr;
        int result = 0;
        if (op.kind_ == Op::Kind::connect && (events & kBroken) != 0) {
            socklen_t length = sizeof result;
            ::getsockopt(socket.fd_, SOL_SOCKET, SO_ERROR, &result, &length);
            result = -result;
        }
        op.complete(result);
    }

    void accept_all(Socket& listener, Op& op) {
        for (int i = 0; i < kAcceptsPerTurn && listener.in_ == &op; i++) {
            const int fd = ::accept4(listener.fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd >= 0) {
                op.handler_(op, fd);
                continue;
            }
            if (errno == EAGAIN) return;
            if (is_lost_connection(errno)) continue;
            listener.in_ = nullptr;
            op.complete(-errno);
            return;
        }
        // More may wait, of which no edge would tell.
        if (listener.in_ == &op) rearm(listener);
    }

    // Reports the present state again, as the first EPOLL_CTL_ADD did.
    int rearm(Socket& socket) {
        epoll_event event{.events = kEvents, .data = {.ptr = &socket}};
        return ::epoll_ctl(epoll_, EPOLL_CTL_MOD, socket.fd_, &event) == 0 ? 0 : -errno;
    }

    void forget(Socket& socket) {
        for (int i = batch_next_; i < batch_end_; i++)
            if (events_[static_cast<std::size_t>(i)].data.ptr == &socket)
                events_[static_cast<std::size_t>(i)].data.ptr = nullptr;
    }

    DeferQueue& deferred_;
    int epoll_;
    std::unique_ptr<std::byte[]> scratch_;
    std::array<epoll_event, kEventsPerWait> events_;
    int batch_next_ = 0;
    int batch_end_ = 0;
};

std::unique_ptr<Engine> make_epoll_engine(DeferQueue& deferred) {
    return std::make_unique<EpollEngine>(deferred);
}

}  // namespace neosocksd::io
