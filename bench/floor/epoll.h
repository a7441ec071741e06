// The floor with epoll: what a session, a round trip and a gigabyte cost when nothing is done but
// the system calls that cannot be left out.
//
//   session      accept4 recv send | recv socket connect | send | recv send | recv send close close
//                and two epoll_ctl: each socket is registered once, edge-triggered
//   round trip   recv send | recv send
//   bulk         splice in, splice out, through a pipe of 1 MiB, once for each time it is woken
//
// A bar is where it waits, in one epoll_wait for all. A short read tells that nothing is left, and
// EPOLLRDHUP beside it that nothing follows: neither needs another call to find out. A short splice
// tells nothing, so the end that bulk comes from is watched by level: while others have their turn,
// more comes together.

#pragma once

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <vector>

#include "common.h"

namespace neosocksd::bench {

class EpollFloor {
public:
    explicit EpollFloor(const FloorOptions& options)
        : options_(options), ends_(1 << 16), buffer_(1 << 16) {}

    [[noreturn]] void run() {
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        listener_ = open_listener(options_.listen);
        watch(listener_, EPOLLIN);
        epoll_event events[512];
        for (;;) {
            const int n = epoll_wait(epoll_, events, 512, -1);
            for (int i = 0; i < n; i++) {
                const int fd = static_cast<int>(events[i].data.u64 & 0xffffffff);
                // Closed in this turn, and the number perhaps taken again.
                if (end(fd).generation != events[i].data.u64 >> 32) continue;
                handle(fd, events[i].events);
            }
        }
    }

private:
    enum class State { greeting, request, connecting, relay };

    struct End {
        uint32_t generation = 0;
        int other = -1;
        int pipe[2] = {-1, -1};  // of the end that bulk comes from
        size_t in_pipe = 0;
        State state = State::greeting;
    };

    static constexpr size_t kPipe = 1 << 20;
    static constexpr uint32_t kLevels = EPOLLIN | EPOLLRDHUP, kEdges = kLevels | EPOLLET;

    End& end(int fd) { return ends_[static_cast<size_t>(fd)]; }

    void watch(int fd, uint32_t events, int operation = EPOLL_CTL_ADD) {
        epoll_event event{};
        event.events = events;
        event.data.u64 = uint64_t{end(fd).generation} << 32 | static_cast<uint32_t>(fd);
        expect(epoll_ctl(epoll_, operation, fd, &event) == 0, "epoll_ctl");
    }

    void handle(int fd, uint32_t events) {
        if (fd == listener_) return accept_client();
        if (events & (EPOLLERR | EPOLLHUP)) return close_both(fd);
        End& from = end(fd);
        switch (from.state) {
        case State::greeting: return answer_greeting(fd, true);
        case State::request: return dial_requested(fd);
        case State::connecting:
            if (!(events & EPOLLOUT)) return;
            if (options_.socks) send_all(from.other, kGranted, kGrantedSize);
            from.state = end(from.other).state = State::relay;
            if (from.pipe[0] >= 0) watch(fd, kLevels, EPOLL_CTL_MOD);
            if (end(from.other).pipe[0] >= 0) watch(from.other, kLevels, EPOLL_CTL_MOD);
            if (!options_.socks) relay(from.other, EPOLLIN);
            break;
        case State::relay: break;
        }
        if (from.pipe[0] >= 0) return splice_through(fd, events);
        if (events & (EPOLLIN | EPOLLRDHUP)) relay(fd, events);
        // Room for what waits in the pipe of the other direction.
        if (events & EPOLLOUT && from.other >= 0 && end(from.other).pipe[0] >= 0)
            splice_through(from.other, 0);
    }

    void accept_client() {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        if (options_.socks) {
            end(fd).state = State::greeting;
            answer_greeting(fd, false);
        } else {
            dial(fd, options_.target);
            watch(fd, client_events());
        }
    }

    uint32_t client_events() const {
        return kEdges | (options_.work == Work::download ? uint32_t{EPOLLOUT} : 0);
    }

