#include "api/metrics_report.h"

#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neosocksd::api {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

TEST(Metrics, have_all_names_of_later_versions_in_their_order) {
    Figures figures;
    figures.counters.dial_times = {1ms};
    figures.counters.dials = 1;
    const std::string text = metrics_text(figures);
    std::size_t at = 0;
    for (const char* name : {"sessions_active",
                             "sessions_peak",
                             "halfopen_connections",
                             "uptime_seconds",
                             "process_cpu_seconds_total",
                             "connections_accepted_total",
                             "connections_served_total",
                             "requests_total",
                             "requests_success_total",
                             "rejects_ruleset_total",
                             "rejects_timeout_total",
                             "rejects_upstream_total",
                             "dns_queries_total",
                             "dns_success_total",
                             "api_requests_total",
                             "api_requests_success_total",
                             "uplink_bytes_total",
                             "downlink_bytes_total",
                             "protocol_bytes_total",
                             "api_client_requests_total",
                             "connect_latency_seconds",
                             "lua_memory_bytes",
                             "lua_objects",
                             "lua_threads_active",
                             "lua_threads_peak"}) {
        const auto found = text.find(std::string("# TYPE neosocksd_") + name + " ");
        ASSERT_NE(found, std::string::npos) << name;
        EXPECT_GT(found, at) << name;
        at = found;
    }
    EXPECT_THAT(text, HasSubstr("neosocksd_protocol_bytes_total"
                                "{direction=\"tx\",module=\"api_client\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("neosocksd_connect_latency_seconds{quantile=\"0.99\"} 0.001\n"));
    EXPECT_THAT(text, HasSubstr("neosocksd_connect_latency_seconds_count 1\n"));
}

TEST(Metrics, have_no_latency_before_the_first_success) {
    EXPECT_THAT(metrics_text(Figures{}), Not(HasSubstr("connect_latency")));
}

TEST(Metrics, are_lines_of_unique_samples_each_behind_its_own_type) {
    Figures figures;
    figures.counters.workers.resize(3);
    std::istringstream lines(metrics_text(figures));
    std::set<std::string> seen;
    std::string current;
    for (std::string line; std::getline(lines, line);) {
        const auto word = [&](std::size_t begin) {
            return line.substr(begin, line.find(' ', begin) - begin);
        };
        if (line.starts_with("# HELP ")) continue;
        if (line.starts_with("# TYPE ")) {
            current = word(7);
            EXPECT_TRUE(seen.insert(line).second) << line;
            continue;
        }
        EXPECT_TRUE(line.starts_with(current)) << line;
        EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second) << line;
    }
}

TEST(Metrics, count_what_came_of_requests) {
    Figures figures;
    const auto set = [&](proxy::Outcome kind, std::uint64_t count) {
        figures.total.outcomes[static_cast<std::size_t>(kind)] = count;
    };
    set(proxy::Outcome::rejected, 2);
    set(proxy::Outcome::request_timeout, 3);
    set(proxy::Outcome::dial_timeout, 4);
    set(proxy::Outcome::connection_refused, 5);
    set(proxy::Outcome::upstream_failed, 6);
    const std::string text = metrics_text(figures);
    EXPECT_THAT(text, HasSubstr("neosocksd_rejects_ruleset_total 2\n"));
    EXPECT_THAT(text, HasSubstr("neosocksd_rejects_timeout_total 7\n"));
    EXPECT_THAT(text, HasSubstr("neosocksd_rejects_upstream_total 11\n"));
    EXPECT_THAT(text, HasSubstr("neosocksd_outcomes_total{outcome=\"connection_refused\"} 5\n"));
}

TEST(Metrics, have_cumulative_histograms) {
    proxy::WorkerStats stats;
    stats.setup_time.add(100us);
    stats.setup_time.add(3ms);
    stats.setup_time.add(100s);
    Figures figures;
    figures.total.setup_time = stats.setup_time.read();
    const std::string text = metrics_text(figures);
    EXPECT_THAT(text, HasSubstr("neosocksd_setup_seconds_bucket{le=\"0.0005\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("neosocksd_setup_seconds_bucket{le=\"0.0025\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("neosocksd_setup_seconds_bucket{le=\"0.005\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("neosocksd_setup_seconds_bucket{le=\"60\"} 2\n"));
    EXPECT_THAT(text, HasSubstr("neosocksd_setup_seconds_bucket{le=\"+Inf\"} 3\n"));
    EXPECT_THAT(text, HasSubstr("neosocksd_setup_seconds_sum 100.0031\n"));
    EXPECT_THAT(text, HasSubstr("neosocksd_setup_seconds_count 3\n"));
}

}  // namespace
}  // namespace neosocksd::api
