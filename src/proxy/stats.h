// Counters of one worker: written by its thread only, read by any.

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "io/timer.h"
#include "proxy/outcome.h"

namespace neosocksd::proxy {

class Counter {
public:
    // No other thread writes: a load and a store are enough, and no cache line is locked.
    void add(std::uint64_t n = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

// How long something took, as counts in buckets: what is read of a Histogram.
inline constexpr std::size_t kBuckets = 14;
using BucketBounds = std::array<io::Duration, kBuckets>;  // upper ends, inclusive
struct HistogramValues {
    std::array<std::uint64_t, kBuckets + 1> counts{};  // the last one: above all bounds
    std::uint64_t sum_us = 0;
};

class Histogram {
public:
    explicit Histogram(const BucketBounds& bounds) : bounds_(bounds) {}

    void add(io::Duration duration) {
        const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), duration);
        counts_[static_cast<std::size_t>(bucket - bounds_.begin())].add();
        const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
        sum_us_.add(static_cast<std::uint64_t>(us > 0 ? us : 0));
    }
    HistogramValues read() const {
        HistogramValues values;
        for (std::size_t i = 0; i < counts_.size(); i++) values.counts[i] = counts_[i].get();
        values.sum_us = sum_us_.get();
        return values;
    }

private:
    const BucketBounds& bounds_;
    std::array<Counter, kBuckets + 1> counts_;
    Counter sum_us_;
};

// From accept until the target was reached, and a session's whole life.
inline constexpr BucketBounds kSetupBounds = {
    std::chrono::microseconds(500), std::chrono::milliseconds(1),   std::chrono::microseconds(2500),
    std::chrono::milliseconds(5),   std::chrono::milliseconds(10),  std::chrono::milliseconds(25),
    std::chrono::milliseconds(50),  std::chrono::milliseconds(100), std::chrono::milliseconds(250),
    std::chrono::milliseconds(500), std::chrono::seconds(1),        std::chrono::seconds(5),
    std::chrono::seconds(15),       std::chrono::seconds(60)};
inline constexpr BucketBounds kSessionBounds = {
    std::chrono::milliseconds(10), std::chrono::milliseconds(100), std::chrono::milliseconds(500),
    std::chrono::seconds(1),       std::chrono::seconds(5),        std::chrono::seconds(15),
    std::chrono::seconds(60),      std::chrono::minutes(5),        std::chrono::minutes(15),
    std::chrono::hours(1),         std::chrono::hours(4),          std::chrono::hours(12),
    std::chrono::hours(24),        std::chrono::hours(24 * 7)};

// The last durations, for percentiles.
class RecentTimes {
public:
    void add(io::Duration duration) {
        const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
        const auto cut = std::clamp<std::int64_t>(us, 1, UINT32_MAX);
        times_us_[count_.get() % kKept].store(static_cast<std::uint32_t>(cut),
                                              std::memory_order_relaxed);
        count_.add();
    }
    std::uint64_t count() const { return count_.get(); }
    void append_to(std::vector<io::Duration>& out) const {
        const std::size_t kept = std::min<std::uint64_t>(count_.get(), kKept);
        for (std::size_t i = 0; i < kept; i++)
            out.push_back(std::chrono::microseconds(times_us_[i].load(std::memory_order_relaxed)));
    }

private:
    static constexpr std::size_t kKept = 256;  // as later versions
    std::array<std::atomic<std::uint32_t>, kKept> times_us_{};
    Counter count_;
};

struct WorkerStats {
    Counter accepted;  // connections, also those refused
    Counter refused;   // by admission
    Counter requests;  // complete requests
    // Every session ends its set-up in one of these, once; and so does every plain HTTP request
    // whose target was not reached.
    std::array<Counter, kOutcomes> outcomes;
    // Plain HTTP requests whose target was reached, by whether the response came through whole.
    Counter http_forwarded;
    Counter http_failed;
    // Of UDP associations that have ended.
    Counter datagrams_up;
    Counter datagrams_down;
    Counter datagrams_dropped;
    Counter handed_over;  // relays that went to another worker
    // Requests of clients and our replies, which are no payload.
    Counter client_rx_bytes;
    Counter client_tx_bytes;
    Histogram setup_time{kSetupBounds};
    Histogram session_time{kSessionBounds};
    RecentTimes dial_times;  // of the dials that succeeded
};

}  // namespace neosocksd::proxy
