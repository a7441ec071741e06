// The loop: wake-ups from other threads, deferred completions, timers and stopping, on both
// engines.

#include "io/loop.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "io/engine_fixture.h"

#if __has_feature(thread_sanitizer)
// liburing maps and unmaps its rings by system calls that the sanitizer does not see: the ring of
// one thread at the address of another's, which is gone, looks like shared memory to it.
extern "C" const char* __tsan_default_suppressions() {
    return "race:^io_uring_\nrace:^__io_uring_\n";
}
#endif

namespace neosocksd::io {
namespace {

using namespace std::chrono_literals;

struct TestTimer : Timer {
    explicit TestTimer(std::function<void()> action)
        : Timer([](Timer& timer) { static_cast<TestTimer&>(timer).action(); }),
          action(std::move(action)) {}
    std::function<void()> action;
};

using LoopTest = EngineTest;

TEST_P(LoopTest, uses_the_engine_it_was_asked_for) {
    EXPECT_STREQ(loop.engine().name(), on_uring() ? "uring" : "epoll");
}

TEST_P(LoopTest, a_message_wakes_a_waiting_loop) {
    std::thread sender([&] {
        Message message = [&] { loop.stop(); };
        EXPECT_TRUE(loop.post(message));
    });
    loop.run();  // would wait an hour
    sender.join();
}

TEST_P(LoopTest, busy_polling_delivers_messages_and_timers_alike) {
    loop.set_busy_poll(std::chrono::microseconds(500));
    int arrived = 0;
    struct Tick : Timer {
        explicit Tick(Loop& owner) : Timer(&Tick::expired), loop(owner) {}
        static void expired(Timer& timer) {
            auto& tick = static_cast<Tick&>(timer);
            if (++tick.count < 30) tick.loop.start_timer(tick, std::chrono::milliseconds(2));
        }
        Loop& loop;
        int count = 0;
    } tick(loop);
    loop.start_timer(tick, Duration::zero());
    std::thread sender([&] {
        for (int i = 0; i < 100; i++) {
            Message message = [&] { arrived++; };
            while (!loop.post(message)) std::this_thread::yield();
            for (int pause = 0; pause < 10 * i; pause++) std::this_thread::yield();
        }
    });
    ASSERT_TRUE(run_until(loop, [&] { return arrived == 100 && tick.count == 30; }));
    sender.join();
}

TEST_P(LoopTest, messages_of_four_threads_all_arrive) {
    constexpr int kEach = 5000;
    int arrived = 0;
    std::vector<std::thread> senders;
    for (int t = 0; t < 4; t++)
        senders.emplace_back([&] {
            for (int i = 0; i < kEach; i++) {
                Message message = [&] {
                    if (++arrived == 4 * kEach) loop.stop();
                };
                while (!loop.post(message)) std::this_thread::yield();
            }
        });
    loop.run();
    for (auto& sender : senders) sender.join();
    EXPECT_EQ(arrived, 4 * kEach);
}

TEST_P(LoopTest, messages_still_arrive_after_stop) {
    // As when a server drains: the loop is turned by hand once run() has returned.
    int arrived = 0;
    for (int i = 1; i <= 3; i++) {
        Message message = [&] {
            arrived++;
            loop.stop();
        };
        ASSERT_TRUE(loop.post(message));
        ASSERT_TRUE(run_until(loop, [&] { return arrived == i; })) << i;
    }
}

TEST_P(LoopTest, a_closed_mailbox_refuses) {
    loop.close_mailbox();
    Message message = [] {};
    EXPECT_FALSE(loop.post(message));
    EXPECT_TRUE(message);
}

TEST_P(LoopTest, stop_from_a_timer_ends_run) {
    TestTimer timer([&] { loop.stop(); });
    loop.start_timer(timer, 1ms);
    loop.run();
    EXPECT_FALSE(timer.active());
}

TEST_P(LoopTest, timers_run_in_order_and_never_early) {
    std::vector<int> ran;
    const TimePoint start = loop.now();
    TestTimer late([&] {
        ran.push_back(2);
        EXPECT_GE(loop.now() - start, 5ms);
        loop.stop();
    });
    TestTimer soon([&] {
        ran.push_back(1);
        EXPECT_GE(loop.now() - start, 1ms);
    });
    loop.start_timer(late, 5ms);
    loop.start_timer(soon, 1ms);
    loop.run();
    EXPECT_EQ(ran, (std::vector{1, 2}));
}

TEST_P(LoopTest, a_handler_sees_the_time_after_the_wait) {
    // A delay counts from when the handler runs, not from when the loop began to wait: or the
    // first session after an idle hour would be out of time at once.
    Pair pair = unix_pair();
    OpenSocket socket(loop, pair.near);
    TestOp op(loop);
    turn(loop);
    const TimePoint before = loop.now();
    TimePoint seen{};
    op.then = [&] { seen = loop.now(); };
    op.poll(socket, Readiness::readable);
    TimePoint sent{};
    std::thread sender([&] {
        while (Clock::now() < before + 20ms) std::this_thread::yield();
        sent = Clock::now();
        pair.far.send("x");
    });
    op.wait();
    sender.join();
    EXPECT_GE(seen, sent);
}

TEST_P(LoopTest, a_deferred_operation_completes_later_and_once) {
    TestOp op(loop);
    op.defer(7);
    EXPECT_TRUE(op.pending());
    EXPECT_EQ(op.completions, 0);
    EXPECT_EQ(op.wait(), 7);
    turn(loop);
    EXPECT_EQ(op.completions, 1);
}

TEST_P(LoopTest, deferring_again_from_the_handler_lets_input_through) {
    Pair pair = unix_pair();
    OpenSocket socket(loop, pair.near);
    TestOp input(loop);
    input.recv(socket);
    TestOp busy(loop);
    busy.then = [&] {
        if (input.completions == 0) busy.defer(0);
    };
    busy.defer(0);
    pair.far.send("x");
    EXPECT_EQ(input.wait(), 1);
    busy.wait();
}

TEST_P(LoopTest, a_timer_without_delay_lets_input_through) {
    Pair pair = unix_pair();
    OpenSocket socket(loop, pair.near);
    TestOp input(loop);
    input.recv(socket);
    int turns = 0;
    TestTimer busy([&] {
        if (turns++ == 0) pair.far.send("x");
        if (input.completions == 0 && turns < 1'000'000) loop.start_timer(busy, 0ns);
    });
    loop.start_timer(busy, 0ns);
    EXPECT_EQ(input.wait(), 1);
    EXPECT_LT(turns, 1'000'000);
    loop.stop_timer(busy);
}

TEST_P(LoopTest, a_deferred_operation_cannot_be_cancelled_any_more) {
    TestOp op(loop);
    op.defer(5);
    op.cancel();
    EXPECT_EQ(op.wait(), 5);
    turn(loop);
    EXPECT_EQ(op.completions, 1);
}

TEST_P(LoopTest, can_be_destroyed_at_any_moment) {
    {
        const Loop never_run(GetParam());
    }
    {
        Loop once(GetParam());
        once.run_once(0ms);
    }
    const auto object = std::make_shared<int>(0);
    {
        // A message that has not run yet is destroyed, not run: what it is about may be gone.
        Loop posted(GetParam());
        posted.run_once(0ms);
        Message message = [object] { ++*object; };
        ASSERT_TRUE(posted.post(message));
    }
    EXPECT_EQ(*object, 0);
    EXPECT_EQ(object.use_count(), 1);
}

TEST_P(LoopTest, a_loop_lives_in_any_thread_that_makes_it) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; i++)
        threads.emplace_back([&] {
            Loop own(GetParam());
            Message message = [&] { own.stop(); };
            EXPECT_TRUE(own.post(message));
            own.run();
        });
    for (auto& thread : threads) thread.join();
}

