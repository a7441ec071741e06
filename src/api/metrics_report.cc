// Tested by metrics_report_test.cc and, with promtool, tests/e2e/test_api_stats.py.

#include "api/metrics_report.h"

#include <functional>

#include <fmt/format.h>

namespace neosocksd::api {
namespace {

double seconds_of(io::Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

// Writes one group after another: name, help and type, then its samples.
class Exposition {
public:
    void begin(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        text_ +=
            fmt::format("# HELP neosocksd_{0} {2}\n# TYPE neosocksd_{0} {1}\n", name, type, help);
    }
    // `labels`: empty, or "{name=\"value\"}"; `suffix` as in "_count".
    template <typename T>
    void sample(T value, std::string_view labels = {}, std::string_view suffix = {}) {
        text_ += fmt::format("neosocksd_{}{}{} {}\n", name_, suffix, labels, value);
    }
    template <typename T>
    void single(std::string_view name, std::string_view type, T value, std::string_view help) {
        begin(name, type, help);
        sample(value);
    }
    std::string take() { return std::move(text_); }

private:
    std::string_view name_;
    std::string text_;
};

void add_sessions(Exposition& out, const Figures& figures) {
    const Counters& counters = figures.counters;
    out.single("sessions_active", "gauge", counters.sessions, "Established sessions.");
    out.single("sessions_peak", "gauge", counters.peak_sessions,
               "The most established sessions there have been.");
    out.single("halfopen_connections", "gauge", counters.half_open,
               "Connections that are not established yet.");
    out.single("uptime_seconds", "gauge", fmt::format("{:g}", seconds_of(figures.uptime)),
               "Time since the server started.");
    out.single("process_cpu_seconds_total", "counter", fmt::format("{:g}", figures.cpu_seconds),
               "CPU time of the process.");
}

void add_requests(Exposition& out, const Figures& figures) {
    out.single("connections_accepted_total", "counter",
               figures.total.accepted + figures.api.accepted,
               "Connections accepted by all listeners.");
    out.single("connections_served_total", "counter", figures.served(),
               "Connections of proxy clients that admission control let in.");
    out.single("requests_total", "counter", figures.requests(), "Proxy requests.");
    out.single("requests_success_total", "counter", figures.total.successes(),
               "Proxy requests that were established.");
    out.single("rejects_ruleset_total", "counter", figures.rejections(),
               "Requests rejected by the ruleset.");
    out.single("rejects_timeout_total", "counter", figures.timeouts(),
               "Requests that were not established in time.");
    out.single("rejects_upstream_total", "counter", figures.failed_dials(),
               "Requests whose target was not reached.");
    out.single("dns_queries_total", "counter", figures.dns_queries(), "Names to resolve.");
    out.single("dns_success_total", "counter", figures.dns_successes(), "Names resolved.");
    out.single("api_requests_total", "counter", figures.api.requests, "API requests.");
    out.single("api_requests_success_total", "counter", figures.api.successes,
               "API requests answered with success.");
}

void add_protocol_bytes(Exposition& out, std::uint64_t rx, std::uint64_t tx,
                        std::string_view module) {
    out.sample(rx, fmt::format("{{direction=\"rx\",module=\"{}\"}}", module));
    out.sample(tx, fmt::format("{{direction=\"tx\",module=\"{}\"}}", module));
}

// One group must be in one piece, so the client's pair comes with the others.
void add_bytes(Exposition& out, const Figures& figures) {
    const WorkerCounters& total = figures.total;
    out.single("uplink_bytes_total", "counter", total.up_bytes,
               "Payload relayed from clients to targets.");
    out.single("downlink_bytes_total", "counter", total.down_bytes,
               "Payload relayed from targets to clients.");
    out.begin("protocol_bytes_total", "counter", "Bytes that are no payload.");
    add_protocol_bytes(out, figures.api.rx_bytes, figures.api.tx_bytes, "api_server");
    add_protocol_bytes(out, total.client_rx_bytes, total.client_tx_bytes, "proxy_server");
    add_protocol_bytes(out, total.hop_rx_bytes, total.hop_tx_bytes, "proxy_client");
    add_protocol_bytes(out, figures.rpc.rx_bytes, figures.rpc.tx_bytes, "api_client");
    out.single("api_client_requests_total", "counter", figures.rpc.requests,
               "RPC requests sent to other nodes.");
}

void add_latency(Exposition& out, const Counters& counters) {
    if (counters.dial_times.empty()) return;
    out.begin("connect_latency_seconds", "summary",
              "Time from a complete request until its target was reached, of the last ones.");
    for (const double p : {0.5, 0.9, 0.99})
        out.sample(seconds_of(percentile(counters.dial_times, p)),
                   fmt::format("{{quantile=\"{}\"}}", p));
    out.sample(counters.dials, {}, "_count");
}

void add_rules(Exposition& out, const RulesFigures& rules) {
    out.single("lua_memory_bytes", "gauge", rules.bytes, "Memory of the Lua VM.");
    out.single("lua_objects", "gauge", rules.objects, "Live allocations of the Lua VM.");
    out.single("lua_threads_active", "gauge", rules.threads, "Routines in flight.");
    out.single("lua_threads_peak", "gauge", rules.peak_threads,
               "The most routines there have been.");
    out.single("lua_long_runs_total", "counter", rules.long_runs,
               "Times that Lua ran so long that everything else waited.");
}

void add_logs(Exposition& out, const Counters& counters) {
    out.single("log_lines_suppressed_total", "counter", counters.log_lines_suppressed,
               "Log lines that were counted instead of written, being too many of a kind.");
    out.single("access_log_lines_dropped_total", "counter", counters.access_lines_dropped,
               "Lines of the access log that were lost because the file was too slow.");
}

void add_histogram(Exposition& out, std::string_view name, std::string_view help,
                   const proxy::BucketBounds& bounds, const proxy::HistogramValues& values) {
    out.begin(name, "histogram", help);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < bounds.size(); i++) {
        count += values.counts[i];
        out.sample(count, fmt::format("{{le=\"{:g}\"}}", seconds_of(bounds[i])), "_bucket");
    }
    count += values.counts.back();
    out.sample(count, "{le=\"+Inf\"}", "_bucket");
    out.sample(static_cast<double>(values.sum_us) / 1e6, {}, "_sum");
    out.sample(count, {}, "_count");
}

void add_outcomes(Exposition& out, const WorkerCounters& total) {
    out.begin("outcomes_total", "counter", "Ends of session set-ups, by kind.");
    for (std::size_t i = 0; i < proxy::kOutcomes; i++)
        out.sample(
            total.outcomes[i],
            fmt::format("{{outcome=\"{}\"}}", proxy::row_of(static_cast<proxy::Outcome>(i)).name));
    out.single("http_forwarded_total", "counter", total.http_forwarded,
               "Plain HTTP requests whose response came through.");
    out.single("http_failed_total", "counter", total.http_failed,
               "Plain HTTP requests that failed after the target was reached.");
    out.begin("datagrams_total", "counter", "Datagrams of UDP associations that have ended.");
    out.sample(total.datagrams_up, "{direction=\"up\"}");
    out.sample(total.datagrams_down, "{direction=\"down\"}");
    out.single("datagrams_dropped_total", "counter", total.datagrams_dropped,
               "Datagrams that were not passed on.");
}

using Reading = std::function<std::int64_t(const WorkerCounters&)>;

void add_workers(Exposition& out, const std::vector<WorkerCounters>& workers) {
    const auto each = [&](const Reading& read, std::string_view more_labels = {}) {
        for (std::size_t i = 0; i < workers.size(); i++)
            out.sample(read(workers[i]), fmt::format("{{worker=\"{}\"{}}}", i, more_labels));
    };
    using W = WorkerCounters;
    const auto number = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
    out.begin("worker_info", "gauge", "The I/O engine of each worker.");
    for (std::size_t i = 0; i < workers.size(); i++)
        out.sample(1, fmt::format("{{worker=\"{}\",engine=\"{}\"}}", i, workers[i].engine));
    out.begin("worker_connections_accepted_total", "counter", "Connections of proxy clients.");
    each([&](const W& w) { return number(w.accepted); });
    out.begin("worker_connections_refused_total", "counter", "Those that admission refused.");
    each([&](const W& w) { return number(w.refused); });
    out.begin("worker_requests_total", "counter", "Proxy requests.");
    each([&](const W& w) { return number(w.requests); });
    out.begin("worker_requests_success_total", "counter", "Proxy requests that were established.");
    each([&](const W& w) { return number(w.successes()); });
    out.begin("worker_relayed_bytes_total", "counter", "Payload, by direction.");
    each([&](const W& w) { return number(w.up_bytes); }, ",direction=\"up\"");
    each([&](const W& w) { return number(w.down_bytes); }, ",direction=\"down\"");
    out.begin("worker_bulk_relays", "gauge", "Sessions that move much at the moment.");
    each([](const W& w) { return w.bulk_relays; });
    out.begin("worker_handed_over_total", "counter",
              "Sessions that were handed to a worker with less to do.");
    each([&](const W& w) { return number(w.handed_over); });
}

}  // namespace

std::string metrics_text(const Figures& figures) {
    Exposition out;
    add_sessions(out, figures);
    add_requests(out, figures);
    add_bytes(out, figures);
    add_latency(out, figures.counters);
    add_rules(out, figures.rules.value_or(RulesFigures{}));
    add_outcomes(out, figures.total);
    add_logs(out, figures.counters);
    add_histogram(out, "setup_seconds", "Time from accepting a client until it was established.",
                  proxy::kSetupBounds, figures.total.setup_time);
    add_histogram(out, "session_seconds", "Time from accepting a client until its session ended.",
                  proxy::kSessionBounds, figures.total.session_time);
    add_workers(out, figures.counters.workers);
    return out.take();
}

}  // namespace neosocksd::api
