// One thread of the load generator: an epoll loop that plays the script on its share of the
// connections, each with one operation in flight (a closed loop: the next starts when the last has
// ended). Sessions and round trips are timed one by one; bulk bytes are only counted. With a rate,
// each connection has its own timetable; one that is late goes on at once and makes a new one.

#pragma once

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <queue>
#include <string>
#include <vector>

#include "bulk_source.h"
#include "connection.h"
#include "handshake.h"
#include "options.h"
#include "util.h"

namespace neosocksd::bench {

class Worker {
public:
    Worker(const LoadOptions& options, const Script& script, Stage& stage, int first, int count)
        : options_(options),
          stage_(stage),
          script_(script),
          connections_(static_cast<size_t>(count)),
          buffer_(std::max<size_t>(options.size, 64 << 10), 0),
          period_ns_(options.rate > 0
                         ? static_cast<uint64_t>(options.connections * 1e9 / options.rate)
                         : 0) {
        for (int i = 0; i < count; i++) {
            connections_[static_cast<size_t>(i)].slot = static_cast<uint32_t>(i);
            connections_[static_cast<size_t>(i)].number = static_cast<uint32_t>(first + i);
        }
    }

    Tally tally;
    std::atomic<int> ready{0}, failed{0};  // tunnels

    void run() {
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        std::vector<epoll_event> events(512);
        begin_tunnels();
        uint64_t last_scan = now_ns();
        while (stage_.phase.load(std::memory_order_relaxed) != Phase::stop) {
            const int n = wait(events);
            for (int i = 0; i < n; i++) {
                const epoll_event& event = events[static_cast<size_t>(i)];
                Connection& connection = connections_[event.data.u32];
                if (connection.fd >= 0 && !connection.paused) drive(connection, event.events);
            }
            if (!paused_.empty()) run_paused();
            if (!retries_.empty()) run_retries();
            if (begin_more_) {
                begin_more_ = false;
                begin_tunnels();
            }
            if (n == 0 || ++turns_ % 1024 == 0) {
                const uint64_t now = now_ns();
                if (now - last_scan > kNanoseconds / 2) {
                    last_scan = now;
                    find_timeouts(now);
                }
            }
        }
        finish();
    }

private:
    int wait(std::vector<epoll_event>& events) const {
        uint64_t patience = retries_.empty() ? 50'000'000 : 5'000'000;
        if (!paused_.empty()) {
            const uint64_t now = now_ns(), due = paused_.top()->due_ns;
            patience = std::min(patience, due > now ? due - now : 0);
        }
        const timespec timeout{0, static_cast<long>(patience)};
        return epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout,
                            nullptr);
    }

    // False if the rate says that the next operation has to wait.
    bool may_go_on(Connection& connection) {
        if (!period_ns_) return true;
        const uint64_t now = now_ns();
        if (connection.due_ns == 0)  // spread over the period
            connection.due_ns = now + period_ns_ * connection.slot / connections_.size();
        else
            connection.due_ns = std::max(connection.due_ns + period_ns_, now);
        if (connection.due_ns <= now) return true;
        connection.paused = true;
        paused_.push(&connection);
        return false;
    }

    void run_paused() {
        while (!paused_.empty() && paused_.top()->due_ns <= now_ns()) {
            Connection& connection = *paused_.top();
            paused_.pop();
            connection.paused = false;
            if (options_.mode == Mode::cps) {
                restart(connection);
            } else {
                connection.started_ns = now_ns();
                drive(connection, 0);
            }
        }
    }

    bool measuring() const {
        return stage_.phase.load(std::memory_order_relaxed) == Phase::measuring;
    }

    // Tunnels are set up a few at a time, or thousands of SYNs would overflow the proxy's backlog.
    void begin_tunnels() {
        const int limit = options_.mode == Mode::cps
                              ? static_cast<int>(connections_.size())
                              : std::max(1, options_.setup_parallel / options_.threads);
        while (next_ < connections_.size() && in_setup_ < limit) {
            Connection& connection = connections_[next_++];
            in_setup_++;
            connection.in_setup = true;
            start(connection);
        }
    }

    // A different one each time: 127.0.0.2 to 127.0.0.250.
    uint32_t source_address(const Connection& connection) {
        return options_.spread ? 0x7f000002u + (connection.number + rotation_++ * 7u) % 249u : 0;
    }

    void set_interest(Connection& connection, uint32_t interest) {
        if (connection.interest == interest) return;
        epoll_event event{};
        event.events = interest;
        event.data.u32 = connection.slot;
        epoll_ctl(epoll_, connection.interest ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, connection.fd,
                  &event);
        connection.interest = interest;
    }

    void start(Connection& connection) {
        connection.started_ns = now_ns();
        connection.step = connection.sent = connection.received = 0;
        connection.sending = true;
        connection.streaming = false;
        connection.interest = 0;
        connection.fd =
            connect_client(script_.peer, source_address(connection), options_.mode != Mode::cps);
        if (connection.fd < 0) return fail(connection, tally.connect_errors, "connect");
        drive(connection, 0);
    }

