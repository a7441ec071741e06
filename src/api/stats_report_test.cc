#include "api/stats_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neosocksd::api {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// The figures of the sample in the reference.
Figures sample() {
    Figures figures;
    figures.version = "dev";
    figures.homepage = "https://github.com/hexian000/neosocksd";
    figures.uptime = 1329ms;
    figures.cpu_seconds = 0.5;
    figures.counters.sessions = 4;
    figures.counters.half_open = 1;
    figures.total.accepted = 5;
    figures.total.requests = 4;
    figures.total.outcomes[static_cast<std::size_t>(proxy::Outcome::established)] = 4;
    figures.total.up_bytes = figures.total.down_bytes = 3596613;
    figures.api.requests = 3;
    figures.api.successes = 2;
    figures.rules = RulesFigures{.bytes = 28058, .objects = 384, .limit_bytes = 10 << 20};
    figures.counters.workers.resize(1);
    return figures;
}

TEST(StatsText, is_that_of_1_4_2) {
    const auto figures = sample();
    EXPECT_EQ(stats_banner(figures), "neosocksd dev\n  https://github.com/hexian000/neosocksd\n\n");
    ::setenv("TZ", "UTC0", 1);
    ::tzset();
    EXPECT_EQ(stats_text(figures, 1795366194),
              "Server Time         : 2026-11-22T16:49:54+0000\n"
              "Uptime              : 1329ms\n"
              "Num Sessions        : 4 (+1)\n"
              "Conn Accepts        : 5 (+0)\n"
              "Requests            : 4 (+0)\n"
              "API Requests        : 2 (+1)\n"
              "Name Resolves       : 0 (+0)\n"
              "Traffic             : Up 3.43MiB, Down 3.43MiB\n"
              "Ruleset Allocated   : 27.4KiB < 10.0MiB (384 objects)\n");
}

TEST(StatsText, leaves_out_what_there_is_not) {
    auto figures = sample();
    figures.rules->limit_bytes = 0;
    EXPECT_THAT(stats_text(figures, 0), HasSubstr("Ruleset Allocated   : 27.4KiB (384 objects)\n"));
    figures.rules.reset();
    EXPECT_THAT(stats_text(figures, 0), testing::Not(HasSubstr("Ruleset")));
}

TEST(StatsText, never_counts_below_nothing) {
    auto figures = sample();
    figures.total.requests = 3;  // read before the last one was established
    figures.total.refused = 6;
    EXPECT_THAT(stats_text(figures, 0), HasSubstr("Requests            : 4 (+0)\n"));
    EXPECT_THAT(stats_text(figures, 0), HasSubstr("Conn Accepts        : 0 (+6)\n"));
}

TEST(RateMeter, measures_from_the_start_and_then_from_the_last_reset) {
    auto figures = sample();
    figures.uptime = 4s;
    figures.total.refused = 1;
    figures.total.up_bytes = 4 << 20;
    figures.total.down_bytes = 0;
    RateMeter meter;
    EXPECT_DOUBLE_EQ(meter.seconds(figures), 4);
    EXPECT_EQ(meter.text(figures),
              "Accept Rate         : 1.0/s (+0.2/s)\n"
              "Request Rate        : 1.0/s\n"
              "API Request Rate    : 0.8/s\n"
              "Bandwidth           : Up 1024KiB/s, Down 0/s\n"
              "Server Load         : (unknown)\n");
    meter = RateMeter(figures);
    figures.uptime = 6s;
    figures.cpu_seconds += 0.0134;
    figures.total.accepted += 3;
    figures.total.requests += 2;
    EXPECT_DOUBLE_EQ(meter.seconds(figures), 2);
    EXPECT_EQ(meter.text(figures),
              "Accept Rate         : 1.5/s (+0.0/s)\n"
              "Request Rate        : 1.0/s\n"
              "API Request Rate    : 0.0/s\n"
              "Bandwidth           : Up 0/s, Down 0/s\n"
              "Server Load         : 0.670%\n");
    JsonWriter json;
    json.begin_object();
    meter.write(json, figures);
    EXPECT_THAT(json.end().text(), HasSubstr(R"({"rates":{"seconds":2,"accepted":1.5,)"
                                             R"("refused":0,"requests":1,"api_requests":0,)"));
}

TEST(RateMeter, survives_two_requests_at_the_same_time) {
    const auto figures = sample();
    const RateMeter meter(figures);
    EXPECT_THAT(meter.text(figures), HasSubstr("Request Rate        : 0.0/s\n"));
}

TEST(Percentile, is_the_nearest_rank) {
    const std::vector<io::Duration> times{1ms, 2ms, 3ms, 4ms, 5ms, 6ms, 7ms, 8ms, 9ms, 10ms};
    EXPECT_EQ(percentile(times, 0.5), 5ms);
    EXPECT_EQ(percentile(times, 0.9), 9ms);
    EXPECT_EQ(percentile(times, 0.99), 10ms);
    EXPECT_EQ(percentile(times, 1), 10ms);
    EXPECT_EQ(percentile({3ms}, 0.5), 3ms);
}

TEST(Counters, add_up_over_workers) {
    Counters counters;
    counters.workers.resize(2);
    proxy::WorkerStats stats;
    stats.setup_time.add(3ms);
    stats.setup_time.add(2min);
    for (auto& worker : counters.workers) {
        worker.accepted = 3;
        worker.outcomes[0] = 2;
        worker.up_bytes = 10;
        worker.setup_time = stats.setup_time.read();
    }
    const auto total = counters.total();
    EXPECT_EQ(total.accepted, 6u);
    EXPECT_EQ(total.successes(), 4u);
    EXPECT_EQ(total.up_bytes, 20u);
    EXPECT_EQ(total.setup_time.counts[3], 2u);
    EXPECT_EQ(total.setup_time.counts.back(), 2u);
    EXPECT_EQ(total.setup_time.sum_us, 2u * 120'003'000u);
}

TEST(StatsJson, has_the_totals_and_each_worker) {
    auto figures = sample();
    figures.counters.workers[0].engine = "uring";
    figures.counters.workers[0].accepted = 5;
    figures.counters.dial_times = {2ms, 4ms};
    figures.counters.dials = 7;
    JsonWriter json;
    json.begin_object();
    write_stats(json, figures, 1795366194);
    const std::string text = json.end().text();
    EXPECT_THAT(text, HasSubstr(R"("version":"dev","time":1795366194,"uptime_seconds":1.329)"));
    EXPECT_THAT(text, HasSubstr(R"("sessions":{"established":4,"half_open":1,"peak":0})"));
    EXPECT_THAT(text, HasSubstr(R"("connect_latency":{"count":7,"p50":0.002,"p90":0.004)"));
    EXPECT_THAT(text, HasSubstr(R"("ruleset":{"allocated_bytes":28058,"limit_bytes":10485760)"));
    EXPECT_THAT(text, HasSubstr(R"("workers":[{"engine":"uring","connections":{"accepted":5)"));
    EXPECT_TRUE(text.ends_with("}]}"));
}

}  // namespace
}  // namespace neosocksd::api
