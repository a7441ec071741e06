// A relay moves between two loops in two threads while bytes flow both ways.

#include <atomic>
#include <thread>

#include "net/relay_fixture.h"

namespace neosocksd::net {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;

// A thread with a loop and what relays need there.
class RelayThread {
public:
    explicit RelayThread(RelayCase which) : thread_([this, which] { run(which); }) {
        ready_.wait(false);
    }
    ~RelayThread() {
        post([this] { loop_->stop(); });
        thread_.join();
    }
    void post(io::Message message) {
        while (!loop_->post(message)) std::this_thread::yield();
    }
    RelayContext& context() { return *context_; }

private:
    void run(RelayCase which) {
        io::Loop loop(which.engine);
        RelayContext context(loop, which.mode, 16);
        loop_ = &loop;
        context_ = &context;
        ready_ = true;
        ready_.notify_all();
        loop.run();
        EXPECT_EQ(context.pipes.lent(), 0u);
        EXPECT_EQ(context.bulk_relays.load(), 0);
    }

    io::Loop* loop_ = nullptr;
    RelayContext* context_ = nullptr;
    std::atomic<bool> ready_ = false;
    std::thread thread_;
};

// Goes to the other thread whenever it is told to, from whichever thread that is.
class RestlessRelay : public Relay {
public:
    RestlessRelay(RelayThread& first, RelayThread& second) : here_(&first), there_(&second) {}

    // In the thread where the relay is.
    void hop() { move_out(); }

    std::atomic<int> moves = 0;
    std::atomic<bool> moving = false;
    std::atomic<bool> ended = false;
    End end = End::stopped;
    RelayThread& here() { return *here_; }

protected:
    void on_end(End reason) override {
        end = reason;
        ended = true;
    }
    void on_moved_out() override {
        std::swap(here_, there_);
        here_->post([this] {
            move_in(here_->context());
            moves++;
            moving = false;
        });
    }

private:
    RelayThread* here_;
    RelayThread* there_;
};

using RelayThreadsTest = RelayTest;
ON_EVERY_RELAY(RelayThreadsTest);

void move_all_the_time(RelayCase which, unsigned seed, int buffers, bool half_closed) {
    RelayThread one(which);
    RelayThread two(which);
    io::Pair left = io::tcp_pair();
    io::Pair right = io::tcp_pair();
    for (const int fd : {left.near, left.far.fd(), right.near, right.far.fd()})
        if (buffers > 0) set_buffers(fd, buffers);
    FarEnd client(left.far.release(), seed, seed + 1);
    FarEnd target(right.far.release(), seed + 1, seed);
    RestlessRelay relay(one, two);
    relay.client().adopt(left.near);
    relay.target().adopt(right.near);
    if (half_closed) client.finish();
    one.post([&] { relay.start(one.context(), {}, {}, 0); });

    constexpr int kMoves = 200;
    std::mt19937 random(seed);
    const auto bound = io::Clock::now() + io::kFailureBound;
    while (!(relay.ended && client.over() && target.over())) {
        ASSERT_LT(io::Clock::now(), bound);
        if (relay.moves < kMoves) {
            if (!half_closed && client.all_sent()) client.send_more(kMiB);
            if (target.all_sent()) target.send_more(kMiB);
            const unsigned mood = random() % 64;
            client.reading = half_closed || mood > 8;
            target.reading = mood < 56;
            if (!relay.moving && random() % 8 == 0) {
                relay.moving = true;
                relay.here().post([&] { relay.hop(); });
            }
        } else {
            client.reading = target.reading = true;
            client.finish();
            target.finish();
        }
        const bool moved = client.step();
        if (!target.step() && !moved) std::this_thread::yield();
    }
    EXPECT_EQ(relay.end, Relay::End::finished);
    EXPECT_EQ(target.received, client.to_send);
    EXPECT_EQ(client.received, target.to_send);
    EXPECT_EQ(relay.up_bytes(), client.to_send);
    EXPECT_EQ(relay.down_bytes(), target.to_send);
}

TEST_P(RelayThreadsTest, moves_between_threads_under_load) {
    move_all_the_time(GetParam(), seed, 0, false);
}

TEST_P(RelayThreadsTest, moves_between_threads_with_slow_readers) {
    move_all_the_time(GetParam(), seed, 32 * 1024, false);
}

TEST_P(RelayThreadsTest, moves_between_threads_when_half_closed) {
    move_all_the_time(GetParam(), seed, 0, true);
}

}  // namespace
}  // namespace neosocksd::net
