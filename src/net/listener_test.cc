#include "net/listener.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "io/task_group.h"
#include "net/bind_listener.h"

namespace neosocksd::net {
namespace {

using namespace std::chrono_literals;

std::vector<io::EngineChoice> engines() {
    const char* wanted = std::getenv("NEOSOCKSD_IO");
    const std::string_view only = wanted ? wanted : "";
    std::vector<io::EngineChoice> result;
    std::string reason;
    if (only != "uring") result.push_back(io::EngineChoice::epoll);
    if (only != "epoll" && io::probe_uring(reason)) result.push_back(io::EngineChoice::uring);
    return result;
}

class ListenerTest : public testing::TestWithParam<io::EngineChoice> {
protected:
    void SetUp() override {
        log::set_output(log::Output::discard);
        auto sockets = bind_listener("127.0.0.1:0", {});
        ASSERT_TRUE(sockets);
        endpoint_ = sockets->endpoint();
        fd_ = sockets->take(0);
    }
    void TearDown() override {
        for (const int fd : clients_) ::close(fd);
        for (const int fd : accepted_) ::close(fd);
        log::set_output(log::Output::standard_out);
    }

    void listen(const Admission* admission = nullptr) {
        listener_.emplace(
            loop_, fd_,
            [this](int fd) {
                accepted_.push_back(fd);
                if (on_accept_) on_accept_();
            },
            admission);
        listener_->start();
    }
    void connect_one() {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ASSERT_GE(fd, 0);
        clients_.push_back(fd);
        sockaddr_storage storage;
        const socklen_t length = endpoint_.to_sockaddr(storage);
        ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&storage), length), 0);
    }
    bool run_until(const std::function<bool()>& done, std::chrono::milliseconds limit = 5s) {
        const auto end = io::Clock::now() + limit;
        while (!done() && io::Clock::now() < end) loop_.run_once(20ms);
        return done();
    }
    bool accepted_become(std::size_t count) {
        return run_until([&] { return accepted_.size() == count; });
    }
    void stop() {
        struct Call {
            static io::Task<void> run(Listener& listener) { co_await listener.stop(); }
        };
        io::TaskGroup group;
        group.spawn(Call::run(*listener_));
        ASSERT_TRUE(run_until([&] { return group.empty(); }));
        listener_.reset();
    }

    io::Loop loop_{GetParam()};
    Endpoint endpoint_;
    int fd_ = -1;
    std::vector<int> clients_;
    std::vector<int> accepted_;
    std::function<void()> on_accept_;
    std::optional<Listener> listener_;
};

TEST_P(ListenerTest, hands_over_every_connection_ready_for_use) {
    for (int i = 0; i < 3; i++) connect_one();
    listen();
    EXPECT_TRUE(accepted_become(3));
    for (int i = 0; i < 200; i++) connect_one();
    EXPECT_TRUE(accepted_become(203));
    for (const int fd : accepted_) {
        EXPECT_TRUE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
        EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
    stop();
}

TEST_P(ListenerTest, stops_and_frees_its_port) {
    listen();
    connect_one();
    EXPECT_TRUE(accepted_become(1));
    stop();
    // The io_uring engine closes in its next turn.
    EXPECT_TRUE(run_until([&] {
        loop_.run_once(1ms);
        return bind_listener(endpoint_.to_string(), {}).has_value();
    }));
}

TEST_P(ListenerTest, stops_without_ever_having_started) {
    listener_.emplace(loop_, fd_, [](int) {}, nullptr);
    stop();
}

TEST_P(ListenerTest, stops_while_connections_arrive) {
    listen();
    for (int i = 0; i < 20; i++) connect_one();
    stop();
    // Each was either handed over or refused by the close; none is lost on the way.
    EXPECT_LE(accepted_.size(), 20u);
}

TEST_P(ListenerTest, pauses_without_room_and_resumes) {
    Admission admission({.descriptors = 4});
    std::vector<Ticket> tickets;
    on_accept_ = [&] {
        auto ticket = admission.admit();
        ASSERT_TRUE(ticket);
        tickets.push_back(std::move(*ticket));
    };
    listen(&admission);
    connect_one();
    connect_one();
    EXPECT_TRUE(accepted_become(2));
    connect_one();
    connect_one();
    run_until([] { return false; }, 300ms);
    EXPECT_EQ(accepted_.size(), 2u);
    EXPECT_EQ(listener_->pauses(), 1u);

    tickets.pop_back();
    EXPECT_TRUE(accepted_become(3));
    run_until([] { return false; }, 300ms);
    EXPECT_EQ(accepted_.size(), 3u);
    EXPECT_EQ(listener_->pauses(), 2u);
    stop();
}

TEST_P(ListenerTest, does_not_spin_while_paused) {
    Admission admission({.descriptors = 2});
    const auto ticket = admission.admit();
    listen(&admission);
    connect_one();
    int turns = 0;
    const auto end = io::Clock::now() + 500ms;
    while (io::Clock::now() < end) {
        loop_.run_once(1s);
        turns++;
    }
    EXPECT_LE(turns, 20);
    EXPECT_TRUE(accepted_.empty());
    stop();
}

// Holds every descriptor that the process may still open, of a lowered limit.
class Exhaustion {
public:
    Exhaustion() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit lowered = before_;
        lowered.rlim_cur = 128;
        ::setrlimit(RLIMIT_NOFILE, &lowered);
    }
    ~Exhaustion() {
        end();
        ::setrlimit(RLIMIT_NOFILE, &before_);
    }
    void begin() {
        for (int fd; (fd = ::dup(0)) >= 0;) held_.push_back(fd);
        EXPECT_EQ(errno, EMFILE);
    }
    void end() {
        for (const int fd : held_) ::close(fd);
        held_.clear();
    }

private:
    rlimit before_{};
    std::vector<int> held_;
};

