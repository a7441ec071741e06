// The server behind the proxy. The first byte of a connection says what it is to do:
//
//   X  send one byte and close     (a short session)
//   E  echo everything             (round trips, idle tunnels)
//   S  swallow everything          (upload)
//   G  send zeros for ever         (download)
//
// It costs as little as it can, so that the proxy is what is measured: the swallowed bytes are not
// copied out of the kernel (MSG_TRUNC) unless asked for.

#pragma once

#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bulk_source.h"
#include "util.h"

namespace neosocksd::bench {

struct BackendOptions {
    sockaddr_in listen{};
    int threads = 1;
    BulkSource source = BulkSource::copy;
    bool discard = true;  // swallow without copying
};

class BackendThread {
public:
    explicit BackendThread(const BackendOptions& options) : options_(options) {
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (listener_ < 0) die("socket: %s", std::strerror(errno));
        const int on = 1;
        setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (options_.threads > 1) setsockopt(listener_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
        setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // inherited by accept
        if (bind(listener_, reinterpret_cast<const sockaddr*>(&options_.listen),
                 sizeof options_.listen) != 0)
            die("bind: %s", std::strerror(errno));
        if (listen(listener_, 4096) != 0) die("listen: %s", std::strerror(errno));
    }

    [[noreturn]] void run() {
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        watch(listener_);
        std::vector<epoll_event> events(512);
        for (;;) {
            const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < n; i++) {
                const epoll_event& event = events[static_cast<size_t>(i)];
                if (event.data.fd == listener_) {
                    accept_some();
                    continue;
                }
                auto& connection = connections_[static_cast<size_t>(event.data.fd)];
                if (!handle(*connection, event.events)) {
                    close(connection->fd);
                    connection.reset();
                }
            }
        }
    }

private:
    struct Served {
        int fd = -1;
        char mode = 0;
        uint32_t interest = EPOLLIN;
        std::string unsent;  // of an echo
        size_t sent = 0;
    };

    void accept_some() {
        for (int i = 0; i < 64; i++) {
            const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) {
                if (errno == EMFILE || errno == ENFILE) {
                    note("backend: accept: %s", std::strerror(errno));
                    usleep(10000);
                }
                return;
            }
            const auto index = static_cast<size_t>(fd);
            if (index >= connections_.size()) connections_.resize(index + 1);
            connections_[index] = std::make_unique<Served>();
            connections_[index]->fd = fd;
            watch(fd);
        }
    }

    void watch(int fd) const {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }

    void set_interest(Served& connection, uint32_t interest) {
        if (connection.interest == interest) return;
        connection.interest = interest;
        epoll_event event{};
        event.events = interest;
        event.data.fd = connection.fd;
        epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
    }

    // The functions below return false when the connection is over.

    bool handle(Served& connection, uint32_t events) {
        switch (connection.mode) {
        case 'G': return !(events & (EPOLLERR | EPOLLHUP)) && send_bulk(connection);
        case 'S': return swallow(connection);
        case 'E':
            return connection.unsent.empty() ? echo(connection) : continue_echo(connection, events);
        default: return begin(connection);
        }
    }

    bool begin(Served& connection) {
        const ssize_t n = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
        if (n < 0) return errno == EAGAIN;
        if (n == 0) return false;
        connection.mode = buffer_[0];
        switch (connection.mode) {
        case 'X': send(connection.fd, "x", 1, MSG_NOSIGNAL); return false;
        case 'G': return send_bulk(connection);
        case 'S': return true;
        case 'E':
            return n == 1 || send_back(connection, buffer_.data() + 1, static_cast<size_t>(n - 1));
        default: return false;
        }
    }

    bool echo(Served& connection) {
        const ssize_t n = recv(connection.fd, buffer_.data(), buffer_.size(), 0);
        if (n < 0) return errno == EAGAIN;
        return n != 0 && send_back(connection, buffer_.data(), static_cast<size_t>(n));
    }

    bool send_back(Served& connection, const char* bytes, size_t size) {
        ssize_t n = send(connection.fd, bytes, size, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno != EAGAIN) return false;
            n = 0;
        }
        if (static_cast<size_t>(n) < size) {
            connection.unsent.assign(bytes + n, size - static_cast<size_t>(n));
            connection.sent = 0;
            set_interest(connection, EPOLLOUT);
        }
        return true;
    }

    bool continue_echo(Served& connection, uint32_t events) {
        if (events & (EPOLLERR | EPOLLHUP)) return false;
        const ssize_t n = send(connection.fd, connection.unsent.data() + connection.sent,
                               connection.unsent.size() - connection.sent, MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN;
        connection.sent += static_cast<size_t>(n);
        if (connection.sent == connection.unsent.size()) {
            connection.unsent.clear();
            set_interest(connection, EPOLLIN);
        }
        return true;
    }

    bool swallow(Served& connection) {
        for (int i = 0; i < kTurns; i++) {
            const ssize_t n = recv(connection.fd, buffer_.data(), buffer_.size(),
                                   options_.discard ? MSG_TRUNC : 0);
            if (n < 0) return errno == EAGAIN;
            if (n == 0) return false;
            if (static_cast<size_t>(n) < buffer_.size()) break;
        }
        return true;
    }

    bool send_bulk(Served& connection) {
        for (int i = 0; i < kTurns; i++) {
            const ssize_t n =
                send_zeros(connection.fd, zeros_.data(), zeros_.size(), options_.source);
            if (n < 0 && errno != EAGAIN) return false;
            if (n < static_cast<ssize_t>(zeros_.size())) break;
        }
        set_interest(connection, EPOLLOUT);
        return true;
    }

    static constexpr int kTurns = 4;  // calls for one connection before the others get theirs

    const BackendOptions& options_;
    int listener_ = -1, epoll_ = -1;
    std::vector<std::unique_ptr<Served>> connections_;  // by descriptor
    std::vector<char> buffer_ = std::vector<char>(1 << 20);
    std::vector<char> zeros_ = std::vector<char>(256 << 10, 0);
};

[[noreturn]] inline void run_backend(const BackendOptions& options) {
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    if (options.source == BulkSource::sendfile) zeros_memfd();
    std::vector<std::unique_ptr<BackendThread>> backends;
    backends.reserve(static_cast<size_t>(options.threads));
    for (int i = 0; i < options.threads; i++)
        backends.push_back(std::make_unique<BackendThread>(options));
    note("backend: listening, %d thread(s)", options.threads);
    std::vector<std::thread> threads;
    threads.reserve(backends.size());
    for (size_t i = 1; i < backends.size(); i++)
        threads.emplace_back([&backend = *backends[i]] { backend.run(); });
    backends[0]->run();
}

}  // namespace neosocksd::bench
