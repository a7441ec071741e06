#include "proxy/hangup_watch.h"

#include <optional>

#include "base/limits.h"
#include "io/engine_fixture.h"
#include "io/task_group.h"

namespace neosocksd::proxy {
namespace {

class HangupWatchTest : public io::EngineTest {
protected:
    void watch(bool end_means_gone) { guard.emplace(loop, client, scope, end_means_gone); }
    void stop() {
        bool stopped = false;
        io::TaskGroup group;
        group.spawn(await_stop(*guard, stopped));
        ASSERT_TRUE(io::run_until(loop, [&] { return stopped; }));
        guard.reset();
    }
    static io::Task<void> await_stop(HangupWatch& watch, bool& stopped) {
        co_await watch.stop();
        stopped = true;
    }
    // Long enough for a watch to have begun, and to have seen all that there is to see.
    void let_it_look() {
        struct Alarm : io::Timer {
            Alarm() : Timer([](Timer& timer) { static_cast<Alarm&>(timer).rang = true; }) {}
            bool rang = false;
        } alarm;
        loop.start_timer(alarm, 2 * limits::kHangupWatchDelay);
        ASSERT_TRUE(io::run_until(loop, [&] { return alarm.rang; }));
        io::turn(loop);
    }
    void expect_gone() {
        ASSERT_TRUE(io::run_until(loop, [&] { return scope.cancelled(); }));
        EXPECT_EQ(scope.reason(), ECONNRESET);
    }
    void TearDown() override {
        if (guard) stop();
    }

    io::Pair pair = io::tcp_pair();
    io::OpenSocket client{loop, pair.near};
    io::Peer& far = pair.far;
    io::Scope scope{nullptr};
    std::optional<HangupWatch> guard;
};
ON_BOTH_ENGINES(HangupWatchTest);

TEST_P(HangupWatchTest, an_end_without_early_data_means_gone) {
    watch(true);
    far.finish();
    expect_gone();
}

TEST_P(HangupWatchTest, an_end_after_a_while_means_gone) {
    watch(true);
    let_it_look();
    EXPECT_FALSE(scope.cancelled());
    far.finish();
    expect_gone();
}

TEST_P(HangupWatchTest, an_end_behind_early_data_is_a_half_close) {
    watch(true);
    far.send("early");
    far.finish();
    let_it_look();
    EXPECT_FALSE(scope.cancelled());
    // The data is still there.
    stop();
    io::TestOp op(loop);
    op.recv(client);
    EXPECT_EQ(op.wait(), 5);
    EXPECT_EQ(op.received, "early");
    op.recv(client);
    EXPECT_EQ(op.wait(), 0);
}

TEST_P(HangupWatchTest, early_data_alone_is_no_sign) {
    watch(true);
    far.send("early");
    let_it_look();
    EXPECT_FALSE(scope.cancelled());
    far.finish();
    let_it_look();
    EXPECT_FALSE(scope.cancelled());
}

TEST_P(HangupWatchTest, a_reset_always_means_gone) {
    for (const bool end_means_gone : {true, false}) {
        io::Pair other = io::tcp_pair();
        io::OpenSocket socket(loop, other.near);
        io::Scope dial(nullptr);
        guard.emplace(loop, socket, dial, end_means_gone);
        other.far.reset();
        ASSERT_TRUE(io::run_until(loop, [&] { return dial.cancelled(); }));
        EXPECT_EQ(dial.reason(), ECONNRESET);
        stop();
    }
}

TEST_P(HangupWatchTest, a_reset_behind_early_data_means_gone) {
    for (const bool finish_first : {true, false}) {
        for (const bool seen_before : {true, false}) {
            io::Pair other = io::tcp_pair();
            io::OpenSocket socket(loop, other.near);
            io::Scope dial(nullptr);
            guard.emplace(loop, socket, dial, true);
            other.far.send("early");
            if (finish_first) other.far.finish();
            if (seen_before) let_it_look();
            EXPECT_FALSE(dial.cancelled());
            other.far.reset();
            EXPECT_TRUE(io::run_until(loop, [&] { return dial.cancelled(); }));
            stop();
        }
    }
}

TEST_P(HangupWatchTest, where_nothing_is_asked_an_end_is_legal) {
    watch(false);
    far.finish();
    let_it_look();
    EXPECT_FALSE(scope.cancelled());
    far.reset();
    expect_gone();
}

TEST_P(HangupWatchTest, a_quick_stop_leaves_nothing_behind) {
    watch(true);
    bool stopped = false;
    io::TaskGroup group;
    group.spawn(await_stop(*guard, stopped));
    EXPECT_TRUE(stopped);  // without a turn of the loop
    guard.reset();
    far.finish();
    let_it_look();
    EXPECT_FALSE(scope.cancelled());
}

TEST_P(HangupWatchTest, may_be_stopped_in_any_state) {
    watch(true);
    let_it_look();
    stop();  // while it waits
    watch(true);
    let_it_look();
    far.send("early");
    far.finish();
    stop();  // what it waited for has just happened
    EXPECT_FALSE(scope.cancelled());
    watch(true);
    let_it_look();
    stop();  // while it waits for a reset
    watch(false);
    far.reset();
    expect_gone();
    stop();  // when all is over
}

// The reader that comes after it finds what came while it watched.
TEST_P(HangupWatchTest, costs_its_socket_no_readiness) {
    watch(true);
    let_it_look();
    far.send("while it watched");
    io::turn(loop);
    stop();
    io::TestOp op(loop);
    op.recv(client);
    EXPECT_EQ(op.wait(), 16);
    far.send("later");
    op.recv(client);
    EXPECT_EQ(op.wait(), 5);
}

}  // namespace
}  // namespace neosocksd::proxy
