// What the API reads of the program it belongs to. The program implements it (app/api_program.h);
// the API knows nothing else of it.

#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "io/timer.h"
#include "proxy/outcome.h"
#include "proxy/stats.h"

namespace neosocksd::proxy {
class SessionDirectory;
}

namespace neosocksd::api {

class Explainer;

// One worker's counters at one moment. They are read one after another while the worker goes on:
// each is right by itself, sums may be a few ahead of their parts.
struct WorkerCounters {
    std::string engine;  // "uring", "epoll"
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::uint64_t requests = 0;
    std::array<std::uint64_t, proxy::kOutcomes> outcomes{};
    std::uint64_t http_forwarded = 0;
    std::uint64_t http_failed = 0;
    std::uint64_t datagrams_up = 0;
    std::uint64_t datagrams_down = 0;
    std::uint64_t datagrams_dropped = 0;
    std::uint64_t handed_over = 0;
    std::int64_t bulk_relays = 0;
    std::uint64_t up_bytes = 0;    // client to target
    std::uint64_t down_bytes = 0;  // target to client
    std::uint64_t dns_queries = 0;
    std::uint64_t dns_successes = 0;
    // What is no payload: requests and replies, and the conversations with upstream proxies.
    std::uint64_t client_rx_bytes = 0;
    std::uint64_t client_tx_bytes = 0;
    std::uint64_t hop_rx_bytes = 0;
    std::uint64_t hop_tx_bytes = 0;
    proxy::HistogramValues setup_time;
    proxy::HistogramValues session_time;

    std::uint64_t outcome(proxy::Outcome kind) const {
        return outcomes[static_cast<std::size_t>(kind)];
    }
    std::uint64_t successes() const {
        return outcome(proxy::Outcome::established) + http_forwarded;
    }
    // Everything but the engine's name.
    void add(const WorkerCounters& other);
};

struct Counters {
    std::int64_t sessions = 0;
    std::int64_t half_open = 0;
    std::int64_t peak_sessions = 0;
    std::vector<WorkerCounters> workers;
    // How long the last dials took, of all workers together, unsorted; at most some hundred.
    std::vector<io::Duration> dial_times;
    std::uint64_t dials = 0;  // that succeeded, since the start
    // Lookups for scripts and RPC, which no worker makes.
    std::uint64_t control_queries = 0;
    std::uint64_t control_successes = 0;
    std::uint64_t access_lines_dropped = 0;
    std::uint64_t log_lines_suppressed = 0;

    WorkerCounters total() const;
};

class Program {
public:
    // "2.0.0", as --version says it.
    virtual std::string version() const = 0;
    virtual std::string homepage() const = 0;
    // Since the program serves.
    virtual io::Duration uptime() const = 0;
    virtual Counters counters() const = 0;
    // The end has begun: sessions may finish, new ones are not taken.
    virtual bool draining() const = 0;
    virtual proxy::SessionDirectory& sessions() const = 0;
    // Null without a ruleset.
    virtual Explainer* explainer() const = 0;

protected:
    ~Program() = default;
};

}  // namespace neosocksd::api
