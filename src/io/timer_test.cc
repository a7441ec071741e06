// The timer heap: order, restarting, and random operations against a plain model.

#include "io/timer.h"

#include <map>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "io/engine_fixture.h"

namespace neosocksd::io {
namespace {

using std::chrono::nanoseconds;

constexpr TimePoint kStart{std::chrono::hours(1)};
constexpr TimePoint at(int n) {
    return kStart + nanoseconds(n);
}

struct NamedTimer : Timer {
    NamedTimer(int name, std::vector<int>& ran)
        : Timer([](Timer& timer) {
              auto& self = static_cast<NamedTimer&>(timer);
              EXPECT_FALSE(self.active());
              self.ran.push_back(self.name);
              if (self.then) self.then();
          }),
          name(name),
          ran(ran) {}
    int name;
    std::vector<int>& ran;
    std::function<void()> then;
};

class TimerTest : public ::testing::Test {
protected:
    TimerQueue queue;
    std::vector<int> ran;
    NamedTimer a{1, ran}, b{2, ran}, c{3, ran};
};

TEST_F(TimerTest, run_in_the_order_they_are_due) {
    queue.start(b, at(20));
    queue.start(c, at(30));
    queue.start(a, at(10));
    EXPECT_EQ(queue.next_due(), at(10));
    queue.run(at(9));
    EXPECT_TRUE(ran.empty());
    queue.run(at(25));
    EXPECT_EQ(ran, (std::vector{1, 2}));
    queue.run(at(30));
    EXPECT_EQ(ran, (std::vector{1, 2, 3}));
    EXPECT_TRUE(queue.empty());
}

TEST_F(TimerTest, a_stopped_timer_does_not_run) {
    queue.start(a, at(10));
    queue.start(b, at(20));
    queue.stop(a);
    EXPECT_FALSE(a.active());
    queue.stop(a);
    queue.run(at(100));
    EXPECT_EQ(ran, (std::vector{2}));
}

TEST_F(TimerTest, a_restarted_timer_runs_once_and_later) {
    queue.start(a, at(10));
    queue.start(b, at(20));
    queue.start(a, at(30));
    EXPECT_EQ(a.due(), at(30));
    queue.run(at(20));
    EXPECT_EQ(ran, (std::vector{2}));
    queue.run(at(40));
    EXPECT_EQ(ran, (std::vector{2, 1}));
}

TEST_F(TimerTest, a_handler_may_stop_another_that_is_due) {
    queue.start(a, at(10));
    queue.start(b, at(20));
    a.then = [&] { queue.stop(b); };
    queue.run(at(100));
    EXPECT_EQ(ran, (std::vector{1}));
}

TEST_F(TimerTest, a_handler_may_start_its_timer_again) {
    queue.start(a, at(10));
    a.then = [&] { queue.start(a, at(200)); };
    queue.run(at(100));
    EXPECT_EQ(ran, (std::vector{1}));
    queue.run(at(200));
    EXPECT_EQ(ran, (std::vector{1, 1}));
    queue.stop(a);
}

TEST_F(TimerTest, a_timer_that_is_restarted_without_delay_waits_for_the_next_turn) {
    queue.start(a, at(10));
    queue.start(b, at(10));
    a.then = [&] {
        if (ran.size() < 1000) queue.start(a, at(100));  // due already
    };
    queue.run(at(100));
    EXPECT_EQ(ran.size(), 2U);
    queue.run(at(101));
    EXPECT_EQ(ran.size(), 3U);
    queue.stop(a);
}

TEST(TimerModelTest, agrees_with_a_sorted_map_under_random_operations) {
    std::mt19937 random(test_seed());
    const auto upto = [&](int limit) {
        return std::uniform_int_distribution<int>(0, limit)(random);
    };
    TimerQueue queue;
    std::vector<int> ran;
    std::vector<std::unique_ptr<NamedTimer>> timers;
    for (int i = 0; i < 64; i++) timers.push_back(std::make_unique<NamedTimer>(i, ran));
    std::map<int, TimePoint> model;  // active timers
    TimePoint now = kStart;
    for (int step = 0; step < 50'000; step++) {
        const int name = upto(63);
        Timer& timer = *timers[static_cast<std::size_t>(name)];
        switch (upto(3)) {
        case 0:
        case 1:
            model[name] = now + nanoseconds(upto(1000));
            queue.start(timer, model[name]);
            break;
        case 2:
            queue.stop(timer);
            model.erase(name);
            break;
        case 3: {
            now += nanoseconds(upto(40));
            ran.clear();
            queue.run(now);
            TimePoint last{};
            for (const int each : ran) {
                const auto entry = model.find(each);
                ASSERT_NE(entry, model.end());
                ASSERT_LE(entry->second, now);
                ASSERT_LE(last, entry->second);
                last = entry->second;
                model.erase(entry);
            }
            for (const auto& [each, due] : model) ASSERT_GT(due, now) << each;
        }
        }
        ASSERT_EQ(queue.empty(), model.empty());
        ASSERT_EQ(timer.active(), model.contains(name));
        if (model.empty()) continue;
        TimePoint first = TimePoint::max();
        for (const auto& [each, due] : model) first = std::min(first, due);
        ASSERT_EQ(queue.next_due(), first);
    }
    for (auto& timer : timers) queue.stop(*timer);
}

}  // namespace
}  // namespace neosocksd::io
