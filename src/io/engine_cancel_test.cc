// Cancelling on both engines: every kind of operation completes exactly once, never inside the
// call, also when its own result or the death of other sockets is in the same batch of events.

#include <memory>

#include <gtest/gtest.h>

#include "io/engine_fixture.h"

namespace neosocksd::io {
namespace {

using CancelTest = EngineTest;

TEST_P(CancelTest, ends_a_receive_and_leaves_the_socket_usable) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    for (int i = 0; i < 3; i++) {
        op.recv(socket);
        turn(loop);
        op.cancel();
        EXPECT_EQ(op.wait(), -ECANCELED);
    }
    pair.far.send("kept");
    op.recv(socket);
    EXPECT_EQ(op.wait(), 4);
}

TEST_P(CancelTest, ends_every_poll) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    for (const Readiness readiness :
         {Readiness::readable, Readiness::peer_done, Readiness::reset, Readiness::readable}) {
        op.poll(socket, readiness);
        turn(loop);
        EXPECT_TRUE(op.running());
        op.cancel();
        EXPECT_EQ(op.wait(), -ECANCELED);
    }
    EXPECT_EQ(op.completions, 4);
}

TEST_P(CancelTest, before_the_loop_has_turned) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    op.recv(socket);
    op.cancel();
    EXPECT_EQ(op.wait(), -ECANCELED);
    op.poll(socket, Readiness::peer_done);
    op.cancel();
    op.cancel();
    EXPECT_EQ(op.wait(), -ECANCELED);
    turn(loop);
    EXPECT_EQ(op.completions, 2);
}

TEST_P(CancelTest, of_what_is_over_does_nothing) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    op.cancel();
    pair.far.send("x");
    op.recv(socket);
    EXPECT_EQ(op.wait(), 1);
    op.cancel();
    turn(loop);
    EXPECT_EQ(op.completions, 1);
    op.recv(socket);
    turn(loop);
    EXPECT_TRUE(op.running());
}

TEST_P(CancelTest, of_a_send_completes_once) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    op.send(socket, "data");
    if (op.running()) op.cancel();
    const int result = op.wait();
    EXPECT_TRUE(result == 4 || result == -ECANCELED) << result;
    turn(loop);
    EXPECT_EQ(op.completions, 1);
}

TEST_P(CancelTest, and_completion_in_the_same_batch_complete_once) {
    // Each handler cancels the other: whoever is second has either result, once.
    for (int round = 0; round < 20; round++) {
        Pair a = unix_pair(), b = unix_pair();
        OpenSocket first(loop, a.near), second(loop, b.near);
        TestOp one(loop), two(loop);
        one.then = [&] {
            if (two.running()) two.cancel();
        };
        two.then = [&] {
            if (one.running()) one.cancel();
        };
        one.recv(first);
        two.recv(second);
        turn(loop);
        a.far.send("x");
        b.far.send("y");
        one.wait();
        two.wait();
        turn(loop);
        EXPECT_EQ(one.completions, 1);
        EXPECT_EQ(two.completions, 1);
        EXPECT_TRUE(one.result == 1 || two.result == 1);
        EXPECT_TRUE(one.result == 1 || one.result == -ECANCELED) << one.result;
        EXPECT_TRUE(two.result == 1 || two.result == -ECANCELED) << two.result;
        // A receive that was cancelled has taken no byte.
        one.then = two.then = nullptr;
        if (one.result < 0) one.recv(first);
        if (two.result < 0) two.recv(second);
        EXPECT_EQ(one.wait(), 1);
        EXPECT_EQ(two.wait(), 1);
    }
}

TEST_P(CancelTest, does_not_hit_the_operation_started_next) {
    // The result and the cancel cross; the handler starts anew. The old cancel must not end that.
    for (int round = 0; round < 20; round++) {
        Pair a = unix_pair(), b = unix_pair();
        OpenSocket first(loop, a.near), second(loop, b.near);
        TestOp one(loop), two(loop);
        one.recv(first);
        two.recv(second);
        turn(loop);
        bool restarted = false;
        one.then = [&] {
            if (two.running()) two.cancel();
        };
        two.then = [&] {
            if (two.running() || std::exchange(restarted, true)) return;
            two.recv(second);
        };
        a.far.send("x");
        b.far.send("y");
        one.wait();
        ASSERT_TRUE(run_until(loop, [&] { return restarted; }));
        turn(loop);
        if (two.running()) {
            b.far.send("z");
            EXPECT_EQ(two.wait(), 1);
        } else {
            EXPECT_EQ(two.result, 1);
        }
    }
}

