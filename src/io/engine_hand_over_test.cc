// A connection changes its Socket, its loop and its thread without losing a byte or a wake-up.

#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "io/engine_fixture.h"

namespace neosocksd::io {
namespace {

using HandOverTest = EngineTest;

TEST_P(HandOverTest, a_moved_socket_keeps_unread_data_and_later_input) {
    for (const bool used : {false, true}) {
        Pair pair = tcp_pair();
        OpenSocket from(loop, pair.near);
        OpenSocket to(loop, -1);
        TestOp op(loop);
        if (used) {
            op.recv(from);
            turn(loop);
            pair.far.send("first");
            EXPECT_EQ(op.wait(), 5);
        }
        pair.far.send("unread");
        await_events(from.fd(), POLLIN);
        turn(loop);
        loop.engine().move(from, to);
        EXPECT_FALSE(from.is_open());
        op.recv(to);
        EXPECT_EQ(op.wait(), 6);
        op.recv(to);
        turn(loop);
        EXPECT_TRUE(op.running());
        pair.far.send("later");
        EXPECT_EQ(op.wait(), 5);
        pair.far.finish();
        op.poll(to, Readiness::peer_done);
        EXPECT_EQ(op.wait(), 0);
        op.recv(to);
        EXPECT_EQ(op.wait(), 0);
    }
}

TEST_P(HandOverTest, a_moved_socket_keeps_what_was_reported_of_it) {
    Pair pair = tcp_pair();
    OpenSocket from(loop, pair.near);
    OpenSocket to(loop, -1);
    TestOp op(loop);
    op.poll(from, Readiness::peer_done);
    turn(loop);
    pair.far.send("x");
    pair.far.finish();
    EXPECT_EQ(op.wait(), 0);
    loop.engine().move(from, to);
    op.poll(to, Readiness::peer_done);
    EXPECT_EQ(op.wait(), 0);
    op.poll(to, Readiness::writable);
    EXPECT_EQ(op.wait(), 0);
    op.recv(to);
    EXPECT_EQ(op.wait(), 1);
    op.recv(to);
    EXPECT_EQ(op.wait(), 0);
}

TEST_P(HandOverTest, a_socket_may_move_in_a_handler_while_its_events_wait_in_the_batch) {
    Pair a = unix_pair(), b = unix_pair();
    OpenSocket first(loop, a.near);
    auto from = std::make_unique<OpenSocket>(loop, b.near);
    OpenSocket to(loop, -1);
    TestOp one(loop), two(loop);
    // Both known to the loop.
    two.recv(*from);
    one.recv(first);
    turn(loop);
    two.cancel();
    two.wait();
    a.far.send("x");
    b.far.send("yy");
    one.then = [&] {
        loop.engine().move(*from, to);
        from.reset();
        two.recv(to);
    };
    EXPECT_EQ(one.wait(), 1);
    EXPECT_EQ(two.wait(), 2);
}

TEST_P(HandOverTest, a_connection_goes_to_a_loop_of_another_thread_and_back) {
    for (const EngineChoice other : engines_under_test()) {
        Pair pair = tcp_pair();
        Socket here;
        here.adopt(pair.near);
        TestOp op(loop);
        op.recv(here);
        turn(loop);
        pair.far.send("one");
        EXPECT_EQ(op.wait(), 3);
        op.recv(here);
        turn(loop);
        op.cancel();
        EXPECT_EQ(op.wait(), -ECANCELED);
        pair.far.send("two");
        await_events(here.fd(), POLLIN);
        turn(loop);
        loop.engine().detach(here);
        const int fd = here.release();

        std::string there_read;
        std::thread worker([&] {
            Loop there(other);
            Socket socket;
            socket.adopt(fd);
            TestOp own(there);
            own.recv(socket);
            EXPECT_EQ(own.wait(), 3);
            own.recv(socket);
            turn(there);
            pair.far.send("three");
            EXPECT_EQ(own.wait(), 5);
            there_read = own.received;
            there.engine().detach(socket);
            socket.release();
        });
        worker.join();
        EXPECT_EQ(there_read, "twothree");

        here.adopt(fd);
        op.recv(here);
        turn(loop);
        EXPECT_TRUE(op.running());
        pair.far.send("four");
        EXPECT_EQ(op.wait(), 4);
        pair.far.close();
        op.recv(here);
        EXPECT_EQ(op.wait(), 0);
        loop.engine().close(here);
    }
}

TEST_P(HandOverTest, the_old_loop_is_deaf_to_a_detached_socket) {
    Pair pair = tcp_pair();
    auto socket = std::make_unique<Socket>();
    socket->adopt(pair.near);
    TestOp op(loop);
    op.recv(*socket);
    turn(loop);
    op.cancel();
    op.wait();
    loop.engine().detach(*socket);
    const Peer owner(socket->release());
    socket.reset();
    pair.far.send("x");
    await_events(owner.fd(), POLLIN);
    turn(loop);
    pair.far.reset();
    turn(loop);
}

ON_BOTH_ENGINES(HandOverTest);

}  // namespace
}  // namespace neosocksd::io
