#include "ctl/top_view.h"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace neosocksd::ctl {
namespace {

using namespace std::chrono_literals;

JsonValue stats(double uptime, std::uint64_t requests, std::uint64_t up) {
    return *JsonValue::parse(fmt::format(
        R"({{"version":"2.0.0","uptime_seconds":{},"cpu_seconds":{},
        "sessions":{{"established":2,"half_open":1,"peak":9}},
        "connections":{{"accepted":{},"refused":0}},
        "requests":{{"total":{},"succeeded":{}}},
        "traffic":{{"up_bytes":{},"down_bytes":0}},"api":{{"requests":4}}}})",
        uptime, uptime / 10, requests, requests, requests / 2, up));
}

std::string row(int id, std::uint64_t up) {
    return fmt::format(
        R"({{"id":{},"client":"c{}","target":"t{}","age":5,"up_bytes":{},"down_bytes":0}})", id, id,
        id, up);
}

std::vector<JsonValue> page(std::string_view rows, int matched) {
    std::vector<JsonValue> pages;
    pages.push_back(*JsonValue::parse(
        fmt::format(R"({{"matched":{},"next":null,"sessions":[{}]}})", matched, rows)));
    return pages;
}

bool has(const std::vector<std::string>& lines, std::string_view text) {
    return std::ranges::any_of(lines, [&](const auto& line) { return line.contains(text); });
}

class CtlTop : public testing::Test {
protected:
    TopView view{"127.0.0.1:9080"};
    TopView::Clock::time_point start{};
};

TEST_F(CtlTop, rates_are_what_changed_between_two_looks) {
    view.take(stats(10, 100, 0), page(row(1, 0) + "," + row(2, 0), 2), start);
    EXPECT_TRUE(has(view.page(), "Requests  0.0/s, failed 0.0/s"));
    view.take(stats(12, 120, 8192), page(row(1, 0) + "," + row(2, 8192), 2), start + 2s);
    const auto lines = view.page();
    EXPECT_EQ(lines[0], "neosocksd 2.0.0  127.0.0.1:9080  up 12.00s");
    EXPECT_EQ(lines[1], "Sessions  2 (+1), peak 9; accepts 10.0/s, refused 0.0/s");
    EXPECT_EQ(lines[2], "Requests  10.0/s, failed 5.0/s; API 0.0/s; CPU 10.0%");
    EXPECT_EQ(lines[3], "Traffic   up 4.00KiB/s, down 0/s; in all 8.00KiB, 0");
    // The busiest first.
    EXPECT_EQ(lines[6], " 2  c2      5000ms  8.00KiB     0  4.00KiB/s  t2");
    EXPECT_EQ(lines[7], " 1  c1      5000ms        0     0             t1");
}

TEST_F(CtlTop, a_server_that_was_started_again_has_no_rates) {
    view.take(stats(100, 1000, 1 << 20), page(row(1, 1 << 20), 1), start);
    view.take(stats(1, 1, 10), page(row(1, 10), 1), start + 1s);
    EXPECT_TRUE(has(view.page(), "Requests  0.0/s"));
    EXPECT_FALSE(has(view.page(), "UP/S"));
}

TEST_F(CtlTop, every_line_fits_whatever_the_size) {
    view.take(stats(10, 100, 0), page(row(1, 0) + "," + row(2, 0) + "," + row(3, 0), 3), start);
    for (std::size_t rows = 1; rows < 20; rows++) {
        for (std::size_t columns = 1; columns < 90; columns += 4) {
            const auto lines = view.screen(Style(false), columns, rows);
            ASSERT_EQ(lines.size(), rows) << columns;
            for (const auto& line : lines) ASSERT_LE(columns_of(line), columns) << rows;
        }
    }
}

TEST_F(CtlTop, says_what_it_does_not_show) {
    view.take(stats(10, 100, 0), page(row(1, 0) + "," + row(2, 0) + "," + row(3, 0), 5000), start);
    EXPECT_EQ(view.screen(Style(false), 80, 24).back(), "q quits; 3 of 5000 sessions");
    EXPECT_EQ(view.screen(Style(false), 80, 9).back(), "q quits; 2 of 5000 sessions");
    view.take(stats(11, 100, 0), {}, start + 1s);
    EXPECT_EQ(view.screen(Style(false), 80, 24).back(),
              "q quits; this server does not list its sessions");
    view.set_failure("cannot connect to x\nIs it");
    EXPECT_EQ(view.screen(Style(false), 80, 24).back(), "cannot connect to x?Is it");
    view.take(stats(12, 100, 0), {}, start + 2s);
    EXPECT_FALSE(has(view.screen(Style(false), 80, 24), "cannot"));
}

}  // namespace
}  // namespace neosocksd::ctl