    // Takes the connection as far as it goes without waiting. Edge-triggered: a descriptor is left
    // only after EAGAIN, or right after a send whose reply cannot be there yet.
    void drive(Connection& connection, uint32_t events) {
        if (connection.streaming) return stream(connection);
        for (;;) {
            if (connection.step >= script_.steps.size()) return await_end(connection);
            const Step& step = script_.steps[connection.step];
            if (connection.sending) {
                if (!send_message(connection, step)) return;
                if (step.reply == Reply::none) {
                    if (!next_step(connection)) return;
                    continue;
                }
                if (!(connection.interest & EPOLLIN)) {
                    set_interest(connection, EPOLLIN | EPOLLET);  // reports what is there already
                    return;
                }
                if (!(events & EPOLLIN)) return;
            }
            if (!read_reply(connection, step) || !next_step(connection)) return;
            events = 0;
        }
    }

    // An idle tunnel hears nothing; a session that closes by EOF hears just that.
    void await_end(Connection& connection) {
        const ssize_t n = recv(connection.fd, connection.reply, sizeof connection.reply, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n == 0 && options_.mode == Mode::cps) return session_done(connection);
        if (n >= 0) errno = 0;
        fail(connection, tally.io_errors, n == 0 ? "unexpected EOF" : "unexpected data");
    }

    // True when the whole message is out.
    bool send_message(Connection& connection, const Step& step) {
        const ssize_t n = send(connection.fd, step.message.data() + connection.sent,
                               step.message.size() - connection.sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            fail(connection, connection.step == 0 ? tally.connect_errors : tally.io_errors, "send");
            return false;
        }
        if (n > 0) connection.sent += static_cast<size_t>(n);
        if (connection.sent < step.message.size()) {
            set_interest(connection, EPOLLIN | EPOLLOUT | EPOLLET);
            return false;
        }
        connection.sending = false;
        connection.received = 0;
        return true;
    }

    // True when the whole reply is in and right.
    bool read_reply(Connection& connection, const Step& step) {
        const bool handshake = connection.step < script_.handshake_steps;
        uint64_t& counter = handshake ? tally.handshake_errors : tally.io_errors;
        const bool pattern = step.reply == Reply::pattern;
        char* into = pattern ? buffer_.data() : connection.reply + connection.received;
        const size_t room =
            (pattern ? options_.size : sizeof connection.reply) - connection.received;
        errno = 0;
        if (room == 0) return fail(connection, counter, "reply too long"), false;
        const ssize_t n = recv(connection.fd, into, room, 0);
        if (n < 0 && errno == EAGAIN) return false;
        if (n <= 0) return fail(connection, counter, n == 0 ? "early EOF" : "recv"), false;
        const auto size = static_cast<size_t>(n);
        Verdict verdict;
        if (pattern) {
            const bool same =
                std::memcmp(into, script_.pattern.data() + connection.received, size) == 0;
            connection.received += size;
            verdict = !same                                 ? Verdict::refused
                      : connection.received < options_.size ? Verdict::incomplete
                                                            : Verdict::complete;
        } else {
            connection.received += size;
            verdict = check_reply(step, {connection.reply, connection.received});
        }
        if (verdict == Verdict::refused)
            fail(connection, counter, handshake ? "refused by the proxy" : "wrong data");
        if (verdict == Verdict::too_long) fail(connection, counter, "more bytes than expected");
        return verdict == Verdict::complete;
    }

    // Moves on; false when there is nothing more to do right now.
    bool next_step(Connection& connection) {
        connection.step++;
        connection.sent = connection.received = 0;
        connection.sending = true;
        const bool script_over = connection.step >= script_.steps.size();
        switch (options_.mode) {
        case Mode::cps:
            if (!script_over || options_.close_by_eof) return true;
            session_done(connection);
            return false;
        case Mode::rr:
            if (connection.step > script_.handshake_steps) {
                if (connection.ready)
                    operation_done(connection);
                else
                    tunnel_ready(connection);
                connection.step = script_.steps.size() - 1;  // again and again
                if (!may_go_on(connection)) return false;
            }
            if (connection.step >= script_.handshake_steps) connection.started_ns = now_ns();
            return true;
        case Mode::idle:
            if (!script_over) return true;
            tunnel_ready(connection);
            return false;
        case Mode::up:
        case Mode::down:
            if (!script_over) return true;
            connection.streaming = true;
            connection.started_ns = now_ns();
            set_interest(connection, options_.mode == Mode::up ? EPOLLOUT : EPOLLIN);
            if (options_.mode == Mode::up) tunnel_ready(connection);
            return false;
        }
        return false;
    }

