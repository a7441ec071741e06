// Tested by number_format_test.cc.

#include "api/number_format.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

namespace neosocksd::api {
namespace {

// `value` with as many decimals as make about three digits, judged after rounding.
std::string three_digits(double value) {
    if (std::round(value * 100) < 1000) return fmt::format("{:.2f}", value);
    if (std::round(value * 10) < 1000) return fmt::format("{:.1f}", value);
    return fmt::format("{:.0f}", value);
}

// In whole `unit` nanoseconds.
std::int64_t rounded(std::int64_t ns, std::int64_t unit) {
    return (ns + unit / 2) / unit;
}

// Below a minute: the first row whose rounded number is still below its end.
struct SmallForm {
    std::int64_t end;   // in steps
    std::int64_t step;  // of the last digit, in nanoseconds
    int decimals;
    std::string_view unit;
};
constexpr std::int64_t kUs = 1000;
constexpr std::int64_t kMs = 1000 * kUs;
constexpr std::int64_t kSecond = 1000 * kMs;
constexpr std::array kSmallForms{
    SmallForm{10'000, 1, 0, "ns"},        SmallForm{10'000, 10, 2, "\u00b5s"},
    SmallForm{10'000, 100, 1, "\u00b5s"}, SmallForm{10'000, kUs, 3, "ms"},
    SmallForm{10'000, 10 * kUs, 2, "ms"}, SmallForm{10'000, 100 * kUs, 1, "ms"},
    SmallForm{10'000, kMs, 0, "ms"},      SmallForm{6'000, 10 * kMs, 2, "s"},
};

std::string format_minutes(std::int64_t ns) {
    if (const auto tenths = rounded(ns, kSecond / 10); tenths < 10 * 60 * 10)
        return fmt::format("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10);
    const auto seconds = rounded(ns, kSecond);
    const auto minutes = seconds / 60;
    const auto hours = minutes / 60;
    if (hours == 0) return fmt::format("{:02}:{:02}", minutes, seconds % 60);
    if (hours < 24) return fmt::format("{}:{:02}:{:02}", hours, minutes % 60, seconds % 60);
    return fmt::format("{}d{:02}:{:02}:{:02}", hours / 24, hours % 24, minutes % 60, seconds % 60);
}

}  // namespace

std::string format_bytes(double bytes) {
    static constexpr std::array<std::string_view, 9> kUnits = {"B",   "KiB", "MiB", "GiB", "TiB",
                                                               "PiB", "EiB", "ZiB", "YiB"};
    if (bytes == 0) return "0";
    const char* sign = bytes < 0 ? "-" : "";
    double value = std::fabs(bytes);
    std::size_t unit = 0;
    while (std::round(value) >= 2048 && unit + 1 < kUnits.size()) {
        value /= 1024;
        unit++;
    }
    return fmt::format("{}{}{}", sign,
                       unit == 0 ? fmt::format("{:.0f}", value) : three_digits(value),
                       kUnits[unit]);
}

std::string format_count(double count) {
    static constexpr std::array<std::string_view, 9> kUnits = {"",  "k", "M", "G", "T",
                                                               "P", "E", "Z", "Y"};
    const char* sign = count < 0 ? "-" : "";
    double value = std::fabs(count);
    std::size_t unit = 0;
    while (std::round(value) >= 1000 && unit + 1 < kUnits.size()) {
        value /= 1000;
        unit++;
    }
    return fmt::format("{}{:.3g}{}", sign, value, kUnits[unit]);
}

std::string format_duration(io::Duration duration) {
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
    if (ns == 0) return "0";
    if (ns < 0) return "-" + format_duration(-duration);
    for (const SmallForm& form : kSmallForms) {
        const auto steps = rounded(ns, form.step);
        if (steps >= form.end) continue;
        const double value = static_cast<double>(steps) / std::pow(10.0, form.decimals);
        return fmt::format("{:.{}f}{}", value, form.decimals, form.unit);
    }
    return format_minutes(ns);
}

}  // namespace neosocksd::api
