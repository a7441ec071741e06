#include "app/watchdog.h"

#include <thread>

#include <gtest/gtest.h>

#include "io/engine_fixture.h"

namespace neosocksd::app {
namespace {

using namespace std::chrono_literals;

void run_for(io::Loop& loop, io::Duration time) {
    const auto end = io::Clock::now() + time;
    while (io::Clock::now() < end) loop.run_once(1ms);
}

TEST(WatchdogTest, pings_twice_in_the_period_when_it_is_the_only_loop) {
    io::Loop loop(io::EngineChoice::epoll);
    int pings = 0;
    Watchdog watchdog(loop, {&loop}, 40ms, [&] { pings++; });
    const auto start = io::Clock::now();
    EXPECT_TRUE(io::run_until(loop, [&] { return pings == 4; }));
    EXPECT_GE(io::Clock::now() - start, 79ms);
    watchdog.stop();
    run_for(loop, 60ms);
    EXPECT_EQ(pings, 4);
}

// The second loop runs only when the test turns it: a worker that hangs.
TEST(WatchdogTest, does_not_ping_while_a_worker_hangs_and_does_at_once_when_it_is_back) {
    io::Loop control(io::EngineChoice::epoll);
    io::Loop worker(io::EngineChoice::epoll);
    int pings = 0;
    Watchdog watchdog(control, {&control, &worker}, 20ms, [&] { pings++; });
    run_for(control, 60ms);
    EXPECT_EQ(pings, 0);
    worker.run_once(1ms);
    control.run_once(1ms);
    EXPECT_EQ(pings, 1);
    // It had to be asked anew for the next one.
    run_for(control, 60ms);
    EXPECT_EQ(pings, 1);
    worker.run_once(1ms);
    EXPECT_TRUE(io::run_until(control, [&] { return pings == 2; }));
}

TEST(WatchdogTest, an_answer_that_comes_after_its_end_finds_nobody) {
    io::Loop control(io::EngineChoice::epoll);
    io::Loop worker(io::EngineChoice::epoll);
    int pings = 0;
    {
        Watchdog watchdog(control, {&worker}, 10ms, [&] { pings++; });
    }
    worker.run_once(1ms);
    run_for(control, 20ms);
    EXPECT_EQ(pings, 0);
}

}  // namespace
}  // namespace neosocksd::app