TEST_P(ListenerTest, recovers_from_running_out_of_descriptors) {
    // The kernel notes the limit when io_uring's accept starts: lower it before.
    Exhaustion exhaustion;
    listen();
    connect_one();
    EXPECT_TRUE(accepted_become(1));
    // Descriptors of the clients are made before there are none.
    const int spare[] = {::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                         ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    exhaustion.begin();
    sockaddr_storage storage;
    const socklen_t length = endpoint_.to_sockaddr(storage);
    for (const int fd : spare) {
        ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&storage), length), 0);
        clients_.push_back(fd);
    }
    int turns = 0;
    const auto end = io::Clock::now() + 350ms;
    while (io::Clock::now() < end) {
        loop_.run_once(50ms);
        turns++;
    }
    EXPECT_EQ(accepted_.size(), 1u);
    EXPECT_LE(turns, 30);
    exhaustion.end();
    EXPECT_TRUE(accepted_become(3));
    connect_one();
    EXPECT_TRUE(accepted_become(4));
    stop();
}

TEST_P(ListenerTest, stops_in_the_middle_of_a_rest) {
    Exhaustion exhaustion;
    listen();
    connect_one();
    exhaustion.begin();
    run_until([] { return false; }, 30ms);
    stop();
    EXPECT_TRUE(accepted_.empty());
}

TEST_P(ListenerTest, keeps_to_the_budget_when_many_wait) {
    // Few or many sessions from the end: either way of accepting, and the change between them.
    for (const std::int64_t away : {std::int64_t{20}, std::int64_t{limits::kAcceptBurst} + 20}) {
        Admission admission({.descriptors = 2 * away});
        std::vector<Ticket> tickets;
        on_accept_ = [&] {
            auto ticket = admission.admit();
            ASSERT_TRUE(ticket);
            tickets.push_back(std::move(*ticket));
        };
        // Stands for sessions of other listeners.
        std::vector<Ticket> others;
        listen(&admission);
        connect_one();
        EXPECT_TRUE(accepted_become(1));
        while (admission.room() > 10) others.push_back(std::move(*admission.admit()));
        connect_one();  // notices
        EXPECT_TRUE(accepted_become(2));
        for (int i = 0; i < 15; i++) connect_one();
        EXPECT_TRUE(accepted_become(11));
        run_until([] { return false; }, 150ms);
        EXPECT_EQ(accepted_.size(), 11u);
        others.clear();
        if (away > 20) {
            EXPECT_TRUE(accepted_become(17));
            for (int i = 0; i < 30; i++) connect_one();
            EXPECT_TRUE(accepted_become(47));
        }
        stop();
        SetUp();
        for (const int fd : accepted_) ::close(fd);
        accepted_.clear();
    }
    ::close(fd_);
}

TEST_P(ListenerTest, is_quiet_when_nothing_happens) {
    Admission admission({.descriptors = 2 * 100});
    listen(&admission);
    connect_one();
    EXPECT_TRUE(accepted_become(1));
    int turns = 0;
    const auto end = io::Clock::now() + 300ms;
    while (io::Clock::now() < end) {
        loop_.run_once(300ms);
        turns++;
    }
    EXPECT_LE(turns, 3);
    stop();
}

INSTANTIATE_TEST_SUITE_P(Engines, ListenerTest, testing::ValuesIn(engines()),
                         [](const auto& tested) {
                             return tested.param == io::EngineChoice::epoll ? "epoll" : "uring";
                         });

}  // namespace
}  // namespace neosocksd::net
