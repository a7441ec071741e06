// Each Readiness on both engines, with the events before, during and after somebody polled: an
// edge that is reported once must not be lost.

#include <functional>
#include <memory>

#include <gtest/gtest.h>

#include "io/engine_fixture.h"

namespace neosocksd::io {
namespace {

class PollTest : public EngineTest {
protected:
    // Whether a poll would end now. It is cancelled if not.
    bool ready(Readiness readiness) {
        TestOp op(loop);
        op.poll(socket, readiness);
        turn(loop, 6);
        if (!op.running()) {
            EXPECT_EQ(op.result, 0);
            return true;
        }
        op.cancel();
        EXPECT_EQ(op.wait(), -ECANCELED);
        return false;
    }
    void expect_ready(bool readable, bool writable, bool peer_done, bool reset) {
        EXPECT_EQ(ready(Readiness::readable), readable) << "readable";
        EXPECT_EQ(ready(Readiness::writable), writable) << "writable";
        EXPECT_EQ(ready(Readiness::peer_done), peer_done) << "peer_done";
        EXPECT_EQ(ready(Readiness::reset), reset) << "reset";
    }
    // The loop learns of everything without anybody waiting for it.
    void report_everything() {
        TestOp op(loop);
        op.poll(socket, Readiness::reset);
        turn(loop, 6);
        if (!op.running()) return;
        op.cancel();
        op.wait();
    }
    void read(int expected) {
        TestOp op(loop);
        op.recv(socket);
        EXPECT_EQ(op.wait(), expected);
    }