    void stream(Connection& connection) {
        for (int i = 0; i < 4; i++) {  // then the others get their turn
            const ssize_t n =
                options_.mode == Mode::up
                    ? send_zeros(connection.fd, buffer_.data(), options_.size, options_.source)
                    : recv(connection.fd, buffer_.data(), options_.size,
                           options_.discard ? MSG_TRUNC : 0);
            if (n < 0 && errno == EAGAIN) return;
            if (n == 0) errno = 0;
            if (n <= 0)
                return fail(connection, tally.io_errors, n == 0 ? "EOF in the stream" : "stream");
            tunnel_ready(connection);
            if (measuring()) {
                tally.bytes += static_cast<uint64_t>(n);
                tally.operations++;
            }
            if (static_cast<size_t>(n) < options_.size) return;
        }
    }

    void operation_done(const Connection& connection) {
        if (!measuring()) return;
        tally.operations++;
        tally.latency_ns.add(now_ns() - connection.started_ns);
    }

    void tunnel_ready(Connection& connection) {
        if (connection.ready) return;
        connection.ready = true;
        connection.failures = 0;
        leave_setup(connection);
        ready.fetch_add(1, std::memory_order_relaxed);
    }

    void leave_setup(Connection& connection) {
        if (!connection.in_setup) return;
        connection.in_setup = false;
        in_setup_--;
        begin_more_ = true;  // from run(), not from within another connection's turn
    }

    void session_done(Connection& connection) {
        operation_done(connection);
        connection.failures = 0;
        close(connection.fd);
        connection.fd = -1;
        if (may_go_on(connection)) restart(connection);
    }

    // A session may end within start() itself; the queue turns that recursion into a loop.
    void restart(Connection& connection) {
        restarts_.push_back(&connection);
        if (restarting_) return;
        restarting_ = true;
        while (!restarts_.empty()) {
            Connection* next = restarts_.back();
            restarts_.pop_back();
            start(*next);
        }
        restarting_ = false;
    }

    void fail(Connection& connection, uint64_t& counter, const char* what) {
        const int cause = errno;
        (measuring() ? counter : tally.setup_errors)++;
        if (!stage_.error_shown.exchange(true))
            note("first error: %s (%s), step %zu, connection %u", what,
                 cause ? std::strerror(cause) : "-", connection.step, connection.number);
        if (connection.fd >= 0) close(connection.fd);
        connection.fd = -1;
        connection.failures++;
        if (options_.mode != Mode::cps) {
            if (connection.ready) {  // a tunnel that broke is not mended: it shows in the result
                ready.fetch_sub(1, std::memory_order_relaxed);
                failed.fetch_add(1, std::memory_order_relaxed);
                return;
            }
            if (connection.failures > 5) {
                leave_setup(connection);
                failed.fetch_add(1, std::memory_order_relaxed);
                return;
            }
        }
        connection.retry_at_ns = now_ns() + (connection.failures > 1 ? 20'000'000 : 2'000'000);
        retries_.push_back(&connection);
    }

    void run_retries() {
        const uint64_t now = now_ns();
        const auto due = std::partition(retries_.begin(), retries_.end(),
                                        [&](const auto* c) { return c->retry_at_ns > now; });
        const std::vector<Connection*> ready_again(due, retries_.end());
        retries_.erase(due, retries_.end());
        for (Connection* connection : ready_again) restart(*connection);
    }

    // Streams and idle tunnels have no operation that could time out once they stand.
    bool has_operation(const Connection& connection) const {
        return connection.fd >= 0 && !connection.paused &&
               (!connection.ready || options_.mode == Mode::rr);
    }

    void find_timeouts(uint64_t now) {
        const auto limit = static_cast<uint64_t>(options_.operation_timeout_s * 1e9);
        for (Connection& connection : connections_) {
            if (!has_operation(connection) || now < connection.started_ns + limit) continue;
            errno = ETIMEDOUT;
            fail(connection, tally.timeouts, "timeout");
        }
    }

    void finish() {
        const uint64_t window_start = stage_.window_start_ns.load(std::memory_order_relaxed);
        for (Connection& connection : connections_) {
            if (has_operation(connection) && connection.started_ns < window_start) tally.stalled++;
            if (connection.fd >= 0) close(connection.fd);
        }
        close(epoll_);
    }

    const LoadOptions& options_;
    Stage& stage_;
    const Script& script_;
    std::vector<Connection> connections_;
    std::vector<Connection*> retries_, restarts_;
    std::vector<char> buffer_;
    struct Later {
        bool operator()(const Connection* a, const Connection* b) const {
            return a->due_ns > b->due_ns;
        }
    };
    std::priority_queue<Connection*, std::vector<Connection*>, Later> paused_;
    const uint64_t period_ns_;  // between two operations of a connection
    size_t next_ = 0;           // the first connection not yet begun
    int in_setup_ = 0, epoll_ = -1;
    uint32_t rotation_ = 0;
    uint64_t turns_ = 0;
    bool restarting_ = false, begin_more_ = false;
};

}  // namespace neosocksd::bench