ON_BOTH_ENGINES(LoopTest);

TEST(DeferQueueTest, what_a_handler_queues_waits_for_the_next_run) {
    DeferQueue queue;
    struct Counter : Op {
        explicit Counter(DeferQueue& queue)
            : Op([](Op& op, int result) {
                  auto& self = static_cast<Counter&>(op);
                  self.results.push_back(result);
                  if (result > 0) self.queue.push(self, result - 1);
              }),
              queue(queue) {}
        DeferQueue& queue;
        std::vector<int> results;
    };
    Counter a(queue), b(queue);
    queue.push(a, 2);
    queue.push(b, 0);
    queue.run();
    EXPECT_EQ(a.results, (std::vector{2}));
    EXPECT_EQ(b.results, (std::vector{0}));
    EXPECT_TRUE(a.pending());
    EXPECT_FALSE(b.pending());
    queue.run();
    queue.run();
    EXPECT_EQ(a.results, (std::vector{2, 1, 0}));
    EXPECT_TRUE(queue.empty());
    queue.run();
}

TEST(DeferQueueTest, a_handler_may_queue_one_that_already_ran) {
    DeferQueue queue;
    struct Chained : Op {
        explicit Chained(DeferQueue& queue)
            : Op([](Op& op, int) {
                  auto& self = static_cast<Chained&>(op);
                  self.runs++;
                  if (self.other && !self.other->pending()) self.queue.push(*self.other, 0);
              }),
              queue(queue) {}
        DeferQueue& queue;
        Chained* other = nullptr;
        int runs = 0;
    };
    Chained a(queue), b(queue);
    b.other = &a;
    queue.push(a, 0);
    queue.push(b, 0);
    queue.run();
    EXPECT_EQ(a.runs, 1);
    queue.run();
    EXPECT_EQ(a.runs, 2);
    EXPECT_EQ(b.runs, 1);
}

TEST(LoopChoiceTest, automatic_always_finds_an_engine) {
    Loop loop(EngineChoice::automatic);
    std::string reason;
    const auto uring = probe_uring(reason);
    EXPECT_STREQ(loop.engine().name(), uring ? "uring" : "epoll");
    EXPECT_EQ(uring.has_value(), reason.empty());
}

}  // namespace
}  // namespace neosocksd::io
