// Sums over workers. Tested by stats_report_test.cc.

#include "api/program.h"

namespace neosocksd::api {
namespace {

void add(proxy::HistogramValues& sum, const proxy::HistogramValues& other) {
    for (std::size_t i = 0; i < sum.counts.size(); i++) sum.counts[i] += other.counts[i];
    sum.sum_us += other.sum_us;
}

}  // namespace

void WorkerCounters::add(const WorkerCounters& other) {
    accepted += other.accepted;
    refused += other.refused;
    requests += other.requests;
    for (std::size_t i = 0; i < outcomes.size(); i++) outcomes[i] += other.outcomes[i];
    http_forwarded += other.http_forwarded;
    http_failed += other.http_failed;
    datagrams_up += other.datagrams_up;
    datagrams_down += other.datagrams_down;
    datagrams_dropped += other.datagrams_dropped;
    handed_over += other.handed_over;
    bulk_relays += other.bulk_relays;
    up_bytes += other.up_bytes;
    down_bytes += other.down_bytes;
    dns_queries += other.dns_queries;
    dns_successes += other.dns_successes;
    client_rx_bytes += other.client_rx_bytes;
    client_tx_bytes += other.client_tx_bytes;
    hop_rx_bytes += other.hop_rx_bytes;
    hop_tx_bytes += other.hop_tx_bytes;
    api::add(setup_time, other.setup_time);
    api::add(session_time, other.session_time);
}

WorkerCounters Counters::total() const {
    WorkerCounters sum;
    for (const WorkerCounters& worker : workers) sum.add(worker);
    return sum;
}

}  // namespace neosocksd::api
