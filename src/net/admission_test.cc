#include "net/admission.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "base/limits.h"

namespace neosocksd::net {
namespace {

using Refusal = Admission::Refusal;

TEST(AdmissionTest, admits_exactly_max_sessions_counting_both_kinds) {
    Admission admission({.max_sessions = 3});
    std::vector<Ticket> tickets;
    for (int i = 0; i < 3; i++) {
        auto ticket = admission.admit();
        ASSERT_TRUE(ticket);
        if (i == 0) ticket->established();
        tickets.push_back(std::move(*ticket));
    }
    EXPECT_EQ(admission.half_open(), 2);
    EXPECT_EQ(admission.sessions(), 1);
    const auto refused = admission.admit();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), Refusal::sessions);
    tickets.pop_back();
    EXPECT_TRUE(admission.admit());
    EXPECT_EQ(admission.accepted(), 5u);
    EXPECT_EQ(admission.refused(), 1u);
}

TEST(AdmissionTest, stops_at_full_half_open_connections) {
    Admission admission({.full = 2});
    auto first = admission.admit();
    auto second = admission.admit();
    ASSERT_TRUE(first && second);
    const auto refused = admission.admit();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), Refusal::full);
    first->established();
    EXPECT_TRUE(admission.admit());
}

TEST(AdmissionTest, draws_lots_between_start_and_full) {
    Admission always({.start = 1, .rate = 100, .full = 5});
    auto first = always.admit();
    ASSERT_TRUE(first);
    const auto refused = always.admit();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), Refusal::random);

    Admission never({.start = 1, .rate = 0, .full = 2});
    auto kept = never.admit();
    ASSERT_TRUE(kept);
    EXPECT_TRUE(never.admit());

    Admission sometimes({.start = 1, .rate = 30});
    auto held = sometimes.admit();
    ASSERT_TRUE(held);
    int admitted = 0;
    for (int i = 0; i < 10'000; i++) admitted += sometimes.admit().has_value();
    // 7000 expected, standard deviation 46: ten of them either way.
    EXPECT_NEAR(admitted, 7000, 460);
}

TEST(AdmissionTest, counts_each_change_once) {
    Admission admission({});
    {
        auto ticket = admission.admit();
        ASSERT_TRUE(ticket);
        Ticket moved(std::move(*ticket));
        EXPECT_FALSE(*ticket);
        moved.established();
        moved.established();
        EXPECT_EQ(admission.sessions(), 1);
        EXPECT_EQ(admission.half_open(), 0);
        Ticket other;
        other = std::move(moved);
        other.leave();
        other.leave();
        EXPECT_EQ(admission.sessions(), 0);
        other.established();
        EXPECT_EQ(admission.sessions(), 0);
    }
    EXPECT_EQ(admission.half_open(), 0);
    EXPECT_EQ(admission.peak_sessions(), 1);
}

TEST(AdmissionTest, has_room_for_two_descriptors_a_connection) {
    Admission admission({.descriptors = 5});
    EXPECT_TRUE(admission.has_room());
    auto first = admission.admit();
    EXPECT_TRUE(admission.has_room());
    auto second = admission.admit();
    EXPECT_FALSE(admission.has_room());
    EXPECT_EQ(admission.descriptors_in_use(), 4);
    first->leave();
    EXPECT_TRUE(admission.has_room());
}

TEST(AdmissionTest, budgets_what_the_descriptor_limit_leaves) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit lowered = before;
    lowered.rlim_cur = 1000;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &lowered), 0);
    EXPECT_EQ(session_descriptors(2),
              1000 - static_cast<std::int64_t>(limits::kDescriptorReserve) -
                  2 * static_cast<std::int64_t>(limits::kDescriptorsPerWorker));
    lowered.rlim_cur = 32;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &lowered), 0);
    EXPECT_EQ(session_descriptors(2), 2);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(AdmissionTest, extra_descriptors_take_the_room_of_sessions) {
    Admission admission({.descriptors = 6});
    auto first = admission.admit();
    EXPECT_EQ(admission.room(), 2);
    auto extra = admission.take_descriptors(3);
    EXPECT_TRUE(extra);
    EXPECT_EQ(admission.descriptors_in_use(), 5);
    EXPECT_FALSE(admission.has_room());
    EXPECT_FALSE(admission.take_descriptors(2));
    EXPECT_EQ(admission.descriptors_in_use(), 5);
    const ExtraDescriptors moved = std::move(extra);
    EXPECT_EQ(admission.descriptors_in_use(), 5);
    {
        const ExtraDescriptors last = admission.take_descriptors(1);
    }
    EXPECT_EQ(admission.descriptors_in_use(), 5);
}

TEST(AdmissionTest, takes_extra_descriptors_without_a_budget) {
    Admission admission({});
    {
        EXPECT_TRUE(admission.take_descriptors(1000));
    }
    EXPECT_EQ(admission.descriptors_in_use(), 0);
}

TEST(AdmissionTest, never_exceeds_its_limit_under_contention) {
    constexpr int kLimit = 5;
    Admission admission({.max_sessions = kLimit});
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::atomic<std::uint64_t> admitted{0};
    {
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; t++)
            threads.emplace_back([&] {
                for (int i = 0; i < 20'000; i++) {
                    auto first = admission.admit();
                    auto second = admission.admit();
                    const int held = first.has_value() + second.has_value();
                    const int now = inside.fetch_add(held) + held;
                    int seen = most.load();
                    while (now > seen && !most.compare_exchange_weak(seen, now)) {
                    }
                    if (first) first->established();
                    admitted += static_cast<unsigned>(held);
                    inside.fetch_sub(held);
                }
            });
    }
    EXPECT_LE(most.load(), kLimit);
    EXPECT_EQ(admission.half_open(), 0);
    EXPECT_EQ(admission.sessions(), 0);
    EXPECT_EQ(admission.accepted(), 160'000u);
    EXPECT_EQ(admission.accepted() - admission.refused(), admitted.load());
}

}  // namespace
}  // namespace neosocksd::net
