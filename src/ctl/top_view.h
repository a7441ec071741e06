// What `top` shows: counters become rates by comparing two looks at the server. Pure: answers in,
// lines out.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ctl/json_value.h"
#include "ctl/table.h"

namespace neosocksd::ctl {

class TopView {
public:
    using Clock = std::chrono::steady_clock;

    explicit TopView(std::string address) : address_(std::move(address)) {}

    // Answers of /stats and, page by page, /sessions, taken at `now`. No page: the server does not
    // list its sessions.
    void take(JsonValue stats, const std::vector<JsonValue>& pages, Clock::time_point now);
    // Why there is nothing new; shown until take() is called again.
    void set_failure(std::string text) { failure_ = std::move(text); }

    // For a terminal of that size; each line fits, and they are at most as many as its rows.
    std::vector<std::string> screen(const Style& style, std::size_t columns,
                                    std::size_t rows) const;
    // The same for a pipe: all sessions that we know of, lines of any length.
    std::vector<std::string> page() const;

private:
    struct Row {
        JsonValue session;
        double up_rate = 0;  // bytes a second
        double down_rate = 0;
    };
    struct Bytes {
        double up = 0;
        double down = 0;
    };

    std::vector<std::string> summary() const;
    Table table(std::size_t rows) const;
    // Of a counter of /stats, a second.
    double rate(std::string_view group, std::string_view name) const;

    std::string address_;
    std::string failure_;
    JsonValue stats_;
    JsonValue before_;    // the look before; null for the first
    double seconds_ = 0;  // between them; 0 for the first
    Clock::time_point taken_{};
    bool lists_sessions_ = false;
    double matched_ = 0;     // sessions there are, listed or not
    std::vector<Row> rows_;  // the busiest first
    std::map<std::string, Bytes> bytes_;
};

}  // namespace neosocksd::ctl
