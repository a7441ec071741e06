// What /stats says: the text of 1.4.2, byte for byte (spec/rest.md section 2.1), and the same and
// more as JSON.

#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "api/figures.h"
#include "api/json.h"

namespace neosocksd::api {

// "Uptime              : " with its value and the end of the line.
std::string report_line(std::string_view label, std::string_view value);

std::string stats_banner(const Figures& figures);
std::string stats_text(const Figures& figures, std::time_t now);
// "27.4KiB < 10.0MiB (384 objects)"
std::string rules_memory_text(const RulesFigures& rules);
// Members of the object that is open.
void write_stats(JsonWriter& json, const Figures& figures, std::time_t now);

// Between two POST requests.
class RateMeter {
public:
    RateMeter() = default;  // since the start
    explicit RateMeter(const Figures& figures) : last_(mark(figures)) {}

    // Since the last POST request, or since the start.
    double seconds(const Figures& figures) const;
    std::string text(const Figures& figures) const;
    // "rates": for each second, and the CPU time as a share of one CPU.
    void write(JsonWriter& json, const Figures& figures) const;

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
    struct Rates {
        double accepted, refused, requests, api_requests, up_bytes, down_bytes, load;
    };
    static Mark mark(const Figures& figures);
    Rates rates(const Figures& figures) const;

    std::optional<Mark> last_;
};

}  // namespace neosocksd::api
