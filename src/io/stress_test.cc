// Random traffic over two hundred connections of one loop: receives, sends, polls, cancels and
// closes in any order, while each byte of each stream must arrive once and in order.

#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "io/engine_fixture.h"

namespace neosocksd::io {
namespace {

// The byte at a position of a stream: a different sequence for each stream.
char byte_at(std::size_t stream, std::uint64_t position) {
    return static_cast<char>((position * 31 + position / 256 + stream * 17) & 0xff);
}

// One end of a connection that is in the loop at both ends.
class End {
public:
    End(Loop& loop, int fd, std::size_t sends, std::size_t receives)
        : socket(loop, fd), in(loop), out(loop), sends_(sends), receives_(receives) {}

    // Starts what is asked if nothing of that direction is under way.
    void receive() {
        if (socket.is_open() && !in.running()) {
            account();
            receiving_ = true;
            in.recv(socket);
            account();
        }
    }
    void send(std::size_t size) {
        if (!socket.is_open() || out.running() || finished) return;
        account();
        text_.resize(size);
        for (std::size_t i = 0; i < size; i++) text_[i] = byte_at(sends_, sent + i);
        sending_ = true;
        out.send(socket, text_);
        account();
    }
    void poll(Readiness readiness) {
        if (!socket.is_open()) return;
        account();
        TestOp& op = readiness == Readiness::writable ? out : in;
        if (!op.running()) op.poll(socket, readiness);
    }
    void cancel() {
        if (in.running()) in.cancel();
        if (out.running()) out.cancel();
    }
    void finish() {
        if (!socket.is_open() || out.running() || finished) return;
        account();
        finished = true;
        ::shutdown(socket.fd(), SHUT_WR);
    }
    void close(Loop& loop) {
        if (!socket.is_open() || in.running() || out.running()) return;
        account();
        loop.engine().close(socket);
    }

    // Looks at what has ended since the last time.
    void account() {
        if (sending_ && !out.running()) {
            sending_ = false;
            if (out.result > 0) sent += static_cast<std::uint64_t>(out.result);
            if (out.result < 0)
                EXPECT_TRUE(out.result == -EAGAIN || out.result == -ECANCELED ||
                            out.result == -EPIPE || out.result == -ECONNRESET)
                    << out.result;
        }
        if (receiving_ && !in.running()) {
            receiving_ = false;
            if (in.result == 0) end_seen = true;
            if (in.result < 0)
                EXPECT_TRUE(in.result == -ECANCELED || in.result == -ECONNRESET) << in.result;
        }
        for (const char c : in.received) {
            if (c != byte_at(receives_, received)) wrong = true;
            received++;
        }
        in.received.clear();
    }

    OpenSocket socket;
    TestOp in, out;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    bool finished = false;
    bool end_seen = false;
    bool wrong = false;

private:
    std::size_t sends_;
    std::size_t receives_;
    std::string text_;
    bool sending_ = false;
    bool receiving_ = false;
};

struct Connection {
    Connection(Loop& loop, Pair pair, std::size_t number)
        : left(loop, pair.near, 2 * number, 2 * number + 1),
          right(loop, nonblocking(pair.far.release()), 2 * number + 1, 2 * number) {}
    static int nonblocking(int fd) {
        set_nonblocking(fd);
        return fd;
    }
    bool cut() const { return !left.socket.is_open() || !right.socket.is_open(); }
    void account() {
        left.account();
        right.account();
    }

    End left, right;
};

using StressTest = EngineTest;

TEST_P(StressTest, no_byte_is_lost_or_moved_under_random_operations) {
    constexpr std::size_t kConnections = 200;
    constexpr int kSteps = 60'000;
    std::mt19937 random(test_seed());
    const auto below = [&](std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
    };
    std::size_t number = 0;
    const auto fresh = [&] {
        number++;
        return std::make_unique<Connection>(loop, number % 2 ? tcp_pair() : unix_pair(), number);
    };
    std::vector<std::unique_ptr<Connection>> connections;
    for (std::size_t i = 0; i < kConnections; i++) connections.push_back(fresh());

    std::uint64_t total = 0;
    for (int step = 0; step < kSteps; step++) {
        auto& connection = connections[below(kConnections)];
        End& end = below(2) ? connection->left : connection->right;
        switch (below(20)) {
        default: end.receive(); break;
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
        case 5: end.send(1 + below(below(4) ? 200 : 100'000)); break;
        case 6: end.poll(Readiness::readable); break;
        case 7: end.poll(Readiness::writable); break;
        case 8: end.poll(below(2) ? Readiness::peer_done : Readiness::reset); break;
        case 9:
        case 10: end.cancel(); break;
        case 11:
            if (below(8) == 0) end.finish();
            break;
        case 12:
            if (below(8) == 0) end.close(loop);
            break;
        case 13:
            // Newcomers in the place of the dead, and with their addresses.
            if (connection->cut()) {
                connection->left.cancel();
                connection->right.cancel();
                ASSERT_TRUE(run_until(loop, [&] {
                    return !connection->left.in.running() && !connection->left.out.running() &&
                           !connection->right.in.running() && !connection->right.out.running();
                }));
                connection->account();
                total += connection->left.received + connection->right.received;
                EXPECT_FALSE(connection->left.wrong || connection->right.wrong);
                EXPECT_LE(connection->left.received, connection->right.sent);
                EXPECT_LE(connection->right.received, connection->left.sent);
                connection.reset();
                connection = fresh();
            }
            break;
        }
        if (below(10) == 0) loop.run_once(Duration::zero());
        ASSERT_FALSE(connection->left.wrong || connection->right.wrong) << "step " << step;
    }

    // What still lives ends in good order: everything that was sent arrives, then the end.
    for (auto& connection : connections) {
        connection->left.cancel();
        connection->right.cancel();
    }
    ASSERT_TRUE(run_until(loop, [&] {
        for (auto& connection : connections)
            for (End* end : {&connection->left, &connection->right})
                if (end->in.running() || end->out.running()) return false;
        return true;
    }));
    for (auto& connection : connections) {
        if (connection->cut()) continue;
        connection->left.finish();
        connection->right.finish();
    }
    ASSERT_TRUE(run_until(loop, [&] {
        bool all = true;
        for (auto& connection : connections) {
            if (connection->cut()) continue;
            for (End* end : {&connection->left, &connection->right}) {
                end->account();
                if (end->end_seen) continue;
                end->receive();
                all = false;
            }
        }
        return all;
    }));
    for (auto& connection : connections) {
        connection->account();
        EXPECT_FALSE(connection->left.wrong || connection->right.wrong);
        total += connection->left.received + connection->right.received;
        if (connection->cut()) continue;
        EXPECT_EQ(connection->left.received, connection->right.sent);
        EXPECT_EQ(connection->right.received, connection->left.sent);
    }
    EXPECT_GT(total, 1'000'000U);
}

ON_BOTH_ENGINES(StressTest);

}  // namespace
}  // namespace neosocksd::io
