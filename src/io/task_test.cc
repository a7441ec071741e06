// Tasks and groups: values, exceptions, depth, and that nothing outlives its group.

#include "io/task.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/log.h"
#include "base/result.h"
#include "io/await.h"
#include "io/engine_fixture.h"
#include "io/task_group.h"

namespace neosocksd::io {
namespace {

using namespace std::chrono_literals;

// Runs a task that never waits for the loop.
template <typename Make>
void run_now(Make make) {
    TaskGroup group;
    group.spawn(make());
    EXPECT_TRUE(group.empty());
}

Task<int> number(int n) {
    co_return n;
}

Task<std::unique_ptr<int>> owned(int n) {
    co_return std::make_unique<int>(n);
}

Task<Result<int>> half(int n) {
    if (n % 2) co_return failure(EINVAL, "halve");
    co_return n / 2;
}

Task<Result<void>> nothing(bool good) {
    if (!good) co_return failure(EIO, "nothing");
    co_return Result<void>{};
}

Task<int> thrower() {
    throw std::runtime_error("a bug");
    co_return 1;
}

TEST(TaskTest, returns_values_move_only_ones_too) {
    int sum = 0;
    run_now([&]() -> Task<void> {
        sum += co_await number(1);
        std::unique_ptr<int> ten = co_await owned(10);
        sum += *ten;
        const auto good = co_await half(200);
        sum += *good;
        const auto bad = co_await half(3);
        EXPECT_EQ(bad.error().code, EINVAL);
        EXPECT_TRUE(co_await nothing(true));
        EXPECT_FALSE(co_await nothing(false));
    });
    EXPECT_EQ(sum, 111);
}

TEST(TaskTest, starts_only_when_awaited) {
    bool ran = false;
    const auto set = [&]() -> Task<void> {
        ran = true;
        co_return;
    };
    {
        const Task<void> never = set();
    }
    EXPECT_FALSE(ran);
    run_now([&]() -> Task<void> {
        Task<void> later = set();
        EXPECT_FALSE(ran);
        co_await later;
        EXPECT_TRUE(ran);
    });
}

TEST(TaskTest, an_exception_travels_to_the_caller) {
    std::string caught;
    bool after = false;
    run_now([&]() -> Task<void> {
        try {
            co_await thrower();
        } catch (const std::runtime_error& error) {
            caught = error.what();
        }
        after = true;
    });
    EXPECT_EQ(caught, "a bug");
    EXPECT_TRUE(after);
}

Task<int> through(std::shared_ptr<int> witness) {
    const int value = co_await thrower();
    co_return value + *witness;
}

TEST(TaskTest, an_exception_unwinds_the_frames_between) {
    const auto witness = std::make_shared<int>(1);
    run_now([&]() -> Task<void> {
        auto copy = witness;
        EXPECT_THROW(co_await through(std::move(copy)), std::runtime_error);
        EXPECT_EQ(witness.use_count(), 1);
    });
}

TEST(TaskTest, awaits_a_hundred_thousand_ready_tasks_in_a_row) {
    long sum = 0;
    run_now([&]() -> Task<void> {
        for (int i = 0; i < 100'000; i++) sum += co_await number(i);
    });
    EXPECT_EQ(sum, 4'999'950'000);
}

Task<int> depth(int n) {
    if (n == 0) co_return 0;
    const int below = co_await depth(n - 1);
    co_return below + 1;
}

TEST(TaskTest, nests_ten_thousand_deep) {
    int reached = 0;
    run_now([&]() -> Task<void> { reached = co_await depth(10'000); });
    EXPECT_EQ(reached, 10'000);
}

using TaskLoopTest = EngineTest;

Task<void> tick(Loop& loop, int times, int& count) {
    for (int i = 0; i < times; i++) {
        co_await sleep(loop, 0ns);
        count++;
    }
}

TEST_P(TaskLoopTest, a_group_is_drained_when_its_last_task_ends) {
    TaskGroup group, watcher;
    int count = 0;
    std::vector<std::string> story;
    group.spawn(tick(loop, 3, count));
    group.spawn(tick(loop, 5, count));
    EXPECT_EQ(group.size(), 2U);
    const auto watch = [&]() -> Task<void> {
        co_await group.drained();
        EXPECT_TRUE(group.empty());
        story.push_back("drained");
        // An empty group is drained at once.
        co_await group.drained();
        story.push_back("again");
    };
    watcher.spawn(watch());
    EXPECT_TRUE(story.empty());
    ASSERT_TRUE(run_until(loop, [&] { return watcher.empty(); }));
    EXPECT_EQ(count, 8);
    EXPECT_EQ(story, (std::vector<std::string>{"drained", "again"}));
}

TEST_P(TaskLoopTest, the_one_who_waits_for_a_group_may_destroy_it) {
    auto group = std::make_unique<TaskGroup>();
    TaskGroup watcher;
    int count = 0;
    group->spawn(tick(loop, 2, count));
    const auto watch = [&]() -> Task<void> {
        co_await group->drained();
        group.reset();
    };
    watcher.spawn(watch());
    ASSERT_TRUE(run_until(loop, [&] { return watcher.empty(); }));
    EXPECT_FALSE(group);
}

TEST_P(TaskLoopTest, a_cancelled_group_ends_its_tasks_wherever_they_wait) {
    TaskGroup group;
    int ended = 0;
    const auto deep = [&](Duration delay) -> Task<Result<void>> {
        const auto slept = co_await sleep(loop, delay);
        co_return slept;
    };
    const auto task = [&]() -> Task<void> {
        const auto result = co_await deep(1h);
        EXPECT_EQ(result.error().code, ECANCELED);
        ended++;
    };
    for (int i = 0; i < 5; i++) group.spawn(task());
    turn(loop);
    EXPECT_EQ(group.size(), 5U);
    group.cancel();
    EXPECT_EQ(ended, 0) << "ended inside cancel()";
    ASSERT_TRUE(run_until(loop, [&] { return group.empty(); }));
    EXPECT_EQ(ended, 5);
}

TEST_P(TaskLoopTest, what_is_spawned_into_a_cancelled_group_runs_but_never_waits) {
    TaskGroup group;
    group.cancel(ETIMEDOUT);
    int code = 0;
    const auto task = [&]() -> Task<void> {
        const auto slept = co_await sleep(loop, 1h);
        code = slept.error().code;
    };
    group.spawn(task());
    EXPECT_TRUE(group.empty());
    EXPECT_EQ(code, ETIMEDOUT);
}

TEST_P(TaskLoopTest, an_exception_ends_one_task_and_is_logged) {
    TaskGroup group;
    int count = 0;
    const auto bad = [&]() -> Task<void> {
        co_await sleep(loop, 0ns);
        const int value = co_await thrower();
        count += 100 + value;
    };
    group.spawn(bad());
    group.spawn(tick(loop, 3, count));
    log::set_output(log::Output::standard_error);
    ::testing::internal::CaptureStderr();
    const bool ended = run_until(loop, [&] { return group.empty(); });
    const std::string text = ::testing::internal::GetCapturedStderr();
    log::set_output(log::Output::standard_out);
    EXPECT_TRUE(ended);
    EXPECT_EQ(count, 3);
    EXPECT_NE(text.find("a bug"), std::string::npos) << text;
}

TEST_P(TaskLoopTest, tasks_may_spawn_into_their_own_group) {
    TaskGroup group;
    int ran = 0;
    struct Spawner {
        static Task<void> run(Loop& loop, TaskGroup& group, int generations, int& ran) {
            co_await sleep(loop, 0ns);
            ran++;
            if (generations == 0) co_return;
            group.spawn(run(loop, group, generations - 1, ran));
            group.spawn(run(loop, group, generations - 1, ran));
        }
    };
    group.spawn(Spawner::run(loop, group, 5, ran));
    ASSERT_TRUE(run_until(loop, [&] { return group.empty(); }));
    EXPECT_EQ(ran, 63);
}

ON_BOTH_ENGINES(TaskLoopTest);

}  // namespace
}  // namespace neosocksd::io
