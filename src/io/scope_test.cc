// Cancellation: the reason reaches every wait below a scope, also those that come later, and a
// deadline is a cancellation.

#include "io/scope.h"

#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "io/await.h"
#include "io/engine_fixture.h"
#include "io/task_group.h"

namespace neosocksd::io {
namespace {

using namespace std::chrono_literals;

class ScopeTest : public EngineTest {
protected:
    // The error code with which a long sleep in the scope ends.
    Task<void> sleeper(Scope& scope, int& code) {
        const auto slept = co_await nap().in_scope(scope);
        code = slept ? 0 : slept.error().code;
    }
    Task<Result<void>> nap() {
        const auto slept = co_await sleep(loop, 1h);
        co_return slept;
    }
    bool drain() {
        return run_until(loop, [&] { return group.empty(); });
    }

    TaskGroup group;
};

TEST_P(ScopeTest, cancel_reaches_all_below_and_nothing_beside) {
    Scope root(nullptr), left(&root), right(&root), leaf(&left);
    int codes[4] = {-1, -1, -1, -1};
    group.spawn(sleeper(root, codes[0]));
    group.spawn(sleeper(left, codes[1]));
    group.spawn(sleeper(right, codes[2]));
    group.spawn(sleeper(leaf, codes[3]));
    left.cancel(ETIMEDOUT);
    ASSERT_TRUE(run_until(loop, [&] { return group.size() == 2; }));
    EXPECT_EQ(codes[0], -1);
    EXPECT_EQ(codes[1], ETIMEDOUT);
    EXPECT_EQ(codes[2], -1);
    EXPECT_EQ(codes[3], ETIMEDOUT);
    root.cancel(ECANCELED);
    ASSERT_TRUE(drain());
    EXPECT_EQ(codes[0], ECANCELED);
    EXPECT_EQ(codes[2], ECANCELED);
    EXPECT_EQ(left.reason(), ETIMEDOUT) << "the first reason stays";
}

TEST_P(ScopeTest, a_child_of_a_cancelled_scope_is_cancelled) {
    Scope root(nullptr);
    root.cancel(ETIMEDOUT);
    Scope child(&root);
    EXPECT_EQ(child.reason(), ETIMEDOUT);
    int code = -1;
    group.spawn(sleeper(child, code));
    EXPECT_TRUE(group.empty()) << "waited in a cancelled scope";
    EXPECT_EQ(code, ETIMEDOUT);
}

TEST_P(ScopeTest, every_kind_of_wait_fails_at_once_after_cancel) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    const Listener listener;
    group.cancel(ETIMEDOUT);
    int seen = 0;
    const auto task = [&]() -> Task<void> {
        const auto got = co_await recv(loop, socket, [](std::string_view) { FAIL(); });
        EXPECT_EQ(got.error().code, ETIMEDOUT);
        const auto sent = co_await send_some(loop, socket, "x");
        EXPECT_EQ(sent.error().code, ETIMEDOUT);
        const auto all = co_await send_all(loop, socket, "x");
        EXPECT_EQ(all.error().code, ETIMEDOUT);
        const auto up = co_await connect(loop, socket, listener.endpoint());
        EXPECT_EQ(up.error().code, ETIMEDOUT);
        const auto ready = co_await wait_for(loop, socket, Readiness::writable);
        EXPECT_EQ(ready.error().code, ETIMEDOUT);
        const auto slept = co_await sleep(loop, 0ns);
        EXPECT_EQ(slept.error().code, ETIMEDOUT);
        seen++;
    };
    group.spawn(task());
    EXPECT_EQ(seen, 1);
}

TEST_P(ScopeTest, every_kind_of_wait_ends_with_the_reason) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    const Listener silent(0);
    std::vector<Peer> crowd;
    for (int i = 0; i < 4; i++) {
        crowd.emplace_back(open_tcp_socket(AF_INET));
        sockaddr_storage address;
        const socklen_t length = silent.endpoint().to_sockaddr(address);
        ::connect(crowd.back().fd(), reinterpret_cast<sockaddr*>(&address), length);
    }
    OpenSocket unconnected(loop, open_tcp_socket(AF_INET));
    std::vector<int> codes;
    const auto receiving = [&]() -> Task<void> {
        const auto got = co_await recv(loop, socket, [](std::string_view) { FAIL(); });
        codes.push_back(got.error().code);
    };
    const auto connecting = [&]() -> Task<void> {
        const auto up = co_await connect(loop, unconnected, silent.endpoint());
        codes.push_back(up.error().code);
    };
    const auto sending = [&]() -> Task<void> {
        const std::string much(64'000'000, 'x');
        const auto sent = co_await send_all(loop, socket, much);
        codes.push_back(sent.error().code);
    };
    group.spawn(receiving());
    group.spawn(connecting());
    group.spawn(sending());
    turn(loop, 10);
    ASSERT_EQ(group.size(), 3U);
    group.cancel(ETIMEDOUT);
    ASSERT_TRUE(drain());
    EXPECT_EQ(codes, (std::vector{ETIMEDOUT, ETIMEDOUT, ETIMEDOUT}));
}

