// Tested by stats_report_test.cc.

#include "api/stats_report.h"

#include <fmt/format.h>

#include "api/number_format.h"

namespace neosocksd::api {
namespace {

double seconds_of(io::Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

// "2026-11-22T16:49:54+0000", in local time.
std::string server_time(std::time_t now) {
    std::tm local{};
    ::localtime_r(&now, &local);
    char text[64];
    return {text, std::strftime(text, sizeof text, "%FT%T%z", &local)};
}

std::string done_and_more(std::uint64_t done, std::uint64_t all) {
    return fmt::format("{} (+{})", done, all - done);
}

void write_latency(JsonWriter& json, const Counters& counters) {
    json.begin_object("connect_latency").member("count", counters.dials);
    if (!counters.dial_times.empty()) {
        for (const auto& [name, p] :
             {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}})
            json.member(name, seconds_of(percentile(counters.dial_times, p)));
    }
    json.end();
}

void write_outcomes(JsonWriter& json, const WorkerCounters& counters) {
    json.begin_object("outcomes");
    for (std::size_t i = 0; i < proxy::kOutcomes; i++)
        json.member(proxy::row_of(static_cast<proxy::Outcome>(i)).name, counters.outcomes[i]);
    json.end();
}

// What a worker and all of them have in common.
void write_counters(JsonWriter& json, const WorkerCounters& counters) {
    json.begin_object("connections")
        .member("accepted", counters.accepted)
        .member("refused", counters.refused)
        .end();
    json.begin_object("requests")
        .member("total", std::max(counters.requests, counters.successes()))
        .member("succeeded", counters.successes())
        .member("http_forwarded", counters.http_forwarded)
        .member("http_failed", counters.http_failed)
        .end();
    write_outcomes(json, counters);
    json.begin_object("traffic")
        .member("up_bytes", counters.up_bytes)
        .member("down_bytes", counters.down_bytes)
        .end();
    json.begin_object("datagrams")
        .member("up", counters.datagrams_up)
        .member("down", counters.datagrams_down)
        .member("dropped", counters.datagrams_dropped)
        .end();
    json.member("bulk_relays", counters.bulk_relays).member("handed_over", counters.handed_over);
}

}  // namespace

std::string report_line(std::string_view label, std::string_view value) {
    return fmt::format("{:<20}: {}\n", label, value);
}

std::string stats_banner(const Figures& figures) {
    return fmt::format("neosocksd {}\n  {}\n\n", figures.version, figures.homepage);
}

std::string rules_memory_text(const RulesFigures& rules) {
    std::string text = format_bytes(static_cast<double>(rules.bytes));
    if (rules.limit_bytes > 0) text += " < " + format_bytes(static_cast<double>(rules.limit_bytes));
    return text + fmt::format(" ({} objects)", format_count(static_cast<double>(rules.objects)));
}

std::string stats_text(const Figures& figures, std::time_t now) {
    const Counters& counters = figures.counters;
    std::string text = report_line("Server Time", server_time(now));
    text += report_line("Uptime", format_duration(figures.uptime));
    text +=
        report_line("Num Sessions", fmt::format("{} (+{})", counters.sessions, counters.half_open));
    text += report_line("Conn Accepts",
                        fmt::format("{} (+{})", figures.served(), figures.total.refused));
    text += report_line("Requests", done_and_more(figures.total.successes(), figures.requests()));
    text += report_line("API Requests", done_and_more(figures.api.successes, figures.api.requests));
    text +=
        report_line("Name Resolves", done_and_more(figures.dns_successes(), figures.dns_queries()));
    text += report_line(
        "Traffic",
        fmt::format("Up {}, Down {}", format_bytes(static_cast<double>(figures.total.up_bytes)),
                    format_bytes(static_cast<double>(figures.total.down_bytes))));
    if (figures.rules) text += report_line("Ruleset Allocated", rules_memory_text(*figures.rules));
    return text;
}

void write_stats(JsonWriter& json, const Figures& figures, std::time_t now) {
    json.member("version", figures.version)
        .member("time", static_cast<std::int64_t>(now))
        .member("uptime_seconds", seconds_of(figures.uptime))
        .member("cpu_seconds", figures.cpu_seconds);
    json.begin_object("sessions")
        .member("established", figures.counters.sessions)
        .member("half_open", figures.counters.half_open)
        .member("peak", figures.counters.peak_sessions)
        .end();
    write_counters(json, figures.total);
    write_latency(json, figures.counters);
    json.begin_object("dns")
        .member("queries", figures.dns_queries())
        .member("succeeded", figures.dns_successes())
        .end();
    json.begin_object("api")
        .member("connections", figures.api.accepted)
        .member("requests", figures.api.requests)
        .member("succeeded", figures.api.successes)
        .member("rx_bytes", figures.api.rx_bytes)
        .member("tx_bytes", figures.api.tx_bytes)
        .end();
    json.begin_object("rpc")
        .member("requests", figures.rpc.requests)
        .member("rx_bytes", figures.rpc.rx_bytes)
        .member("tx_bytes", figures.rpc.tx_bytes)
        .end();
    if (figures.rules) {
        json.begin_object("ruleset")
            .member("allocated_bytes", figures.rules->bytes)
            .member("limit_bytes", figures.rules->limit_bytes)
            .member("objects", figures.rules->objects)
            .member("threads", figures.rules->threads)
            .member("threads_peak", figures.rules->peak_threads)
            .member("long_runs", figures.rules->long_runs)
            .end();
    }
    json.begin_array("workers");
    for (const WorkerCounters& worker : figures.counters.workers) {
        json.begin_object().member("engine", worker.engine);
        write_counters(json, worker);
        json.end();
    }
    json.end();
}

RateMeter::Mark RateMeter::mark(const Figures& figures) {
    return {.uptime = figures.uptime,
            .accepted = figures.served(),
            .refused = figures.total.refused,
            .requests = figures.requests(),
            .api_requests = figures.api.requests,
            .up_bytes = figures.total.up_bytes,
            .down_bytes = figures.total.down_bytes,
            .cpu_seconds = figures.cpu_seconds};
}

double RateMeter::seconds(const Figures& figures) const {
    return seconds_of(figures.uptime - last_.value_or(Mark{}).uptime);
}

RateMeter::Rates RateMeter::rates(const Figures& figures) const {
    const Mark now = mark(figures);
    const Mark then = last_.value_or(Mark{});
    // Two requests in one turn of the loop.
    const double dt = std::max(seconds(figures), 1e-6);
    const auto rate = [&](std::uint64_t Mark::* field) {
        return static_cast<double>(now.*field - then.*field) / dt;
    };
    return {.accepted = rate(&Mark::accepted),
            .refused = rate(&Mark::refused),
            .requests = rate(&Mark::requests),
            .api_requests = rate(&Mark::api_requests),
            .up_bytes = rate(&Mark::up_bytes),
            .down_bytes = rate(&Mark::down_bytes),
            .load = (now.cpu_seconds - then.cpu_seconds) / dt};
}

std::string RateMeter::text(const Figures& figures) const {
    const Rates rate = rates(figures);
    std::string text = report_line(
        "Accept Rate", fmt::format("{:.1f}/s ({:+.1f}/s)", rate.accepted, rate.refused));
    text += report_line("Request Rate", fmt::format("{:.1f}/s", rate.requests));
    text += report_line("API Request Rate", fmt::format("{:.1f}/s", rate.api_requests));
    text += report_line("Bandwidth", fmt::format("Up {}/s, Down {}/s", format_bytes(rate.up_bytes),
                                                 format_bytes(rate.down_bytes)));
    text +=
        report_line("Server Load", last_ ? fmt::format("{:.3f}%", rate.load * 100) : "(unknown)");
    return text;
}

void RateMeter::write(JsonWriter& json, const Figures& figures) const {
    const Rates rate = rates(figures);
    json.begin_object("rates")
        .member("seconds", seconds(figures))
        .member("accepted", rate.accepted)
        .member("refused", rate.refused)
        .member("requests", rate.requests)
        .member("api_requests", rate.api_requests)
        .member("up_bytes", rate.up_bytes)
        .member("down_bytes", rate.down_bytes)
        .member("load", rate.load)
        .end();
}

}  // namespace neosocksd::api
