#include "net/resolver_cache.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::net {
namespace {

using namespace std::chrono_literals;

const Result<Addresses> kFound = Addresses{IpAddress::v4({192, 0, 2, 1})};
const Result<Addresses> kNone = failure(ENOENT, "resolve");

class ResolverCacheTest : public testing::Test {
protected:
    bool knows(const std::string& name) { return cache_.find(name, now_) != nullptr; }

    ResolverCache cache_{3};
    io::TimePoint now_ = io::Clock::now();
};

TEST_F(ResolverCacheTest, forgets_when_the_time_is_up) {
    cache_.store("a", kFound, 60s, now_);
    ASSERT_TRUE(knows("a"));
    EXPECT_EQ((*cache_.find("a", now_))->size(), 1u);
    now_ += 59s;
    EXPECT_TRUE(knows("a"));
    now_ += 1s;
    EXPECT_FALSE(knows("a"));
    EXPECT_EQ(cache_.size(), 0u);
}

TEST_F(ResolverCacheTest, keeps_times_within_bounds) {
    cache_.store("short", kFound, 0s, now_);
    cache_.store("long", kFound, std::chrono::seconds(0x7fffffff), now_);
    cache_.store("none", kNone, 3600s, now_);
    now_ += 999ms;
    EXPECT_TRUE(knows("short"));
    EXPECT_TRUE(knows("none"));
    now_ += 1ms;
    EXPECT_FALSE(knows("short"));
    EXPECT_FALSE(knows("none"));
    now_ += limits::kResolverTtlMax;
    EXPECT_FALSE(knows("long"));
}

TEST_F(ResolverCacheTest, drops_the_least_recently_asked_for) {
    for (const char* name : {"a", "b", "c"}) cache_.store(name, kFound, 60s, now_);
    EXPECT_TRUE(knows("a"));
    cache_.store("d", kFound, 60s, now_);
    EXPECT_EQ(cache_.size(), 3u);
    EXPECT_TRUE(knows("a"));
    EXPECT_FALSE(knows("b"));
}

TEST_F(ResolverCacheTest, drops_negative_answers_first) {
    cache_.store("a", kFound, 60s, now_);
    cache_.store("b", kFound, 60s, now_);
    for (int i = 0; i < 10; i++) cache_.store("none" + std::to_string(i), kNone, 1s, now_);
    EXPECT_EQ(cache_.size(), 3u);
    EXPECT_TRUE(knows("a"));
    EXPECT_TRUE(knows("b"));
    EXPECT_TRUE(knows("none9"));
}

TEST_F(ResolverCacheTest, replaces_an_answer) {
    cache_.store("a", kNone, 1s, now_);
    cache_.store("a", kFound, 60s, now_);
    EXPECT_TRUE(cache_.find("a", now_)->has_value());
    cache_.store("a", kNone, 1s, now_);
    EXPECT_FALSE(cache_.find("a", now_)->has_value());
    now_ += 1s;
    cache_.store("b", kFound, 60s, now_);
    EXPECT_EQ(cache_.size(), 1u);
}

}  // namespace
}  // namespace neosocksd::net