    Pair pair = tcp_pair();
    OpenSocket socket{loop, pair.near};
};

TEST_P(PollTest, an_idle_connection_is_only_writable) {
    for (int i = 0; i < 3; i++) expect_ready(false, true, false, false);
}

TEST_P(PollTest, input_makes_readable_and_nothing_else) {
    expect_ready(false, true, false, false);
    pair.far.send("x");
    await_events(socket.fd(), POLLIN);
    for (int i = 0; i < 2; i++) expect_ready(true, true, false, false);
    read(1);
    expect_ready(false, true, false, false);
}

TEST_P(PollTest, the_peers_end_shows_behind_unread_input) {
    pair.far.send("unread");
    pair.far.finish();
    await_events(socket.fd(), POLLIN | POLLRDHUP);
    for (int i = 0; i < 2; i++) expect_ready(true, true, true, false);
    read(6);
    for (int i = 0; i < 2; i++) expect_ready(true, true, true, false);
    read(0);
    expect_ready(true, true, true, false);
}

TEST_P(PollTest, the_peers_end_shows_though_it_was_reported_before_anyone_asked) {
    report_everything();
    pair.far.send("unread");
    pair.far.finish();
    await_events(socket.fd(), POLLIN | POLLRDHUP);
    report_everything();
    for (int i = 0; i < 2; i++) expect_ready(true, true, true, false);
    read(6);
    read(0);
    for (int i = 0; i < 2; i++) expect_ready(true, true, true, false);
}

TEST_P(PollTest, each_readiness_ends_a_wait_that_began_before) {
    struct Row {
        Readiness readiness;
        std::function<void(Peer&)> action;
    };
    const Row rows[] = {
        {Readiness::readable, [](Peer& far) { far.send("x"); }},
        {Readiness::readable, [](Peer& far) { far.finish(); }},
        {Readiness::readable, [](Peer& far) { far.reset(); }},
        {Readiness::peer_done, [](Peer& far) { far.finish(); }},
        {Readiness::peer_done, [](Peer& far) { far.close(); }},
        {Readiness::peer_done, [](Peer& far) { far.reset(); }},
        {Readiness::reset, [](Peer& far) { far.reset(); }},
    };
    for (const Row& row : rows) {
        Pair own = tcp_pair();
        OpenSocket end(loop, own.near);
        TestOp op(loop);
        op.poll(end, row.readiness);
        turn(loop);
        ASSERT_TRUE(op.running());
        row.action(own.far);
        EXPECT_EQ(op.wait(), 0);
    }
}

TEST_P(PollTest, waiting_for_the_peers_end_is_not_disturbed_by_input) {
    TestOp op(loop);
    op.poll(socket, Readiness::peer_done);
    for (int i = 0; i < 3; i++) {
        pair.far.send("more");
        turn(loop);
        EXPECT_TRUE(op.running());
    }
    pair.far.finish();
    EXPECT_EQ(op.wait(), 0);
    read(12);
    read(0);
}

TEST_P(PollTest, input_seen_while_waiting_for_the_peers_end_is_there_afterwards) {
    TestOp op(loop);
    op.poll(socket, Readiness::peer_done);
    turn(loop);
    pair.far.send("x");
    await_events(socket.fd(), POLLIN);
    turn(loop);
    op.cancel();
    EXPECT_EQ(op.wait(), -ECANCELED);
    expect_ready(true, true, false, false);
    read(1);
}

TEST_P(PollTest, the_peers_end_is_not_a_reset) {
    TestOp op(loop);
    op.poll(socket, Readiness::reset);
    turn(loop);
    pair.far.send("x");
    pair.far.finish();
    await_events(socket.fd(), POLLRDHUP);
    turn(loop, 8);
    EXPECT_TRUE(op.running());
    op.cancel();
    EXPECT_EQ(op.wait(), -ECANCELED);
    turn(loop);
    EXPECT_EQ(op.completions, 1);
}

TEST_P(PollTest, a_reset_after_the_peers_end_is_seen) {
    pair.far.finish();
    await_events(socket.fd(), POLLRDHUP);
    TestOp op(loop);
    op.poll(socket, Readiness::reset);
    turn(loop, 8);
    EXPECT_TRUE(op.running());
    pair.far.reset();
    EXPECT_EQ(op.wait(), 0);
    turn(loop);
    EXPECT_EQ(op.completions, 1);
}

TEST_P(PollTest, both_sides_ended_counts_as_reset_whoever_was_first) {
    for (const bool peer_first : {true, false}) {
        for (const bool waiting : {true, false}) {
            Pair own = tcp_pair();
            OpenSocket end(loop, own.near);
            TestOp op(loop);
            if (waiting) {
                op.poll(end, Readiness::reset);
                turn(loop);
            }
            if (peer_first) own.far.finish();
            if (peer_first) await_events(end.fd(), POLLRDHUP);
            turn(loop);
            ::shutdown(end.fd(), SHUT_WR);
            if (!peer_first) {
                turn(loop);
                if (waiting) EXPECT_TRUE(op.running());
                own.far.finish();
            }
            await_events(end.fd(), POLLHUP);
            if (!waiting) {
                turn(loop);
                op.poll(end, Readiness::reset);
            }
            EXPECT_EQ(op.wait(), 0);
            turn(loop);
            EXPECT_EQ(op.completions, 1);
        }
    }
}

TEST_P(PollTest, a_reset_is_every_readiness_even_when_reported_long_ago) {
    report_everything();
    pair.far.reset();
    await_events(socket.fd(), POLLERR);
    report_everything();
    for (int i = 0; i < 2; i++) expect_ready(true, true, true, true);
    read(-ECONNRESET);
    expect_ready(true, true, true, true);
}

TEST_P(PollTest, reads_made_without_the_engine_are_told) {
    expect_ready(false, true, false, false);
    for (int i = 0; i < 3; i++) {
        pair.far.send("x");
        TestOp op(loop);
        op.poll(socket, Readiness::readable);
        EXPECT_EQ(op.wait(), 0);
        char text[8];
        EXPECT_EQ(::recv(socket.fd(), text, sizeof text, 0), 1);
        EXPECT_EQ(::recv(socket.fd(), text, sizeof text, 0), -1);
        socket.found_empty();
        EXPECT_FALSE(ready(Readiness::readable));
    }
}

TEST_P(PollTest, an_urgent_byte_does_not_keep_an_empty_socket_readable) {
    // Or a peer could keep us busy with one byte.
    report_everything();
    pair.far.send("U", MSG_OOB);
    await_events(socket.fd(), POLLPRI);
    report_everything();
    char text[8];
    EXPECT_EQ(::recv(socket.fd(), text, sizeof text, 0), -1);
    socket.found_empty();
    EXPECT_FALSE(ready(Readiness::readable));
    pair.far.send("x");
    EXPECT_TRUE(ready(Readiness::readable));
}

TEST_P(PollTest, an_error_once_taken_does_not_keep_a_datagram_socket_readable) {
    // A resolver whose server is gone: the ICMP error is reported, read, and then over.
    Peer target(::socket(AF_INET, SOCK_DGRAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ASSERT_EQ(::bind(target.fd(), reinterpret_cast<sockaddr*>(&address), length), 0);
    ASSERT_EQ(::getsockname(target.fd(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    OpenSocket datagrams(loop, fd);
    ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
    target.close();
    TestOp op(loop);
    op.poll(datagrams, Readiness::readable);
    turn(loop);
    ASSERT_TRUE(op.running());
    ASSERT_EQ(::send(fd, "?", 1, 0), 1);
    EXPECT_EQ(op.wait(), 0);
    char text[8];
    EXPECT_EQ(::recv(fd, text, sizeof text, 0), -1);
    EXPECT_EQ(errno, ECONNREFUSED);
    EXPECT_EQ(::recv(fd, text, sizeof text, 0), -1);
    EXPECT_EQ(errno, EAGAIN);
    datagrams.found_empty();
    op.poll(datagrams, Readiness::readable);
    turn(loop);
    EXPECT_TRUE(op.running());
}

TEST_P(PollTest, input_and_output_can_be_waited_for_at_the_same_time) {
    TestOp in(loop), out(loop);
    in.poll(socket, Readiness::peer_done);
    out.poll(socket, Readiness::writable);
    EXPECT_EQ(out.wait(), 0);
    EXPECT_TRUE(in.running());
    pair.far.reset();
    EXPECT_EQ(in.wait(), 0);
    out.poll(socket, Readiness::writable);
    EXPECT_EQ(out.wait(), 0);
}

ON_BOTH_ENGINES(PollTest);

}  // namespace
}  // namespace neosocksd::io
