// Receiving on both engines: data, ends and resets before and after the wait, and urgent bytes.

#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "io/engine_fixture.h"

namespace neosocksd::io {
namespace {

// Receives until `bytes` have come or the stream ends.
void recv_all(TestOp& op, Socket& socket, std::size_t bytes) {
    while (op.received.size() < bytes) {
        op.recv(socket);
        if (op.wait() <= 0) return;
    }
}

using RecvTest = EngineTest;

TEST_P(RecvTest, reads_what_is_there) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    pair.far.send("hello");
    await_events(socket.fd(), POLLIN);
    op.recv(socket);
    EXPECT_EQ(op.wait(), 5);
    EXPECT_EQ(op.received, "hello");
}

TEST_P(RecvTest, waits_for_what_is_not_there_yet) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    for (const char* word : {"one", "two", "three"}) {
        op.recv(socket);
        turn(loop);
        EXPECT_TRUE(op.running());
        pair.far.send(word);
        EXPECT_EQ(op.wait(), static_cast<int>(std::strlen(word)));
    }
    EXPECT_EQ(op.received, "onetwothree");
}

TEST_P(RecvTest, sees_the_end_of_the_stream_before_and_after_waiting) {
    for (const bool waiting : {false, true}) {
        Pair pair = tcp_pair();
        OpenSocket socket(loop, pair.near);
        TestOp op(loop);
        if (waiting) {
            op.recv(socket);
            turn(loop);
        }
        pair.far.finish();
        if (!waiting) {
            await_events(socket.fd(), POLLRDHUP);
            op.recv(socket);
        }
        EXPECT_EQ(op.wait(), 0);
        // And again: the end does not go away.
        op.recv(socket);
        EXPECT_EQ(op.wait(), 0);
    }
}

TEST_P(RecvTest, sees_an_end_that_comes_together_with_data) {
    for (const bool waiting : {false, true}) {
        Pair pair = tcp_pair();
        OpenSocket socket(loop, pair.near);
        TestOp op(loop);
        if (waiting) {
            op.recv(socket);
            turn(loop);
        }
        pair.far.send("last words");
        pair.far.finish();
        await_events(socket.fd(), POLLIN | POLLRDHUP);
        if (!waiting) op.recv(socket);
        EXPECT_EQ(op.wait(), 10);
        op.recv(socket);
        EXPECT_EQ(op.wait(), 0);
    }
}

TEST_P(RecvTest, sees_an_end_that_comes_between_two_reads) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    op.recv(socket);
    turn(loop);
    pair.far.send("x");
    // The end arrives after the data was reported and before the next read.
    op.then = [&] {
        op.then = nullptr;
        pair.far.finish();
    };
    EXPECT_EQ(op.wait(), 1);
    await_events(socket.fd(), POLLRDHUP);
    op.recv(socket);
    EXPECT_EQ(op.wait(), 0);
}

TEST_P(RecvTest, reports_a_reset) {
    for (const bool waiting : {false, true}) {
        Pair pair = tcp_pair();
        OpenSocket socket(loop, pair.near);
        TestOp op(loop);
        if (waiting) {
            op.recv(socket);
            turn(loop);
        }
        pair.far.reset();
        if (!waiting) {
            await_events(socket.fd(), POLLERR);
            op.recv(socket);
        }
        EXPECT_EQ(op.wait(), -ECONNRESET);
        op.recv(socket);
        EXPECT_EQ(op.wait(), 0);
    }
}

TEST_P(RecvTest, reads_more_than_one_loan_in_order) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    const std::string text = pattern(300'000);
    std::size_t sent = 0;
    set_nonblocking(pair.far.fd());
    do {
        if (sent < text.size()) {
            const ssize_t n = ::send(pair.far.fd(), text.data() + sent, text.size() - sent, 0);
            if (n > 0) sent += static_cast<std::size_t>(n);
            if (sent == text.size()) pair.far.finish();
        }
        op.recv(socket);
        ASSERT_GE(op.wait(), 0);
        ASSERT_LE(static_cast<std::size_t>(op.result), loop.engine().loan_bytes());
    } while (op.result > 0);
    EXPECT_EQ(op.received, text);
}

TEST_P(RecvTest, reads_exactly_one_loan_and_then_waits) {
    Pair pair = unix_pair();
    OpenSocket socket(loop, pair.near);
    const std::string text = pattern(loop.engine().loan_bytes());
    TestOp op(loop);
    pair.far.send(text);
    recv_all(op, socket, text.size());
    EXPECT_EQ(op.received, text);
    op.recv(socket);
    turn(loop);
    EXPECT_TRUE(op.running());
    pair.far.send("!");
    EXPECT_EQ(op.wait(), 1);
}

TEST_P(RecvTest, passes_over_urgent_data_and_keeps_what_follows) {
    for (const bool waiting : {false, true}) {
        Pair pair = tcp_pair();
        OpenSocket socket(loop, pair.near);
        TestOp op(loop);
        if (waiting) {
            op.recv(socket);
            turn(loop);
        }
        // The kernel stops a read at the urgent mark: a short read that proves nothing.
        pair.far.send("before");
        pair.far.send("U", MSG_OOB);
        pair.far.send("after");
        pair.far.finish();
        await_events(socket.fd(), POLLIN | POLLRDHUP | POLLPRI);
        if (!waiting) op.recv(socket);
        EXPECT_EQ(op.wait(), 6);
        recv_all(op, socket, 1000);
        EXPECT_EQ(op.result, 0);
        EXPECT_EQ(op.received, "beforeafter");
    }
}

TEST_P(RecvTest, a_lone_urgent_byte_does_not_end_or_break_a_receive) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    op.recv(socket);
    turn(loop);
    pair.far.send("U", MSG_OOB);
    await_events(socket.fd(), POLLPRI);
    turn(loop);
    EXPECT_TRUE(op.running());
    pair.far.send("data");
    EXPECT_EQ(op.wait(), 4);
    op.recv(socket);
    turn(loop);
    op.cancel();
    EXPECT_EQ(op.wait(), -ECANCELED);
}

ON_BOTH_ENGINES(RecvTest);

}  // namespace
}  // namespace neosocksd::io
