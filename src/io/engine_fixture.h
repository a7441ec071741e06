// What the tests of src/io share: a fixture that runs a test on both engines, an operation that
// records what became of it, and sockets.
//
//   using RecvTest = EngineTest;
//   TEST_P(RecvTest, reads_what_is_there) { ... loop ... }
//   ON_BOTH_ENGINES(RecvTest);
//
// NEOSOCKSD_IO=epoll or =uring in the environment restricts the engines. Where io_uring does not
// work its rows fail rather than vanish, unless the environment says epoll. Waits end when what
// they wait for has happened; the deadline only bounds a failure.

#pragma once

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "io/loop.h"

namespace neosocksd::io {

inline std::vector<EngineChoice> engines_under_test() {
    const char* only = std::getenv("NEOSOCKSD_IO");
    const std::string_view name = only ? only : "";
    if (name == "epoll") return {EngineChoice::epoll};
    if (name == "uring") return {EngineChoice::uring};
    return {EngineChoice::epoll, EngineChoice::uring};
}

inline std::string engine_name(const ::testing::TestParamInfo<EngineChoice>& info) {
    return info.param == EngineChoice::epoll ? "epoll" : "uring";
}

#define ON_BOTH_ENGINES(SUITE)                                                                    \
    INSTANTIATE_TEST_SUITE_P(, SUITE, ::testing::ValuesIn(::neosocksd::io::engines_under_test()), \
                             ::neosocksd::io::engine_name)

inline constexpr std::chrono::seconds kFailureBound{30};

// Turns the loop until `done`; false if that never happens.
template <typename Done>
bool run_until(Loop& loop, Done done) {
    const auto bound = Clock::now() + kFailureBound;
    while (!done()) {
        if (Clock::now() > bound) return false;
        loop.run_once(std::chrono::milliseconds(200));
    }
    return true;
}

// Gives everything that has happened a chance to be noticed, without waiting for more.
inline void turn(Loop& loop, int turns = 4) {
    for (int i = 0; i < turns; i++) loop.run_once(Duration::zero());
}

// The seed of a randomized test: printed, and taken from NEOSOCKSD_SEED to repeat a failure.
inline unsigned test_seed() {
    const char* given = std::getenv("NEOSOCKSD_SEED");
    const unsigned seed = given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                                : static_cast<unsigned>(Clock::now().time_since_epoch().count());
    std::printf("NEOSOCKSD_SEED=%u\n", seed);
    return seed;
}

// Bytes in which a lost or moved part shows.
inline std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; i++) text[i] = static_cast<char>(i * 7 + i / 251);
    return text;
}

// A socket that its engine closes at the end of the test.
class OpenSocket : public Socket {
public:
    OpenSocket(Loop& loop, int fd) : loop_(loop) { adopt(fd); }
    ~OpenSocket() {
        if (is_open()) loop_.engine().close(*this);
    }

private:
    Loop& loop_;
};