    // Most often the greeting is there when its connection is.
    void answer_greeting(int fd, bool watched) {
        const ssize_t n = recv(fd, buffer_.data(), buffer_.size(), 0);
        if (n > 0) {
            send_all(fd, kMethod, kMethodSize);
            end(fd).state = State::request;
        } else if (n == 0 || errno != EAGAIN) {
            return close_both(fd);
        }
        if (!watched) watch(fd, client_events());
    }

    void dial_requested(int fd) {
        const ssize_t n = recv(fd, buffer_.data(), buffer_.size(), 0);
        if (n <= 0) return n < 0 && errno == EAGAIN ? void() : close_both(fd);
        dial(fd, requested_target(buffer_.data(), n));
    }

    void dial(int client, const sockaddr_in& target) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        expect(fd >= 0, "socket");
        End& near = end(client);
        End& far = end(fd);
        near.other = fd;
        far.other = client;
        far.state = near.state = State::connecting;
        if (options_.work != Work::sessions) open_pipe(options_.work == Work::upload ? near : far);
        if (connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0)
            expect(errno == EINPROGRESS, "connect");
        watch(fd, kEdges | EPOLLOUT);
    }

    static void open_pipe(End& from) {
        expect(pipe2(from.pipe, O_NONBLOCK | O_CLOEXEC) == 0, "pipe");
        fcntl(from.pipe[0], F_SETPIPE_SZ, kPipe);
        from.in_pipe = 0;
    }

    static void send_all(int fd, const void* bytes, size_t size, int flags = 0) {
        const ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL | flags);
        // A peer that is gone shows at the next event.
        if (n >= 0) expect(static_cast<size_t>(n) == size, "a message did not fit");
    }

    void relay(int fd, uint32_t events) {
        const int other = end(fd).other;
        const bool bulk = end(fd).pipe[0] >= 0;
        if (other < 0 || end(fd).state != State::relay || bulk) return;
        const ssize_t n = recv(fd, buffer_.data(), buffer_.size(), 0);
        const bool drained = n < static_cast<ssize_t>(buffer_.size());
        const bool last = n == 0 || (n < 0 && errno != EAGAIN) || (drained && events & EPOLLRDHUP);
        // The last bytes wait for the FIN, which is then no packet of its own.
        if (n > 0) send_all(other, buffer_.data(), static_cast<size_t>(n), last ? MSG_MORE : 0);
        if (last) close_both(fd);
    }

    void splice_through(int fd, uint32_t events) {
        End& from = end(fd);
        if (from.state != State::relay) return;
        const bool was_full = from.in_pipe > 0;
        ssize_t in = -1;
        if (!was_full && events != 0)
            in = splice(fd, nullptr, from.pipe[1], nullptr, kPipe,
                        SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (in == 0) return close_both(fd);
        if (in > 0) from.in_pipe = static_cast<size_t>(in);
        if (from.in_pipe == 0) return;
        const ssize_t out = splice(from.pipe[0], nullptr, from.other, nullptr, from.in_pipe,
                                   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (out > 0) from.in_pipe -= static_cast<size_t>(out);
        // Nothing more is wanted from here until there is room over there.
        if (const bool is_full = from.in_pipe > 0; is_full != was_full)
            watch(fd, is_full ? 0 : kLevels, EPOLL_CTL_MOD);
    }

    void close_both(int fd) {
        const int other = end(fd).other;
        close_one(fd);
        if (other >= 0) close_one(other);
    }

    void close_one(int fd) {
        End& one = end(fd);
        one.generation++;
        one.other = -1;
        for (int& half : one.pipe) {
            if (half >= 0) close(half);
            half = -1;
        }
        close(fd);
    }

    const FloorOptions& options_;
    std::vector<End> ends_;  // by descriptor
    std::vector<uint8_t> buffer_;
    int epoll_ = -1, listener_ = -1;
};

}  // namespace neosocksd::bench
