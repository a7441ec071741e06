// Connecting on both engines: success, refusal, and a target that never answers.

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "io/engine_fixture.h"

namespace neosocksd::io {
namespace {

using ConnectTest = EngineTest;

TEST_P(ConnectTest, connects) {
    const Listener listener;
    OpenSocket socket(loop, open_tcp_socket(AF_INET));
    TestOp op(loop);
    op.connect(socket, listener.endpoint());
    EXPECT_EQ(op.wait(), 0);
    Peer far = listener.accept();
    op.send(socket, "hi");
    EXPECT_EQ(op.wait(), 2);
    far.send("ho");
    op.recv(socket);
    EXPECT_EQ(op.wait(), 2);
}

TEST_P(ConnectTest, many_connects_of_one_turn_reach_their_own_targets) {
    const Listener first, second;
    std::vector<std::unique_ptr<OpenSocket>> sockets;
    std::vector<std::unique_ptr<TestOp>> ops;
    for (int i = 0; i < 20; i++) {
        sockets.push_back(std::make_unique<OpenSocket>(loop, open_tcp_socket(AF_INET)));
        ops.push_back(std::make_unique<TestOp>(loop));
        ops.back()->connect(*sockets.back(), (i % 2 ? first : second).endpoint());
    }
    for (std::size_t i = 0; i < ops.size(); i++) {
        EXPECT_EQ(ops[i]->wait(), 0);
        EXPECT_EQ(peer_endpoint(sockets[i]->fd()), (i % 2 ? first : second).endpoint());
    }
}

TEST_P(ConnectTest, reports_a_refusal) {
    Endpoint nobody;
    {
        // Bound, not listening, and gone: nobody listens there.
        const Listener gone;
        nobody = gone.endpoint();
    }
    OpenSocket socket(loop, open_tcp_socket(AF_INET));
    TestOp op(loop);
    op.connect(socket, nobody);
    EXPECT_EQ(op.wait(), -ECONNREFUSED);
}

TEST_P(ConnectTest, reports_what_fails_at_once) {
    OpenSocket socket(loop, open_tcp_socket(AF_INET));
    TestOp op(loop);
    op.connect(socket, Endpoint{IpAddress::v4({255, 255, 255, 255}), 80});
    EXPECT_LT(op.wait(), 0);
    EXPECT_NE(op.result, -ECANCELED);
}

TEST_P(ConnectTest, can_be_cancelled_while_the_target_is_silent) {
    // The kernel drops handshakes for a listener whose backlog is full.
    const Listener listener(0);
    std::vector<Peer> crowd;
    for (int i = 0; i < 4; i++) {
        crowd.emplace_back(open_tcp_socket(AF_INET));
        sockaddr_storage address;
        const socklen_t length = listener.endpoint().to_sockaddr(address);
        ::connect(crowd.back().fd(), reinterpret_cast<sockaddr*>(&address), length);
    }
    OpenSocket socket(loop, open_tcp_socket(AF_INET));
    TestOp op(loop);
    op.connect(socket, listener.endpoint());
    turn(loop);
    ASSERT_TRUE(op.running());
    op.cancel();
    EXPECT_EQ(op.wait(), -ECANCELED);
    turn(loop);
    EXPECT_EQ(op.completions, 1);
}

ON_BOTH_ENGINES(ConnectTest);

}  // namespace
}  // namespace neosocksd::io