// A descriptor of the test itself: the far end that no loop knows. Blocking.
class Peer {
public:
    explicit Peer(int fd = -1) : fd_(fd) {}
    Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Peer& operator=(Peer&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Peer() { close(); }

    int fd() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    void send(std::string_view bytes, int flags = 0) {
        ASSERT_EQ(::send(fd_, bytes.data(), bytes.size(), flags | MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    }
    void finish() { ASSERT_EQ(::shutdown(fd_, SHUT_WR), 0); }
    void reset() {
        reset_on_close(fd_);
        close();
    }

private:
    int fd_;
};

inline void set_nonblocking(int fd) {
    int on = 1;
    ASSERT_EQ(::ioctl(fd, FIONBIO, &on), 0);
}

// `near` is non-blocking, for a Socket; `far` blocks.
struct Pair {
    int near = -1;
    Peer far;
};

inline Pair unix_pair() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    set_nonblocking(fds[0]);
    return {fds[0], Peer(fds[1])};
}

class Listener {
public:
    explicit Listener(int backlog = 4096) : fd_(open_tcp_socket(AF_INET)) {
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::bind(fd_.fd(), reinterpret_cast<sockaddr*>(&any), sizeof any) != 0) std::abort();
        if (::listen(fd_.fd(), backlog) != 0) std::abort();
        endpoint_ = *local_endpoint(fd_.fd());
    }
    int fd() const { return fd_.fd(); }
    int release() { return fd_.release(); }
    const Endpoint& endpoint() const { return endpoint_; }

    // A blocking client, connected as far as the kernel goes without accept.
    Peer connect() const {
        Peer peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_storage address;
        const socklen_t length = endpoint_.to_sockaddr(address);
        if (::connect(peer.fd(), reinterpret_cast<sockaddr*>(&address), length) != 0)
            std::perror("connect");
        return peer;
    }
    // Waits for a client; the far end of its connection, blocking.
    Peer accept() const {
        pollfd waiting{.fd = fd(), .events = POLLIN, .revents = 0};
        ::poll(&waiting, 1, -1);
        return Peer(::accept4(fd(), nullptr, nullptr, SOCK_CLOEXEC));
    }

private:
    Peer fd_;
    Endpoint endpoint_;
};

inline Pair tcp_pair() {
    const Listener listener;
    Peer far = listener.connect();
    const int near = listener.accept().release();
    if (near < 0) std::abort();
    set_nonblocking(near);
    return {near, std::move(far)};
}

// Waits in the kernel, not in the loop, until the descriptor shows these events.
inline void await_events(int fd, short events) {
    pollfd query{.fd = fd, .events = events, .revents = 0};
    do {
        ASSERT_EQ(::poll(&query, 1, 30'000), 1);
    } while ((query.revents & events) != events);
}

// An operation that records its results. An immediate result and a late one look the same.
class TestOp : public Op {
public:
    explicit TestOp(Loop& loop) : Op(&TestOp::finished), loop_(loop) {}
    ~TestOp() {
        give_back();
        if (!pending()) return;
        then = nullptr;
        loop_.engine().cancel(*this);
        run_until(loop_, [&] { return !pending(); });
        for (const int fd : accepted) ::close(fd);
        give_back();
    }

    void recv(Socket& socket) {
        kind_ = Kind::recv;
        start([&] { return loop_.engine().recv(socket, *this); });
    }
    void send(Socket& socket, std::string_view bytes) {
        kind_ = Kind::send;
        start([&] { return loop_.engine().send(socket, std::as_bytes(std::span(bytes)), *this); });
    }
    void connect(Socket& socket, const Endpoint& to) {
        kind_ = Kind::connect;
        sockaddr_storage address;
        const socklen_t length = to.to_sockaddr(address);
        start([&] {
            return loop_.engine().connect(socket, reinterpret_cast<sockaddr*>(&address), length,
                                          *this);
        });
        // The engine was to copy it.
        std::memset(&address, 0xee, sizeof address);
    }
    void poll(Socket& socket, Readiness readiness) {
        kind_ = Kind::poll;
        start([&] { return loop_.engine().poll(socket, readiness, *this); });
    }
    void accept(Socket& listener) {
        kind_ = Kind::accept;
        start([&] { return loop_.engine().accept(listener, *this); });
    }
    // Completes with `value` by way of the loop's queue alone.
    void defer(int value) {
        kind_ = Kind::none;
        start([&] {
            loop_.defer(*this, value);
            return kPending;
        });
    }
    void cancel() {
        const int before = completions;
        loop_.engine().cancel(*this);
        EXPECT_EQ(before, completions) << "completed inside cancel()";
    }
    // Until the operation that was started last has completed; its result.
    int wait() {
        if (!run_until(loop_, [&] { return !running_; })) ADD_FAILURE() << "does not complete";
        return result;
    }
    bool running() const { return running_; }
    // Gives a held loan back.
    void give_back() {
        if (std::exchange(holds_, false)) loop_.engine().give_back(*this);
    }

    int completions = 0;
    int result = 0;
    std::string received;       // all bytes of all receives
    std::vector<int> accepted;  // open descriptors
    bool hold_loan = false;
    std::function<void()> then;  // runs at each late completion and accepted connection

private:
    enum class Kind { none, recv, send, connect, poll, accept };

    template <typename Call>
    void start(Call call) {
        ASSERT_FALSE(running_);
        running_ = starting_ = true;
        const int immediate = call();
        starting_ = false;
        if (immediate == kPending) {
            EXPECT_TRUE(pending());
        } else {
            EXPECT_FALSE(pending());
            completed(immediate);
        }
    }
    static void finished(Op& op, int result) {
        auto& self = static_cast<TestOp&>(op);
        EXPECT_FALSE(self.starting_) << "completed inside the starting call";
        if (self.kind_ == Kind::accept && result >= 0) {
            self.accepted.push_back(result);
        } else {
            EXPECT_TRUE(self.running_) << "completed twice";
            EXPECT_FALSE(self.pending());
            self.completed(result);
        }
        // A copy: the action may replace itself, or end the operation.
        const auto action = self.then;
        if (action) action();
    }
    void completed(int value) {
        running_ = false;
        completions++;
        result = value;
        if (kind_ != Kind::recv || value <= 0) return;
        received.append(reinterpret_cast<const char*>(data()), static_cast<std::size_t>(value));
        if (hold_loan)
            holds_ = true;
        else
            loop_.engine().give_back(*this);
    }

    Loop& loop_;
    Kind kind_ = Kind::none;
    bool running_ = false;
    bool starting_ = false;
    bool holds_ = false;
};

class EngineTest : public ::testing::TestWithParam<EngineChoice> {
protected:
    bool on_uring() const { return GetParam() == EngineChoice::uring; }

    Loop loop{GetParam()};
};

}  // namespace neosocksd::io
