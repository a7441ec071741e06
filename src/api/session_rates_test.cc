#include "api/session_rates.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::api {
namespace {

using namespace std::chrono_literals;

const io::TimePoint kStart{1h};

proxy::SessionRow row(std::uint64_t id, std::uint64_t up, std::uint64_t down, io::Duration age) {
    proxy::SessionRow result;
    result.id = id;
    result.up_bytes = up;
    result.down_bytes = down;
    result.age = age;
    return result;
}

TEST(RateBook, begins_with_the_average) {
    RateBook book;
    const auto rates = book.rates(row(1, 100, 2000, 10s), kStart);
    EXPECT_DOUBLE_EQ(rates.up, 10);
    EXPECT_DOUBLE_EQ(rates.down, 200);
    EXPECT_DOUBLE_EQ(book.rates(row(2, 100, 0, 0s), kStart).up, 0);
}

TEST(RateBook, then_says_what_has_moved_since) {
    RateBook book;
    book.rates(row(1, 100, 2000, 10s), kStart);
    const auto rates = book.rates(row(1, 300, 2000, 12s), kStart + 2s);
    EXPECT_DOUBLE_EQ(rates.up, 100);
    EXPECT_DOUBLE_EQ(rates.down, 0);
}

TEST(RateBook, repeats_itself_within_half_a_second) {
    RateBook book;
    book.rates(row(1, 0, 0, 1s), kStart);
    EXPECT_DOUBLE_EQ(book.rates(row(1, 1000, 0, 2s), kStart + 1s).up, 1000);
    EXPECT_DOUBLE_EQ(book.rates(row(1, 9000, 0, 2s), kStart + 1001ms).up, 1000);
}

TEST(RateBook, survives_counters_that_seem_to_shrink) {
    RateBook book;
    book.rates(row(1, 1000, 1000, 1s), kStart);
    EXPECT_DOUBLE_EQ(book.rates(row(1, 10, 1000, 2s), kStart + 1s).up, 0);
}

TEST(RateBook, forgets_sessions_that_nobody_asks_for_and_stays_bounded) {
    RateBook book;
    for (std::uint64_t id = 1; id <= limits::kSessionSamples + 10; id++)
        book.rates(row(id, 0, 0, 1s), kStart);
    EXPECT_EQ(book.size(), limits::kSessionSamples);
    book.rates(row(1, 0, 0, 1s), kStart + limits::kSessionSampleTime);
    book.rates(row(1, 0, 0, 1s), kStart + 2 * limits::kSessionSampleTime);
    EXPECT_EQ(book.size(), 1u);
}

}  // namespace
}  // namespace neosocksd::api
