// Sending on both engines: full sockets, waiting for room, and broken connections.

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "io/engine_fixture.h"

namespace neosocksd::io {
namespace {

using SendTest = EngineTest;

TEST_P(SendTest, sends_what_fits) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    op.send(socket, "hello");
    EXPECT_EQ(op.wait(), 5);
    char text[5];
    EXPECT_EQ(::recv(pair.far.fd(), text, 5, MSG_WAITALL), 5);
    EXPECT_EQ(std::string_view(text, 5), "hello");
}

// Sends until the socket says that it is full; what it took.
std::size_t fill(TestOp& op, Socket& socket, std::string_view text) {
    std::size_t taken = 0;
    for (;;) {
        op.send(socket, text);
        const int sent = op.wait();
        if (sent == -EAGAIN) return taken;
        EXPECT_GT(sent, 0);
        if (sent <= 0) return taken;
        taken += static_cast<std::size_t>(sent);
    }
}

std::size_t drain(int fd, std::size_t bytes) {
    std::string part(65536, '\0');
    std::size_t got = 0;
    while (got < bytes) {
        const ssize_t n = ::recv(fd, part.data(), std::min(part.size(), bytes - got), 0);
        if (n <= 0) break;
        got += static_cast<std::size_t>(n);
    }
    return got;
}

TEST_P(SendTest, a_full_socket_says_so_and_becomes_writable_again) {
    for (const bool tcp : {true, false}) {
        Pair pair = tcp ? tcp_pair() : unix_pair();
        OpenSocket socket(loop, pair.near);
        TestOp op(loop);
        const std::string text = pattern(200'000);
        for (int round = 0; round < 3; round++) {
            const std::size_t taken = fill(op, socket, text);
            op.poll(socket, Readiness::writable);
            turn(loop);
            EXPECT_TRUE(op.running()) << round;
            EXPECT_EQ(drain(pair.far.fd(), taken), taken);
            EXPECT_EQ(op.wait(), 0);
        }
    }
}

TEST_P(SendTest, a_full_socket_whose_peer_has_ended_its_side_is_not_writable) {
    // A client that sent its request, shut down its side and reads slowly. Were this writable,
    // we would try to send for ever.
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    const std::size_t taken = fill(op, socket, pattern(200'000));
    pair.far.finish();
    await_events(socket.fd(), POLLRDHUP);
    op.poll(socket, Readiness::writable);
    turn(loop, 8);
    EXPECT_TRUE(op.running());
    EXPECT_EQ(drain(pair.far.fd(), taken), taken);
    EXPECT_EQ(op.wait(), 0);
}

TEST_P(SendTest, a_peer_that_ends_its_side_during_the_wait_makes_nothing_writable) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    const std::size_t taken = fill(op, socket, pattern(200'000));
    op.poll(socket, Readiness::writable);
    turn(loop);
    pair.far.finish();
    await_events(socket.fd(), POLLRDHUP);
    turn(loop, 8);
    EXPECT_TRUE(op.running());
    op.cancel();
    EXPECT_EQ(op.wait(), -ECANCELED);
    op.poll(socket, Readiness::writable);
    EXPECT_EQ(drain(pair.far.fd(), taken), taken);
    EXPECT_EQ(op.wait(), 0);
}

TEST_P(SendTest, a_reset_ends_the_wait_for_room) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    fill(op, socket, pattern(200'000));
    op.poll(socket, Readiness::writable);
    turn(loop);
    pair.far.reset();
    EXPECT_EQ(op.wait(), 0);
    op.send(socket, "x");
    EXPECT_LT(op.wait(), 0);
}

TEST_P(SendTest, fails_on_a_broken_connection_without_a_signal) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    pair.far.reset();
    await_events(socket.fd(), POLLERR);
    TestOp op(loop);
    op.send(socket, "x");
    EXPECT_EQ(op.wait(), -ECONNRESET);
    op.send(socket, "x");
    EXPECT_EQ(op.wait(), -EPIPE);
    // A wait for room must not outlast the connection.
    op.poll(socket, Readiness::writable);
    EXPECT_EQ(op.wait(), 0);
}

TEST_P(SendTest, a_failed_send_does_not_hide_that_the_broken_socket_is_ready) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp input(loop);
    TestOp op(loop);
    input.recv(socket);
    turn(loop);
    pair.far.reset();
    EXPECT_EQ(input.wait(), -ECONNRESET);
    op.send(socket, "x");
    EXPECT_EQ(op.wait(), -EPIPE);
    op.poll(socket, Readiness::writable);
    EXPECT_EQ(op.wait(), 0);
}

TEST_P(SendTest, sends_and_receives_at_the_same_time) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    TestOp in(loop), out(loop);
    in.recv(socket);
    const std::size_t taken = fill(out, socket, pattern(200'000));
    out.poll(socket, Readiness::writable);
    turn(loop);
    EXPECT_TRUE(in.running());
    pair.far.send("ping");
    EXPECT_EQ(in.wait(), 4);
    EXPECT_TRUE(out.running());
    in.recv(socket);
    EXPECT_EQ(drain(pair.far.fd(), taken), taken);
    EXPECT_EQ(out.wait(), 0);
    EXPECT_TRUE(in.running());
}

TEST_P(SendTest, a_received_loan_can_be_sent_on_by_the_same_operation) {
    Pair a = tcp_pair(), b = tcp_pair();
    OpenSocket from(loop, a.near), to(loop, b.near);
    TestOp op(loop);
    op.hold_loan = true;
    for (int i = 0; i < static_cast<int>(limits::kUringBuffers) * 2; i++) {
        const std::string text = "message " + std::to_string(i);
        a.far.send(text);
        op.recv(from);
        ASSERT_EQ(op.wait(), static_cast<int>(text.size()));
        op.send(to, {reinterpret_cast<const char*>(op.data()), text.size()});
        ASSERT_EQ(op.wait(), static_cast<int>(text.size()));
        op.give_back();
        std::string got(text.size(), '\0');
        ASSERT_EQ(::recv(b.far.fd(), got.data(), got.size(), MSG_WAITALL),
                  static_cast<ssize_t>(text.size()));
        ASSERT_EQ(got, text);
    }
}

ON_BOTH_ENGINES(SendTest);

}  // namespace
}  // namespace neosocksd::io
