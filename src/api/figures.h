// Everything that /stats and /metrics report, at one moment.

#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "api/program.h"
#include "api/rpc_client.h"
#include "proxy/stats.h"
#include "ruleset/vm.h"

namespace neosocksd::api {

// Of the API itself; the control thread's.
struct ApiCounters {
    std::uint64_t accepted = 0;   // connections
    std::uint64_t refused = 0;    // more than there may be
    std::uint64_t requests = 0;   // that were read to the end of their head
    std::uint64_t successes = 0;  // answered with a status below 400
    std::uint64_t rx_bytes = 0;
    std::uint64_t tx_bytes = 0;
};

struct RulesFigures {
    std::uint64_t bytes = 0;
    std::uint64_t objects = 0;
    std::uint64_t limit_bytes = 0;  // 0: none
    std::uint64_t threads = 0;
    std::uint64_t peak_threads = 0;
    std::uint64_t long_runs = 0;
};
RulesFigures figures_of(const ruleset::Vm& vm);

struct Figures {
    std::string version;
    std::string homepage;
    io::Duration uptime{};
    double cpu_seconds = 0;  // of the process
    Counters counters;
    WorkerCounters total;  // of counters.workers
    ApiCounters api;
    RpcClientCounters rpc;
    std::optional<RulesFigures> rules;

    std::uint64_t served() const {
        return total.accepted - std::min(total.accepted, total.refused);
    }
    // Never below the successes, though these were read at another moment.
    std::uint64_t requests() const { return std::max(total.requests, total.successes()); }
    std::uint64_t dns_queries() const { return total.dns_queries + counters.control_queries; }
    std::uint64_t dns_successes() const { return total.dns_successes + counters.control_successes; }
    // Requests that failed because the target was not reached.
    std::uint64_t failed_dials() const;
    std::uint64_t timeouts() const {
        return total.outcome(proxy::Outcome::request_timeout) +
               total.outcome(proxy::Outcome::dial_timeout);
    }
    std::uint64_t rejections() const { return total.outcome(proxy::Outcome::rejected); }
};

// `vm` and `rpc` may be null.
Figures read_figures(const Program& program, const ApiCounters& api, const ruleset::Vm* vm,
                     const RpcClient* rpc);

// The p-th part of the sorted times, by the nearest rank; `sorted` is not empty.
io::Duration percentile(const std::vector<io::Duration>& sorted, double p);

}  // namespace neosocksd::api