TEST_P(CancelTest, from_the_handler_of_the_same_sockets_other_operation) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp in(loop), out(loop);
    in.recv(socket);
    turn(loop);
    // Both become ready by the same event.
    std::string text(200'000, 'x');
    do {
        out.send(socket, text);
    } while (out.wait() != -EAGAIN);
    out.poll(socket, Readiness::writable);
    turn(loop);
    in.then = [&] {
        if (out.running()) out.cancel();
    };
    pair.far.reset();
    in.wait();
    out.wait();
    turn(loop);
    EXPECT_EQ(in.completions, 1);
    EXPECT_LT(in.result, 0);
    EXPECT_FALSE(out.running());
}

TEST_P(CancelTest, sockets_may_close_while_their_events_wait_in_the_batch) {
    // All are ready at once. The first handler closes and frees as many of the others as it may.
    constexpr std::size_t kSockets = 40;
    struct Party {
        Party(Loop& loop, Pair pair)
            : far(std::move(pair.far)), socket(loop, pair.near), op(loop) {}
        Peer far;
        OpenSocket socket;
        TestOp op;
    };
    std::vector<std::unique_ptr<Party>> parties;
    for (std::size_t i = 0; i < kSockets; i++)
        parties.push_back(std::make_unique<Party>(loop, unix_pair()));
    // Known to the loop and idle, so that nothing hinders closing, but with events to come.
    for (auto& party : parties) {
        party->op.recv(party->socket);
        turn(loop, 1);
        party->op.cancel();
        party->op.wait();
    }
    Pair pair = unix_pair();
    OpenSocket socket(loop, pair.near);
    TestOp first(loop);
    first.recv(socket);
    turn(loop);
    pair.far.send("x");
    for (auto& party : parties) party->far.send("y");
    std::vector<std::unique_ptr<Party>> newcomers;
    first.then = [&] {
        first.then = nullptr;
        for (auto& party : parties) party.reset();
        // Newcomers may get the same descriptors and the same addresses.
        for (std::size_t i = 0; i < kSockets; i++) {
            newcomers.push_back(std::make_unique<Party>(loop, unix_pair()));
            newcomers.back()->op.recv(newcomers.back()->socket);
        }
    };
    EXPECT_EQ(first.wait(), 1);
    turn(loop);
    for (auto& party : newcomers) {
        EXPECT_TRUE(party->op.running());
        party->far.send("new");
        EXPECT_EQ(party->op.wait(), 3);
    }
}

TEST_P(CancelTest, an_operation_may_die_in_its_own_handler) {
    for (int round = 0; round < 5; round++) {
        Pair pair = unix_pair();
        auto socket = std::make_unique<OpenSocket>(loop, pair.near);
        auto op = std::make_unique<TestOp>(loop);
        op->recv(*socket);
        turn(loop);
        op->then = [&] {
            op.reset();
            socket.reset();
        };
        if (round % 2)
            op->cancel();
        else
            pair.far.send("x");
        ASSERT_TRUE(run_until(loop, [&] { return !op; }));
        turn(loop);
        EXPECT_FALSE(socket);
    }
}

// As a child does between fork(2) and exec(2).
TEST_P(CancelTest, a_closed_socket_of_which_somebody_has_a_duplicate_is_forgotten) {
    Pair pair = tcp_pair();
    auto socket = std::make_unique<Socket>();
    socket->adopt(pair.near);
    TestOp op(loop);
    op.recv(*socket);
    turn(loop);
    op.cancel();
    EXPECT_EQ(op.wait(), -ECANCELED);
    const Peer duplicate(::dup(pair.near));
    loop.engine().close(*socket);
    socket.reset();
    pair.far.send("more");
    await_events(duplicate.fd(), POLLIN);
    turn(loop);
}

ON_BOTH_ENGINES(CancelTest);

}  // namespace
}  // namespace neosocksd::io
