// How fast sessions move bytes: what they have moved since somebody looked at them last.
//
// Nothing is kept in the sessions. The bytes of those that are listed are remembered here, for at
// most limits::kSessionSampleTime, so that a client that lists again and again, as a monitor does,
// sees rates; the first time it sees the average since the session began.
// Tested by session_rates_test.cc.

#pragma once

#include <unordered_map>

#include "proxy/session_list.h"

namespace neosocksd::api {

struct SessionRates {
    double up = 0;  // bytes a second
    double down = 0;
};

class RateBook {
public:
    // Of a session that is being listed at `now`.
    SessionRates rates(const proxy::SessionRow& row, io::TimePoint now);

    std::size_t size() const { return samples_.size(); }

private:
    struct Sample {
        io::TimePoint taken;
        std::uint64_t up_bytes = 0;
        std::uint64_t down_bytes = 0;
        SessionRates rates;
    };
    void drop_old(io::TimePoint now);

    std::unordered_map<std::uint64_t, Sample> samples_;
    io::TimePoint dropped_{};
};

}  // namespace neosocksd::api
