// Accepting on both engines: floods, cancelling, and running out of descriptors.

#include <memory>

#include <fcntl.h>
#include <sys/resource.h>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "io/engine_fixture.h"

namespace neosocksd::io {
namespace {

class AcceptTest : public EngineTest {
protected:
    AcceptTest() { socket.adopt(listener.release()); }
    ~AcceptTest() override { loop.engine().close(socket); }

    bool accepted(TestOp& op, std::size_t count) {
        return run_until(loop, [&] { return op.accepted.size() >= count; });
    }

    Listener listener;
    Socket socket;
};

TEST_P(AcceptTest, hands_over_connections_and_stays_pending) {
    TestOp op(loop);
    op.accept(socket);
    for (std::size_t i = 1; i <= 3; i++) {
        const Peer client = listener.connect();
        ASSERT_TRUE(accepted(op, i));
        EXPECT_TRUE(op.running());
        EXPECT_TRUE(::fcntl(op.accepted.back(), F_GETFL) & O_NONBLOCK);
        EXPECT_TRUE(::fcntl(op.accepted.back(), F_GETFD) & FD_CLOEXEC);
    }
    op.cancel();
    EXPECT_EQ(op.wait(), -ECANCELED);
    for (const int fd : op.accepted) ::close(fd);
    op.accepted.clear();
}

TEST_P(AcceptTest, takes_a_flood_that_waits_and_one_that_comes) {
    constexpr std::size_t kClients = 150;
    std::vector<Peer> clients;
    for (std::size_t i = 0; i < kClients; i++) clients.push_back(listener.connect());
    TestOp op(loop);
    op.accept(socket);
    ASSERT_TRUE(accepted(op, kClients));
    for (std::size_t i = 0; i < kClients; i++) clients.push_back(listener.connect());
    ASSERT_TRUE(accepted(op, 2 * kClients));
}

TEST_P(AcceptTest, each_connection_is_handed_over_once) {
    std::vector<Peer> clients;
    for (int i = 0; i < 100; i++) clients.push_back(listener.connect());
    TestOp op(loop);
    op.accept(socket);
    ASSERT_TRUE(accepted(op, 100));
    turn(loop);
    EXPECT_EQ(op.accepted.size(), 100U);
    for (std::size_t i = 0; i < 100; i++) {
        EXPECT_EQ(peer_endpoint(op.accepted[i]), local_endpoint(clients[i].fd()));
    }
}

TEST_P(AcceptTest, can_be_cancelled_from_its_own_handler_and_started_again) {
    std::vector<Peer> clients;
    for (int i = 0; i < 150; i++) clients.push_back(listener.connect());
    TestOp op(loop);
    op.then = [&] {
        if (op.running()) op.cancel();
    };
    op.accept(socket);
    EXPECT_EQ(op.wait(), -ECANCELED);
    EXPECT_GE(op.accepted.size(), 1U);
    turn(loop);
    EXPECT_EQ(op.completions, 1);
    op.then = nullptr;
    op.accept(socket);
    ASSERT_TRUE(accepted(op, 150));
}

TEST_P(AcceptTest, takes_what_came_while_it_was_cancelled) {
    TestOp op(loop);
    op.accept(socket);
    turn(loop);
    for (std::size_t round = 1; round <= 3; round++) {
        op.cancel();
        EXPECT_EQ(op.wait(), -ECANCELED);
        const Peer client = listener.connect();
        turn(loop);
        op.accept(socket);
        ASSERT_TRUE(accepted(op, round));
    }
}

TEST_P(AcceptTest, the_handler_may_start_the_accept_again_when_it_is_over) {
    TestOp op(loop);
    op.accept(socket);
    turn(loop);
    bool again = false;
    op.then = [&] {
        if (op.running() || std::exchange(again, true)) return;
        op.accept(socket);
    };
    op.cancel();
    ASSERT_TRUE(run_until(loop, [&] { return again; }));
    turn(loop);
    ASSERT_TRUE(op.running());
    const Peer client = listener.connect();
    EXPECT_TRUE(accepted(op, 1));
}

TEST_P(AcceptTest, reports_running_out_of_descriptors_and_recovers) {
    std::vector<Peer> clients;
    for (int i = 0; i < 70; i++) clients.push_back(listener.connect());
    TestOp op(loop);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    // Room for two more.
    int lowest[3];
    for (int& fd : lowest) fd = ::dup(socket.fd());
    const rlimit tight{.rlim_cur = static_cast<rlim_t>(lowest[2]), .rlim_max = before.rlim_max};
    for (const int fd : lowest) ::close(fd);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
    op.accept(socket);
    const int result = op.wait();
    op.accept(socket);
    const int again = op.wait();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(result, -EMFILE);
    EXPECT_EQ(again, -EMFILE);
    EXPECT_EQ(op.accepted.size(), 2U);
    op.accept(socket);
    // No new connection comes: those that wait are taken.
    EXPECT_TRUE(accepted(op, 70));
}

TEST_P(AcceptTest, reports_a_socket_that_does_not_listen) {
    OpenSocket idle(loop, open_tcp_socket(AF_INET));
    TestOp op(loop);
    op.accept(idle);
    EXPECT_EQ(op.wait(), -EINVAL);
}

TEST_P(AcceptTest, errors_of_single_connections_do_not_hold_the_loop) {
    // A datagram socket gives nothing but such errors.
    OpenSocket datagrams(loop, ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    TestOp op(loop);
    op.accept(datagrams);
    Pair pair = unix_pair();
    OpenSocket other(loop, pair.near);
    TestOp input(loop);
    input.recv(other);
    turn(loop);
    pair.far.send("x");
    EXPECT_EQ(input.wait(), 1);
    EXPECT_TRUE(op.running());
    op.cancel();
    EXPECT_EQ(op.wait(), -ECANCELED);
}

ON_BOTH_ENGINES(AcceptTest);

// With epoll a socket has one wait for input, so this crowd exists with io_uring only.
TEST(UringAcceptTest, a_cancel_is_not_lost_when_the_kernel_ends_the_accept_by_itself) {
    if (engines_under_test().back() != EngineChoice::uring) GTEST_SKIP();
    Loop loop(EngineChoice::uring);
    const Listener listener;
    OpenSocket socket(loop, ::dup(listener.fd()));
    std::vector<Peer> clients;
    for (int i = 0; i < 3; i++) clients.push_back(listener.connect());
    // Fill the completion queue: then a multishot accept ends with its first connection.
    Pair pair = unix_pair();
    pair.far.send("x");
    OpenSocket ready(loop, pair.near);
    std::vector<std::unique_ptr<TestOp>> crowd;
    for (unsigned i = 0; i < limits::kUringEntries * 4; i++) {
        crowd.push_back(std::make_unique<TestOp>(loop));
        crowd.back()->poll(ready, Readiness::readable);
    }
    TestOp op(loop);
    op.accept(socket);
    op.then = [&] {
        op.then = nullptr;
        op.cancel();
    };
    EXPECT_EQ(op.wait(), -ECANCELED);
    for (auto& each : crowd) each->wait();
}

}  // namespace
}  // namespace neosocksd::io
