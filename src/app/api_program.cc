// Tested by tests/e2e/test_api_stats.py.

#include "app/api_program.h"

#include "app/help.h"
#include "base/log.h"
#include "proxy/access_log.h"

namespace neosocksd::app {
namespace {

template <typename T>
T relaxed(const std::atomic<T>& value) {
    return value.load(std::memory_order_relaxed);
}

// What is a part of something else is read first, so that it never seems to be more than that.
api::WorkerCounters read_worker(proxy::Worker& worker) {
    const proxy::WorkerStats& stats = worker.stats();
    api::WorkerCounters counters;
    counters.engine = worker.engine_name();
    counters.refused = stats.refused.get();
    for (std::size_t i = 0; i < counters.outcomes.size(); i++)
        counters.outcomes[i] = stats.outcomes[i].get();
    counters.http_forwarded = stats.http_forwarded.get();
    counters.http_failed = stats.http_failed.get();
    counters.requests = stats.requests.get();
    counters.accepted = stats.accepted.get();
    counters.datagrams_up = stats.datagrams_up.get();
    counters.datagrams_down = stats.datagrams_down.get();
    counters.datagrams_dropped = stats.datagrams_dropped.get();
    counters.handed_over = stats.handed_over.get();
    counters.bulk_relays = relaxed(worker.relays().bulk_relays);
    counters.up_bytes = relaxed(worker.relays().up_bytes);
    counters.down_bytes = relaxed(worker.relays().down_bytes);
    counters.dns_successes = relaxed(worker.resolver_counters().successes);
    counters.dns_queries = relaxed(worker.resolver_counters().queries);
    counters.client_rx_bytes = stats.client_rx_bytes.get();
    counters.client_tx_bytes = stats.client_tx_bytes.get();
    counters.hop_rx_bytes = relaxed(worker.dialer().hop_counters().rx_bytes);
    counters.hop_tx_bytes = relaxed(worker.dialer().hop_counters().tx_bytes);
    counters.setup_time = stats.setup_time.read();
    counters.session_time = stats.session_time.read();
    return counters;
}

}  // namespace

ApiProgram::ApiProgram(io::Loop& control, const proxy::Shared& shared, Scripts* scripts)
    : shared_(shared), scripts_(scripts), sessions_(shared, control) {
    if (scripts && scripts->has_ruleset())
        explainer_.emplace(scripts->rules(), scripts->resolver(), shared.policy);
}

std::string ApiProgram::version() const {
    return std::string(app::version());
}

std::string ApiProgram::homepage() const {
    return std::string(kHomepage);
}

api::Counters ApiProgram::counters() const {
    api::Counters counters;
    counters.sessions = shared_.admission.sessions();
    counters.half_open = shared_.admission.half_open();
    counters.peak_sessions = shared_.admission.peak_sessions();
    for (proxy::Worker* worker : shared_.workers) {
        counters.workers.push_back(read_worker(*worker));
        worker->stats().dial_times.append_to(counters.dial_times);
        counters.dials += worker->stats().dial_times.count();
    }
    if (scripts_) {
        counters.control_successes = relaxed(scripts_->resolver_counters().successes);
        counters.control_queries = relaxed(scripts_->resolver_counters().queries);
    }
    if (shared_.access_log) counters.access_lines_dropped = shared_.access_log->dropped();
    counters.log_lines_suppressed = log::suppressed_lines();
    return counters;
}

}  // namespace neosocksd::app
