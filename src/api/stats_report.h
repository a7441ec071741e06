// What /stats says: the text of 1.4.2, byte for byte (spec/rest.md section 2.1), and the same and
// more as JSON.

#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "api/figures.h"

namespace neosocksd::api {

// "Uptime              : " with its value and the end of the line.
std::string report_line(std::string_view label, std::string_view value);

std::string stats_banner(const Figures& figures);
std::string stats_text(const Figures& figures, std::time_t now);
// "27.4KiB < 10.0MiB (384 objects)"
std::string rules_memory_text(const RulesFigures& rules);
std::string stats_json(const Figures& figures, std::time_t now);

// Between two POST requests.
class RateMeter {
public:
    // Seconds since the last reset, or since the start.
    double seconds(const Figures& figures) const;
    std::string text(const Figures& figures) const;
    void reset(const Figures& figures);

private:
    struct Mark {
        io::Duration uptime{};
        std::uint64_t accepted = 0;
        std::uint64_t refused = 0;
        std::uint64_t requests = 0;
        std::uint64_t api_requests = 0;
        std::uint64_t up_bytes = 0;
        std::uint64_t down_bytes = 0;
        double cpu_seconds = 0;
    };
    static Mark mark(const Figures& figures);

    std::optional<Mark> last_;
};

}  // namespace neosocksd::api
