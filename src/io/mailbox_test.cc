// The mailbox: messages of many threads arrive once and in order of each sender, and a full or
// closed mailbox leaves a message with its sender. Run under the thread sanitizer, too.

#include "io/mailbox.h"

#include <memory>
#include <thread>
#include <vector>

#include <poll.h>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::io {
namespace {

bool readable(const Mailbox& mailbox, int timeout_ms = 0) {
    pollfd query{.fd = mailbox.fd(), .events = POLLIN, .revents = 0};
    return ::poll(&query, 1, timeout_ms) == 1;
}

TEST(MailboxTest, runs_messages_in_order_and_is_readable_while_they_wait) {
    Mailbox mailbox;
    std::vector<int> ran;
    EXPECT_FALSE(readable(mailbox));
    for (int i = 0; i < 3; i++) {
        Message message = [&ran, i] { ran.push_back(i); };
        EXPECT_TRUE(mailbox.post(message));
    }
    EXPECT_TRUE(readable(mailbox));
    mailbox.run();
    EXPECT_EQ(ran, (std::vector{0, 1, 2}));
    EXPECT_FALSE(readable(mailbox));
    mailbox.run();
    EXPECT_EQ(ran.size(), 3U);
}

TEST(MailboxTest, what_a_message_posts_waits_for_the_next_run) {
    Mailbox mailbox;
    int ran = 0;
    Message outer = [&] {
        ran++;
        Message inner = [&] { ran++; };
        EXPECT_TRUE(mailbox.post(inner));
    };
    ASSERT_TRUE(mailbox.post(outer));
    mailbox.run();
    EXPECT_EQ(ran, 1);
    EXPECT_TRUE(readable(mailbox));
    mailbox.run();
    EXPECT_EQ(ran, 2);
}

TEST(MailboxTest, a_full_mailbox_takes_answers) {
    Mailbox mailbox;
    std::vector<int> ran;
    for (std::size_t i = 0; i < limits::kMailboxMessages; i++) {
        Message message = [] {};
        ASSERT_TRUE(mailbox.post(message));
    }
    Message question = [] {};
    EXPECT_FALSE(mailbox.post(question));
    Message answer = [&] { ran.push_back(1); };
    EXPECT_TRUE(mailbox.post_answer(answer));
    mailbox.run();
    EXPECT_EQ(ran, (std::vector{1}));
    mailbox.close();
    Message late = [&] { ran.push_back(2); };
    EXPECT_FALSE(mailbox.post_answer(late));
    EXPECT_TRUE(late);
}

TEST(MailboxTest, a_full_mailbox_leaves_the_message_with_its_sender) {
    Mailbox mailbox;
    std::size_t ran = 0;
    for (std::size_t i = 0; i < limits::kMailboxMessages; i++) {
        Message message = [&] { ran++; };
        ASSERT_TRUE(mailbox.post(message));
    }
    auto object = std::make_unique<int>(5);
    Message kept = [&, object = std::move(object)] { ran += static_cast<std::size_t>(*object); };
    EXPECT_FALSE(mailbox.post(kept));
    ASSERT_TRUE(kept);
    mailbox.run();
    EXPECT_EQ(ran, limits::kMailboxMessages);
    EXPECT_TRUE(mailbox.post(kept));
    mailbox.run();
    EXPECT_EQ(ran, limits::kMailboxMessages + 5);
}

TEST(MailboxTest, a_closed_mailbox_refuses_but_runs_what_it_has) {
    Mailbox mailbox;
    int ran = 0;
    Message first = [&] { ran++; };
    ASSERT_TRUE(mailbox.post(first));
    mailbox.close();
    Message late = [&] { ran += 10; };
    EXPECT_FALSE(mailbox.post(late));
    EXPECT_TRUE(late);
    mailbox.run();
    EXPECT_EQ(ran, 1);
}

TEST(MailboxTest, messages_that_never_run_are_destroyed_with_it) {
    const auto object = std::make_shared<int>(1);
    {
        Mailbox mailbox;
        Message message = [object] {};
        ASSERT_TRUE(mailbox.post(message));
        EXPECT_EQ(object.use_count(), 2);
    }
    EXPECT_EQ(object.use_count(), 1);
}

TEST(MailboxTest, takes_messages_of_four_threads_without_loss) {
    constexpr int kThreads = 4;
    constexpr int kEach = 20'000;
    Mailbox mailbox;
    std::vector<int> next(kThreads, 0);
    int total = 0;
    std::vector<std::thread> senders;
    for (int t = 0; t < kThreads; t++)
        senders.emplace_back([&, t] {
            for (int i = 0; i < kEach; i++) {
                Message message = [&, t, i] {
                    EXPECT_EQ(next[static_cast<std::size_t>(t)]++, i);
                    total++;
                };
                while (!mailbox.post(message)) std::this_thread::yield();
            }
        });
    while (total < kThreads * kEach) {
        // Waiting on the descriptor proves that no message is left without a wake-up.
        ASSERT_TRUE(readable(mailbox, 30'000));
        mailbox.run();
    }
    for (auto& sender : senders) sender.join();
    EXPECT_EQ(total, kThreads * kEach);
}

}  // namespace
}  // namespace neosocksd::io
