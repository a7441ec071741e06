// What coroutines wait for: receives, sends to slow readers, connects and sleeps.

#include "io/await.h"

#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "io/engine_fixture.h"
#include "io/event.h"
#include "io/task_group.h"

namespace neosocksd::io {
namespace {

using namespace std::chrono_literals;

class AwaitTest : public EngineTest {
protected:
    bool drain() {
        return run_until(loop, [&] { return group.empty(); });
    }
    TaskGroup group;
};

TEST_P(AwaitTest, an_echo_of_coroutines) {
    const Listener listener;
    OpenSocket client(loop, open_tcp_socket(AF_INET));
    std::string answer;
    std::thread server([&] {
        Peer far = listener.accept();
        char text[64];
        for (;;) {
            const ssize_t got = ::recv(far.fd(), text, sizeof text, 0);
            if (got <= 0) return;
            far.send({text, static_cast<std::size_t>(got)});
        }
    });
    const auto task = [&]() -> Task<void> {
        const auto up = co_await connect(loop, client, listener.endpoint());
        EXPECT_TRUE(up);
        for (int i = 0; i < 3; i++) {
            const std::string question = "question " + std::to_string(i);
            const auto sent = co_await send_all(loop, client, question);
            EXPECT_TRUE(sent);
            std::string got;
            while (got.size() < question.size()) {
                const auto size = co_await recv(loop, client, [&](auto bytes) { got += bytes; });
                EXPECT_TRUE(size && *size > 0);
                if (!size || *size == 0) co_return;
            }
            answer += got;
        }
        ::shutdown(client.fd(), SHUT_WR);
        const auto end = co_await recv(loop, client, [](auto) {});
        EXPECT_TRUE(end);
        EXPECT_EQ(*end, 0U);
    };
    group.spawn(task());
    ASSERT_TRUE(drain());
    server.join();
    EXPECT_EQ(answer, "question 0question 1question 2");
}

TEST_P(AwaitTest, errors_name_their_operation) {
    OpenSocket socket(loop, open_tcp_socket(AF_INET));
    Endpoint nobody;
    {
        const Listener gone;
        nobody = gone.endpoint();
    }
    const auto task = [&]() -> Task<void> {
        const auto up = co_await connect(loop, socket, nobody);
        EXPECT_EQ(up.error().to_string(), "connect: Connection refused");
    };
    group.spawn(task());
    ASSERT_TRUE(drain());
}

TEST_P(AwaitTest, send_all_waits_for_a_slow_reader) {
    for (const bool reader_ended_its_side : {false, true}) {
        Pair pair = tcp_pair();
        OpenSocket socket(loop, pair.near);
        std::string text(8'000'000, '\0');
        for (std::size_t i = 0; i < text.size(); i++) text[i] = static_cast<char>(i % 251);
        bool done = false;
        const auto task = [&]() -> Task<void> {
            const auto sent = co_await send_all(loop, socket, text);
            EXPECT_TRUE(sent);
            done = true;
            ::shutdown(socket.fd(), SHUT_WR);
        };
        if (reader_ended_its_side) {
            pair.far.finish();
            await_events(socket.fd(), POLLRDHUP);
        }
        group.spawn(task());
        turn(loop, 20);
        EXPECT_FALSE(done);
        // A reader of few bytes at a time.
        set_nonblocking(pair.far.fd());
        std::string got;
        std::string part(50'000, '\0');
        const auto bound = Clock::now() + kFailureBound;
        for (ssize_t n = -1; n != 0;) {
            ASSERT_LT(Clock::now(), bound) << got.size();
            n = ::recv(pair.far.fd(), part.data(), part.size(), 0);
            if (n > 0) got.append(part, 0, static_cast<std::size_t>(n));
            turn(loop, 1);
        }
        EXPECT_TRUE(done);
        EXPECT_EQ(got, text);
        ASSERT_TRUE(drain());
    }
}

TEST_P(AwaitTest, send_all_of_nothing_succeeds_at_once) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    const auto task = [&]() -> Task<void> {
        const auto sent = co_await send_all(loop, socket, "");
        EXPECT_TRUE(sent);
    };
    group.spawn(task());
    EXPECT_TRUE(group.empty());
}

TEST_P(AwaitTest, send_all_reports_a_reader_that_is_gone) {
    Pair pair = tcp_pair();
    OpenSocket socket(loop, pair.near);
    const std::string text(64'000'000, 'x');
    int code = 0;
    const auto task = [&]() -> Task<void> {
        const auto sent = co_await send_all(loop, socket, text);
        code = sent.error().code;
    };
    group.spawn(task());
    turn(loop, 10);
    pair.far.reset();
    ASSERT_TRUE(drain());
    EXPECT_TRUE(code == ECONNRESET || code == EPIPE) << code;
}

TEST_P(AwaitTest, receives_a_hundred_thousand_times_without_deepening_the_stack) {
    // With epoll each of them is there at once.
    Pair pair = unix_pair();
    OpenSocket socket(loop, pair.near);
    std::size_t total = 0;
    const auto reader = [&]() -> Task<void> {
        for (;;) {
            const auto got =
                co_await recv(loop, socket, [&](auto bytes) { total += bytes.size(); });
            if (!got || *got == 0) co_return;
        }
    };
    const auto writer = [&] {
        for (int i = 0; i < 100'000; i++) pair.far.send("x");
        pair.far.finish();
    };
    std::thread sender(writer);
    group.spawn(reader());
    EXPECT_TRUE(drain());
    sender.join();
    EXPECT_EQ(total, 100'000U);
}

TEST_P(AwaitTest, tries_a_hundred_thousand_sends_without_deepening_the_stack) {
    Pair pair = unix_pair();
    OpenSocket socket(loop, pair.near);
    int refused = 0;
    const auto task = [&]() -> Task<void> {
        while (refused < 100'000) {
            const auto sent = co_await send_some(loop, socket, "some bytes");
            if (!sent) refused++;
        }
    };
    group.spawn(task());
    ASSERT_TRUE(drain());
}

TEST_P(AwaitTest, a_sleep_ends_in_time_or_by_cancel) {
    int ended = 0;
    const auto sleeper = [&](Duration delay, int expected) -> Task<void> {
        const auto slept = co_await sleep(loop, delay);
        EXPECT_EQ(slept ? 0 : slept.error().code, expected);
        ended++;
    };
    group.spawn(sleeper(1ms, 0));
    group.spawn(sleeper(1h, ECANCELED));
    ASSERT_TRUE(run_until(loop, [&] { return ended == 1; }));
    group.cancel();
    ASSERT_TRUE(drain());
    EXPECT_EQ(ended, 2);
}

TEST_P(AwaitTest, a_sleep_that_is_due_when_it_is_cancelled_ends_once) {
    int ended = 0;
    const auto sleeper = [&]() -> Task<void> {
        (void)co_await sleep(loop, 0ns);
        ended++;
        (void)co_await sleep(loop, 0ns);
        ended++;
    };
    for (int i = 0; i < 4; i++) group.spawn(sleeper());
    turn(loop, 1);
    group.cancel();
    ASSERT_TRUE(drain());
    EXPECT_EQ(ended, 8);
}

TEST_P(AwaitTest, an_event_wakes_the_one_who_waits_or_the_next_who_comes) {
    Event event(loop);
    int woken = 0;
    const auto waiter = [&]() -> Task<void> {
        for (;;) {
            const auto happened = co_await event.wait();
            if (!happened) {
                EXPECT_EQ(happened.error().code, ECANCELED);
                co_return;
            }
            woken++;
        }
    };
    event.set();
    group.spawn(waiter());
    EXPECT_EQ(woken, 1);
    event.set();
    event.set();
    EXPECT_EQ(woken, 1) << "woken inside set()";
    ASSERT_TRUE(run_until(loop, [&] { return woken == 2; }));
    turn(loop);
    EXPECT_EQ(woken, 2);
    group.cancel();
    ASSERT_TRUE(drain());
}

TEST_P(AwaitTest, an_event_does_not_let_its_waiter_spin) {
    // The first wake-up ends the task that waits; another may wait then.
    Event event(loop);
    int woken = 0;
    const auto once = [&]() -> Task<void> {
        const auto happened = co_await event.wait();
        if (happened) woken++;
    };
    for (int i = 1; i <= 3; i++) {
        group.spawn(once());
        event.set();
        ASSERT_TRUE(drain());
        EXPECT_EQ(woken, i);
    }
}

ON_BOTH_ENGINES(AwaitTest);

}  // namespace
}  // namespace neosocksd::io
