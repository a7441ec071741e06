// Tested by session_rates_test.cc.

#include "api/session_rates.h"

#include <algorithm>

#include "base/limits.h"

namespace neosocksd::api {
namespace {

// Two who list at the same time must not make each other's windows too short to say anything.
constexpr std::chrono::milliseconds kWindow{500};

// Bytes may seem to shrink: those of an HTTP exchange are counted anew when it has ended.
SessionRates over(std::uint64_t up, std::uint64_t down, io::Duration time) {
    const double seconds = std::chrono::duration<double>(time).count();
    if (seconds <= 0) return {};
    return {static_cast<double>(up) / seconds, static_cast<double>(down) / seconds};
}

}  // namespace

SessionRates RateBook::rates(const proxy::SessionRow& row, io::TimePoint now) {
    const auto found = samples_.find(row.id);
    if (found == samples_.end()) {
        const SessionRates average = over(row.up_bytes, row.down_bytes, row.age);
        if (samples_.size() >= limits::kSessionSamples) drop_old(now);
        if (samples_.size() < limits::kSessionSamples)
            samples_[row.id] = {now, row.up_bytes, row.down_bytes, average};
        return average;
    }
    Sample& sample = found->second;
    const io::Duration window = now - sample.taken;
    if (window < kWindow) return sample.rates;
    sample.rates = over(row.up_bytes - std::min(row.up_bytes, sample.up_bytes),
                        row.down_bytes - std::min(row.down_bytes, sample.down_bytes), window);
    sample.taken = now;
    sample.up_bytes = row.up_bytes;
    sample.down_bytes = row.down_bytes;
    if (now - dropped_ > limits::kSessionSampleTime) drop_old(now);
    return found->second.rates;
}

void RateBook::drop_old(io::TimePoint now) {
    // All of them are looked at: not again before some time has passed.
    if (now - dropped_ < kWindow) return;
    dropped_ = now;
    std::erase_if(samples_, [&](const auto& entry) {
        return now - entry.second.taken > limits::kSessionSampleTime;
    });
}

}  // namespace neosocksd::api
