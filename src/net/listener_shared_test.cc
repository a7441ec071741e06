// Several listeners on one socket: as workers share a Unix or inherited one. Each turn of the two
// loops is the test's, in one thread.

#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "io/engine_fixture.h"
#include "io/task_group.h"
#include "net/bind_listener.h"
#include "net/listener.h"

namespace neosocksd::net {
namespace {

using namespace std::chrono_literals;

struct Side {
    Side(io::EngineChoice engine, int fd)
        : loop(engine),
          listener(loop, fd, [this](int accepted) { fds.push_back(accepted); }, nullptr, true) {
        listener.start();
    }
    ~Side() {
        for (const int fd : fds) ::close(fd);
    }
    void stop() {
        bool stopped = false;
        auto task = [](Side& side, bool& done) -> io::Task<void> {
            co_await side.listener.stop();
            done = true;
        };
        group.spawn(task(*this, stopped));
        EXPECT_TRUE(io::run_until(loop, [&] { return stopped; }));
    }

    io::Loop loop;
    io::TaskGroup group;
    Listener listener;
    std::vector<int> fds;
};

class SharedListenerTest : public testing::TestWithParam<io::EngineChoice> {
protected:
    SharedListenerTest() {
        auto sockets =
            bind_listener("unix:@neosocksd-shared-" + std::to_string(::getpid()), {.sockets = 3});
        EXPECT_TRUE(sockets && sockets->shared());
        address_ = sockets->name();
        spare_ = sockets->take(2);  // as a service manager would hold it
        first_.emplace(GetParam(), sockets->take(0));
        second_.emplace(GetParam(), sockets->take(1));
    }
    ~SharedListenerTest() override {
        for (const int fd : clients_) ::close(fd);
        if (spare_ >= 0) ::close(spare_);
    }
    void connect() {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_storage storage;
        const socklen_t length = UnixAddress::parse(address_)->to_sockaddr(storage);
        EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&storage), length), 0);
        clients_.push_back(fd);
    }
    std::size_t accepted() const { return first_->fds.size() + second_->fds.size(); }
    bool turn_until(std::size_t count) {
        const auto bound = io::Clock::now() + io::kFailureBound;
        while (accepted() < count && io::Clock::now() < bound) {
            first_->loop.run_once(1ms);
            second_->loop.run_once(1ms);
        }
        return accepted() == count;
    }

    std::string address_;
    std::optional<Side> first_, second_;
    int spare_ = -1;
    std::vector<int> clients_;
};

// The one that comes too late finds nothing, and must not wait for it in accept(2).
TEST_P(SharedListenerTest, each_connection_is_accepted_once_by_whoever_comes_first) {
    for (std::size_t i = 1; i <= 20; i++) {
        connect();
        EXPECT_TRUE(turn_until(i));
    }
    for (int i = 0; i < 20; i++) connect();
    EXPECT_TRUE(turn_until(40));
    for (const int fd : first_->fds) EXPECT_TRUE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
    first_->stop();
    second_->stop();
}

// The socket lives on; nothing of it may reach the listener that has closed its descriptor.
TEST_P(SharedListenerTest, one_that_has_stopped_hears_no_more_of_it) {
    connect();
    EXPECT_TRUE(turn_until(1));
    first_->stop();
    const std::size_t before = first_->fds.size();
    for (int i = 0; i < 10; i++) connect();
    EXPECT_TRUE(turn_until(11));
    EXPECT_EQ(first_->fds.size(), before);
    second_->stop();
    connect();  // into the backlog that the third descriptor keeps
}

ON_BOTH_ENGINES(SharedListenerTest);

}  // namespace
}  // namespace neosocksd::net
