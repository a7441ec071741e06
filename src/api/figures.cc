// Tested by stats_report_test.cc.

#include "api/figures.h"

#include <algorithm>
#include <cmath>

#include <sys/resource.h>

namespace neosocksd::api {
namespace {

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double process_cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

}  // namespace

RulesFigures figures_of(const ruleset::Vm& vm) {
    const auto memory = vm.memory();
    return {.bytes = memory.bytes,
            .objects = memory.objects,
            .limit_bytes = vm.memory_limit(),
            .threads = vm.threads_active(),
            .peak_threads = vm.threads_peak(),
            .long_runs = vm.long_runs()};
}

std::uint64_t Figures::failed_dials() const {
    using enum proxy::Outcome;
    std::uint64_t count = 0;
    for (const auto kind : {blocked, own_listener, unresolved, network_unreachable,
                            host_unreachable, connection_refused, connect_failed, upstream_failed})
        count += total.outcome(kind);
    return count;
}

Figures read_figures(const Program& program, const ApiCounters& api, const ruleset::Vm* vm,
                     const RpcClient* rpc) {
    Figures figures;
    figures.version = program.version();
    figures.homepage = program.homepage();
    figures.uptime = program.uptime();
    figures.cpu_seconds = process_cpu_seconds();
    figures.counters = program.counters();
    figures.total = figures.counters.total();
    figures.api = api;
    if (rpc) figures.rpc = rpc->counters();
    if (vm) figures.rules = figures_of(*vm);
    std::ranges::sort(figures.counters.dial_times);
    return figures;
}

io::Duration percentile(const std::vector<io::Duration>& sorted, double p) {
    const double rank = std::ceil(p * static_cast<double>(sorted.size()));
    return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

}  // namespace neosocksd::api