TEST_P(ScopeTest, after_a_cancel_one_can_still_wait_in_another_scope) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    Scope parting(nullptr);
    bool sent = false;
    const auto farewell = [&]() -> Task<Result<void>> {
        const auto result = co_await send_all(loop, socket, "bye");
        co_return result;
    };
    const auto task = [&]() -> Task<void> {
        const auto slept = co_await sleep(loop, 1h);
        EXPECT_FALSE(slept);
        const auto result = co_await farewell().in_scope(parting);
        sent = result.has_value();
    };
    group.spawn(task());
    group.cancel();
    ASSERT_TRUE(drain());
    EXPECT_TRUE(sent);
}

TEST_P(ScopeTest, a_deadline_ends_the_waits_and_says_so) {
    Scope scope(nullptr);
    int code = -1;
    group.spawn(sleeper(scope, code));
    const Deadline deadline(loop, scope, 1ms);
    ASSERT_TRUE(drain());
    EXPECT_EQ(code, ETIMEDOUT);
}

TEST_P(ScopeTest, a_deadline_that_is_stopped_or_gone_cancels_nothing) {
    Scope scope(nullptr);
    {
        const Deadline gone(loop, scope, 0ns);
    }
    Deadline stopped(loop, scope, 0ns);
    stopped.stop();
    stopped.stop();
    turn(loop);
    EXPECT_FALSE(scope.cancelled());
}

TEST_P(ScopeTest, a_deadline_counts_from_the_handler_that_sets_it) {
    // After an idle time a new session has all of its time.
    Pair pair = unix_pair();
    OpenSocket socket(loop, pair.near);
    turn(loop);
    Scope scope(nullptr);
    TimePoint sent{}, fired{};
    const auto task = [&]() -> Task<void> {
        const auto ready = co_await wait_for(loop, socket, Readiness::readable);
        EXPECT_TRUE(ready);
        const Deadline deadline(loop, scope, 10ms);
        int code = -1;
        co_await sleeper(scope, code);
        fired = Clock::now();
        EXPECT_EQ(code, ETIMEDOUT);
    };
    group.spawn(task());
    const TimePoint start = Clock::now();
    std::thread sender([&] {
        while (Clock::now() < start + 30ms) std::this_thread::yield();
        sent = Clock::now();
        pair.far.send("x");
    });
    ASSERT_TRUE(drain());
    sender.join();
    EXPECT_GE(fired - sent, 10ms);
}

TEST_P(ScopeTest, cancelling_twice_or_from_within_is_harmless) {
    Scope scope(nullptr);
    int code = -1;
    group.spawn(sleeper(scope, code));
    scope.cancel(ECANCELED);
    scope.cancel(ETIMEDOUT);
    ASSERT_TRUE(drain());
    EXPECT_EQ(code, ECANCELED);
    TaskGroup own;
    int after = -1;
    const auto task = [&]() -> Task<void> {
        co_await sleep(loop, 0ns);
        own.cancel();
        const auto slept = co_await sleep(loop, 1h);
        after = slept.error().code;
    };
    own.spawn(task());
    ASSERT_TRUE(run_until(loop, [&] { return own.empty(); }));
    EXPECT_EQ(after, ECANCELED);
}

ON_BOTH_ENGINES(ScopeTest);

}  // namespace
}  // namespace neosocksd::io
