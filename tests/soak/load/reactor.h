// One epoll loop with timers for thousands of objects. An object is known by its number, so that an
// event or a timer that comes too late for it finds nobody.

#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <queue>
#include <unordered_map>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace neosocksd::soak {

[[noreturn]] inline void die(const char* what) {
    std::fprintf(stderr, "soak_load: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

inline double now_s() {
    using namespace std::chrono;
    return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// A descriptor that is closed once; reset() closes it with a RST.
class Fd {
public:
    explicit Fd(int fd = -1) : fd_(fd) {}
    ~Fd() { close(); }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    int get() const { return fd_; }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    void reset() {
        const linger hard{1, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close();
    }

private:
    int fd_;
};

class Reactor;

class Actor {
public:
    explicit Actor(Reactor& reactor) : reactor(reactor) {}
    virtual ~Actor() = default;
    Actor(const Actor&) = delete;
    Actor& operator=(const Actor&) = delete;

    // `which`: what watch() was given. May destroy the actor, by Reactor::remove() and return.
    virtual void ready(unsigned which, std::uint32_t events) = 0;
    virtual void timer() {}

    Reactor& reactor;
    std::uint64_t number = 0;
};

class Reactor {
public:
    Reactor() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
        if (epoll_ < 0) die("epoll_create1");
    }

    template <typename T, typename... Arguments>
    T& add(Arguments&&... arguments) {
        auto made = std::make_unique<T>(*this, std::forward<Arguments>(arguments)...);
        T& actor = *made;
        actor.number = ++last_number_;
        actors_.emplace(actor.number, std::move(made));
        return actor;
    }
    // Now: the caller must touch nothing of it any more.
    void remove(Actor& actor) { actors_.erase(actor.number); }
    std::size_t size() const { return actors_.size(); }

    template <typename Function>
    void for_each(Function&& function) {  // may remove
        std::vector<std::uint64_t> numbers;
        numbers.reserve(actors_.size());
        for (const auto& [number, actor] : actors_) numbers.push_back(number);
        for (const auto number : numbers)
            if (const auto found = actors_.find(number); found != actors_.end())
                function(*found->second);
    }

    void watch(Actor& actor, int fd, unsigned which, std::uint32_t events, bool first = false) {
        epoll_event event{};
        event.events = events;
        event.data.u64 = actor.number * 4 + which;
        if (::epoll_ctl(epoll_, first ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0)
            die("epoll_ctl");
    }
    void start_timer(Actor& actor, double delay) { timers_.push({now_s() + delay, actor.number}); }

    void turn(double limit) {
        if (!timers_.empty()) limit = std::min(limit, timers_.top().due - now_s());
        epoll_event events[256];
        const int count = ::epoll_wait(epoll_, events, 256, limit <= 0 ? 0 : int(limit * 1000) + 1);
        for (int i = 0; i < count; i++) {
            const auto found = actors_.find(events[i].data.u64 / 4);
            if (found != actors_.end())
                found->second->ready(unsigned(events[i].data.u64 % 4), events[i].events);
        }
        for (const double now = now_s(); !timers_.empty() && timers_.top().due <= now;) {
            const auto found = actors_.find(timers_.top().number);
            timers_.pop();
            if (found != actors_.end()) found->second->timer();
        }
    }

private:
    struct Due {
        double due;
        std::uint64_t number;
        bool operator<(const Due& other) const { return due > other.due; }
    };

    int epoll_;
    std::uint64_t last_number_ = 0;
    std::unordered_map<std::uint64_t, std::unique_ptr<Actor>> actors_;
    std::priority_queue<Due> timers_;
};

inline sockaddr_in loopback(std::uint32_t last, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(0x7f000000 + last);
    return address;
}

// A non-blocking socket that is being connected to 127.0.0.`last`, or -1. `from` spreads the ports
// of a client over several addresses.
inline int dial(std::uint32_t last, std::uint16_t port, std::uint32_t from = 1) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const sockaddr_in source = loopback(from, 0);
    const sockaddr_in address = loopback(last, port);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) == 0 &&
        (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno == EINPROGRESS))
        return fd;
    ::close(fd);
    return -1;
}

// Listens on every address of this machine; -1 if the port is taken.
inline int listen_on(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::listen(fd, 8192) == 0)
        return fd;
    ::close(fd);
    return -1;
}

// The same on some port that no outgoing connection takes while its owner is away for a moment.
inline int listen_somewhere(std::uint16_t& port) {
    std::uint64_t dice = std::uint64_t(::getpid());
    for (int i = 0; i < 1000; i++) {
        dice = dice * 6364136223846793005 + 1442695040888963407;
        port = std::uint16_t(20000 + (dice >> 33) % 12000);
        if (const int fd = listen_on(port); fd >= 0) return fd;
    }
    die("listen");
}

}  // namespace neosocksd::soak
