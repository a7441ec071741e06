// Receive buffers are lent. io_uring has few: when all are lent, receives wait for one to come
// back, and none is forgotten. Epoll has one for all, and passes trivially.

#include <algorithm>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "io/engine_fixture.h"

namespace neosocksd::io {
namespace {

// Until as many receives have ended as the engine has buffers, and the others know it.
bool use_up_buffers(Loop& loop, const std::vector<std::unique_ptr<TestOp>>& ops) {
    const auto ended = [&] {
        return std::ranges::count_if(ops, [](const auto& op) { return !op->running(); }) >=
               static_cast<std::ptrdiff_t>(limits::kUringBuffers);
    };
    if (!run_until(loop, ended)) return false;
    turn(loop, 20);
    return true;
}

using LoanTest = EngineTest;

TEST_P(LoanTest, receives_on_many_sockets_at_once_when_their_loans_are_held) {
    // More than the engine has buffers: the rest wait until loans come back.
    constexpr std::size_t kSockets = limits::kUringBuffers * 2 + 40;
    std::vector<Pair> pairs;
    std::vector<std::unique_ptr<OpenSocket>> sockets;
    std::vector<std::unique_ptr<TestOp>> ops;
    for (std::size_t i = 0; i < kSockets; i++) {
        pairs.push_back(unix_pair());
        sockets.push_back(std::make_unique<OpenSocket>(loop, pairs[i].near));
        ops.push_back(std::make_unique<TestOp>(loop));
        ops[i]->hold_loan = true;
        pairs[i].far.send(std::to_string(i));
        ops[i]->recv(*sockets[i]);
    }
    turn(loop);
    std::size_t done = 0;
    // Give them back one at a time: each lets another receive end.
    for (std::size_t round = 0; done < kSockets; round++) {
        ASSERT_LT(round, kSockets * 2);
        ASSERT_TRUE(run_until(loop, [&] {
            for (auto& op : ops)
                if (op->completions == 1 && op->hold_loan) return true;
            return false;
        })) << done;
        for (auto& op : ops) {
            if (op->completions != 1 || !op->hold_loan) continue;
            op->hold_loan = false;
            op->give_back();
            done++;
            break;
        }
    }
    for (std::size_t i = 0; i < kSockets; i++) EXPECT_EQ(ops[i]->received, std::to_string(i));
}

TEST_P(LoanTest, more_receives_than_buffers_complete_when_loans_return_at_once) {
    // Many complete and give back in the same turn in which the others are told that there was no
    // buffer: nobody comes later to wake those.
    constexpr std::size_t kSockets = limits::kUringBuffers + 60;
    std::vector<Pair> pairs;
    std::vector<std::unique_ptr<OpenSocket>> sockets;
    std::vector<std::unique_ptr<TestOp>> ops;
    const std::string text = pattern(loop.engine().loan_bytes() + 1);
    for (std::size_t i = 0; i < kSockets; i++) {
        pairs.push_back(unix_pair());
        sockets.push_back(std::make_unique<OpenSocket>(loop, pairs[i].near));
        ops.push_back(std::make_unique<TestOp>(loop));
        pairs[i].far.send(text);
        ops[i]->recv(*sockets[i]);
        ASSERT_EQ(ops[i]->wait(), static_cast<int>(text.size()) - 1);
    }
    for (std::size_t i = 0; i < kSockets; i++) ops[i]->recv(*sockets[i]);
    for (auto& op : ops) ASSERT_EQ(op->wait(), 1);
}

TEST_P(LoanTest, a_starved_receive_that_is_cancelled_does_not_waste_a_buffer) {
    constexpr std::size_t kSockets = limits::kUringBuffers + 2;
    std::vector<Pair> pairs;
    std::vector<std::unique_ptr<OpenSocket>> sockets;
    std::vector<std::unique_ptr<TestOp>> ops;
    for (std::size_t i = 0; i < kSockets; i++) {
        pairs.push_back(unix_pair());
        sockets.push_back(std::make_unique<OpenSocket>(loop, pairs[i].near));
        ops.push_back(std::make_unique<TestOp>(loop));
        ops[i]->hold_loan = true;
        pairs[i].far.send("x");
        ops[i]->recv(*sockets[i]);
    }
    ASSERT_TRUE(use_up_buffers(loop, ops));
    std::vector<TestOp*> waiting;
    for (auto& op : ops)
        if (op->running()) waiting.push_back(op.get());
    if (waiting.empty()) return;  // epoll: one buffer serves all
    ASSERT_EQ(waiting.size(), 2U);
    // The buffer that comes back is meant for the first, which is cancelled before it has it.
    for (auto& op : ops)
        if (!op->running()) {
            op->give_back();
            break;
        }
    waiting[0]->cancel();
    waiting[0]->wait();
    waiting[0]->give_back();
    EXPECT_EQ(waiting[1]->wait(), 1);
}

TEST_P(LoanTest, a_starved_receive_can_be_cancelled) {
    constexpr std::size_t kSockets = limits::kUringBuffers + 1;
    std::vector<Pair> pairs;
    std::vector<std::unique_ptr<OpenSocket>> sockets;
    std::vector<std::unique_ptr<TestOp>> ops;
    for (std::size_t i = 0; i < kSockets; i++) {
        pairs.push_back(unix_pair());
        sockets.push_back(std::make_unique<OpenSocket>(loop, pairs[i].near));
        ops.push_back(std::make_unique<TestOp>(loop));
        ops[i]->hold_loan = true;
        pairs[i].far.send("x");
        ops[i]->recv(*sockets[i]);
    }
    ASSERT_TRUE(use_up_buffers(loop, ops));
    for (std::size_t i = 0; i < kSockets; i++) {
        if (!ops[i]->running()) continue;
        ops[i]->cancel();
        EXPECT_EQ(ops[i]->wait(), -ECANCELED);
        // The bytes are still there.
        (i == 0 ? ops[1] : ops[0])->give_back();
        ops[i]->recv(*sockets[i]);
        EXPECT_EQ(ops[i]->wait(), 1);
    }
}

TEST_P(LoanTest, idle_receives_do_not_hold_buffers) {
    constexpr std::size_t kIdle = limits::kUringBuffers * 2;
    std::vector<Pair> pairs;
    std::vector<std::unique_ptr<OpenSocket>> sockets;
    std::vector<std::unique_ptr<TestOp>> ops;
    for (std::size_t i = 0; i < kIdle; i++) {
        pairs.push_back(unix_pair());
        sockets.push_back(std::make_unique<OpenSocket>(loop, pairs[i].near));
        ops.push_back(std::make_unique<TestOp>(loop));
        pairs[i].far.send("x");
        ops[i]->recv(*sockets[i]);
        ASSERT_EQ(ops[i]->wait(), 1);
        ops[i]->recv(*sockets[i]);
    }
    turn(loop);
    Pair pair = unix_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    op.recv(socket);
    pair.far.send("busy");
    EXPECT_EQ(op.wait(), 4);
}

TEST_P(LoanTest, peers_that_send_only_urgent_bytes_cannot_take_all_buffers) {
    constexpr std::size_t kHostile = limits::kUringBuffers + 4;
    std::vector<Pair> pairs;
    std::vector<std::unique_ptr<OpenSocket>> sockets;
    std::vector<std::unique_ptr<TestOp>> ops;
    for (std::size_t i = 0; i < kHostile; i++) {
        pairs.push_back(tcp_pair());
        sockets.push_back(std::make_unique<OpenSocket>(loop, pairs[i].near));
        ops.push_back(std::make_unique<TestOp>(loop));
        ops[i]->recv(*sockets[i]);
    }
    turn(loop);
    for (std::size_t i = 0; i < kHostile; i++) {
        pairs[i].far.send("U", MSG_OOB);
        await_events(sockets[i]->fd(), POLLPRI);
    }
    turn(loop);
    Pair pair = unix_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    op.recv(socket);
    pair.far.send("busy");
    EXPECT_EQ(op.wait(), 4);
    for (auto& each : ops) {
        each->cancel();
        EXPECT_EQ(each->wait(), -ECANCELED);
    }
}

TEST_P(LoanTest, a_cancel_is_not_lost_on_a_receive_that_finds_no_buffer) {
    std::vector<Pair> pairs;
    std::vector<std::unique_ptr<OpenSocket>> sockets;
    std::vector<std::unique_ptr<TestOp>> ops;
    // This one is known to have more, and so is tried at once.
    Pair pair = unix_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    pair.far.send(pattern(loop.engine().loan_bytes() + 1));
    op.recv(socket);
    EXPECT_EQ(op.wait(), static_cast<int>(loop.engine().loan_bytes()));
    for (std::size_t i = 0; i < limits::kUringBuffers; i++) {
        pairs.push_back(unix_pair());
        sockets.push_back(std::make_unique<OpenSocket>(loop, pairs[i].near));
        ops.push_back(std::make_unique<TestOp>(loop));
        ops[i]->hold_loan = true;
        pairs[i].far.send("x");
        ops[i]->recv(*sockets[i]);
    }
    ASSERT_TRUE(use_up_buffers(loop, ops));
    op.recv(socket);
    if (!op.running()) return;  // epoll: one buffer serves all
    op.cancel();
    EXPECT_EQ(op.wait(), -ECANCELED);
}

ON_BOTH_ENGINES(LoanTest);

}  // namespace
}  // namespace neosocksd::io
