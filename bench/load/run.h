// One measurement from beginning to end: start the workers, wait until the tunnels stand, let the
// load settle, open the window, close it, and print what was seen as one line of JSON.
//
// The measuring thread runs with real-time priority where it may: on a CPU it shares with a busy
// worker it would otherwise open and close the window late.

#pragma once

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <thread>
#include <vector>

#include "handshake.h"
#include "json.h"
#include "options.h"
#include "process_stats.h"
#include "util.h"
#include "worker.h"

namespace neosocksd::bench {

// CPU time used so far by everyone of interest.
struct CpuReading {
    MachineCpu machine;
    double generator_s = 0;
    CpuSeconds backend, proxy;
};

inline CpuReading read_cpu(const LoadOptions& options) {
    CpuReading reading;
    reading.machine = machine_cpu();
    reading.generator_s = own_cpu_seconds();
    if (options.backend_pid) reading.backend = cpu_of(options.backend_pid);
    if (options.proxy_pid) reading.proxy = cpu_of(options.proxy_pid);
    return reading;
}

struct Measurement {
    CpuReading start, end;
    Footprint footprint_before, footprint_after;
    long slab_before_kib = 0, slab_after_kib = 0;
    double seconds = 0, setup_s = 0;
    int tunnels = 0;
    Tally tally;
};

class LoadRun {
public:
    explicit LoadRun(const LoadOptions& options)
        : options_(options), script_(make_script(options)) {}

    Measurement measure() {
        const bool real_time = set_policy(SCHED_RR, 1);
        Measurement result;
        result.slab_before_kib = slab_kib();
        if (options_.proxy_pid) result.footprint_before = footprint_of(options_.proxy_pid);
        if (options_.source == BulkSource::sendfile) zeros_memfd();

        start_workers(real_time);
        if (options_.mode != Mode::cps) result.setup_s = await_tunnels();
        sleep_until(now_ns() + to_ns(options_.warmup_s));

        result.start = read_cpu(options_);
        const uint64_t start = now_ns();
        stage_.window_start_ns.store(start, std::memory_order_relaxed);
        stage_.phase.store(Phase::measuring, std::memory_order_relaxed);
        sleep_until(start + to_ns(options_.duration_s));
        result.tunnels = tunnels_ready();
        stage_.phase.store(Phase::holding, std::memory_order_relaxed);
        result.seconds = static_cast<double>(now_ns() - start) * 1e-9;
        result.end = read_cpu(options_);
        result.slab_after_kib = slab_kib();
        if (options_.proxy_pid) result.footprint_after = footprint_of(options_.proxy_pid);

        stage_.phase.store(Phase::stop, std::memory_order_relaxed);
        for (auto& thread : threads_) thread.join();
        for (const auto& worker : workers_) add(result.tally, worker->tally);
        return result;
    }

private:
    static uint64_t to_ns(double seconds) { return static_cast<uint64_t>(seconds * 1e9); }

    static bool set_policy(int policy, int priority) {
        sched_param parameters{};
        parameters.sched_priority = priority;
        return pthread_setschedparam(pthread_self(), policy, &parameters) == 0;
    }

    void start_workers(bool real_time) {
        for (int i = 0; i < options_.threads; i++) {
            const int first =
                static_cast<int>(int64_t{options_.connections} * i / options_.threads);
            const int end =
                static_cast<int>(int64_t{options_.connections} * (i + 1) / options_.threads);
            workers_.push_back(
                std::make_unique<Worker>(options_, script_, stage_, first, end - first));
        }
        for (auto& worker : workers_)
            threads_.emplace_back([&worker = *worker, real_time] {
                if (real_time) set_policy(SCHED_OTHER, 0);  // inherited from the measuring thread
                worker.run();
            });
    }

    int tunnels_ready() const {
        int sum = 0;
        for (const auto& worker : workers_) sum += worker->ready.load(std::memory_order_relaxed);
        return sum;
    }

    int tunnels_failed() const {
        int sum = 0;
        for (const auto& worker : workers_) sum += worker->failed.load(std::memory_order_relaxed);
        return sum;
    }

    double await_tunnels() const {
        const uint64_t start = now_ns();
        const uint64_t deadline = start + to_ns(options_.setup_timeout_s);
        while (tunnels_ready() + tunnels_failed() < options_.connections && now_ns() < deadline)
            usleep(2000);
        const double seconds = static_cast<double>(now_ns() - start) * 1e-9;
        note("%d of %d tunnels up after %.3f s", tunnels_ready(), options_.connections, seconds);
        return seconds;
    }

    static void add(Tally& sum, const Tally& part) {
        sum.latency_ns.merge(part.latency_ns);
        sum.operations += part.operations;
        sum.bytes += part.bytes;
        sum.connect_errors += part.connect_errors;
        sum.handshake_errors += part.handshake_errors;
        sum.io_errors += part.io_errors;
        sum.timeouts += part.timeouts;
        sum.stalled += part.stalled;
        sum.setup_errors += part.setup_errors;
    }

    const LoadOptions& options_;
    const Script script_;
    Stage stage_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::thread> threads_;
};

inline void add_traffic(JsonObject& json, const LoadOptions& options, const Measurement& m) {
    const Tally& tally = m.tally;
    const auto operations = static_cast<double>(tally.operations);
    const auto bytes = static_cast<double>(tally.bytes);
    const double proxy_cpu_s = m.end.proxy.total - m.start.proxy.total;
    const bool cost_known = options.proxy_pid && tally.operations;
    switch (options.mode) {
    case Mode::cps:
    case Mode::rr: {
        const bool sessions = options.mode == Mode::cps;
        json.integer("operations", tally.operations);
        json.number(sessions ? "sessions_per_s" : "rt_per_s", operations / m.seconds);
        if (cost_known)
            json.number(sessions ? "cpu_us_per_session" : "cpu_us_per_rt",
                        proxy_cpu_s * 1e6 / operations);
        json.number("lat_p50_us", tally.latency_ns.percentile(50) / 1e3);
        json.number("lat_p90_us", tally.latency_ns.percentile(90) / 1e3);
        json.number("lat_p99_us", tally.latency_ns.percentile(99) / 1e3);
        json.number("lat_p999_us", tally.latency_ns.percentile(99.9) / 1e3);
        json.number("lat_max_us", static_cast<double>(tally.latency_ns.max()) / 1e3);
        json.number("lat_mean_us", tally.latency_ns.mean() / 1e3);
        break;
    }
    case Mode::up:
    case Mode::down:
        json.integer("bytes", tally.bytes);
        json.number("gbit_per_s", bytes * 8e-9 / m.seconds);
        json.number("bytes_per_call", tally.operations ? bytes / operations : 0);
        if (cost_known) json.number("cpu_s_per_gb", proxy_cpu_s / (bytes * 1e-9));
        break;
    case Mode::idle: break;
    }
}

inline void add_footprint(JsonObject& json, const LoadOptions& options, const Measurement& m) {
    const Footprint& before = m.footprint_before;
    const Footprint& after = m.footprint_after;
    const double tunnels = m.tunnels;
    if (options.proxy_pid) {
        json.integer("proxy_processes", m.end.proxy.processes);
        json.integer("proxy_threads", after.threads);
        json.integer("proxy_fds", after.descriptors);
        json.integer("rss_before_kb", before.rss_kib);
        json.integer("pss_before_kb", before.pss_kib);
        json.integer("rss_kb", after.rss_kib);
        json.integer("pss_kb", after.pss_kib);
    }
    if (options.mode != Mode::idle || m.tunnels == 0) return;
    const auto per_tunnel = [&](long growth_kib) {
        return static_cast<double>(growth_kib) * 1024 / tunnels;
    };
    if (options.proxy_pid) {
        json.number("rss_per_tunnel_b", per_tunnel(after.rss_kib - before.rss_kib));
        json.number("pss_per_tunnel_b", per_tunnel(after.pss_kib - before.pss_kib));
        json.number("fds_per_tunnel",
                    static_cast<double>(after.descriptors - before.descriptors) / tunnels);
    }
    // Of the whole machine: the sockets of all three programs, and pipes.
    json.number("slab_per_tunnel_b", per_tunnel(m.slab_after_kib - m.slab_before_kib));
}

inline void add_cpu(JsonObject& json, const LoadOptions& options, const Measurement& m) {
    const double generator_s = m.end.generator_s - m.start.generator_s;
    const double backend_s = m.end.backend.total - m.start.backend.total;
    const double proxy_s = m.end.proxy.total - m.start.proxy.total;
    const double busy_s = m.end.machine.busy - m.start.machine.busy;
    const auto percent = [&](double seconds) { return 100 * seconds / m.seconds; };
    if (options.proxy_pid) {
        json.number("proxy_cpu_pct", percent(proxy_s));
        json.number("proxy_cpu_user_s", m.end.proxy.user - m.start.proxy.user);
        json.number("proxy_cpu_sys_s", m.end.proxy.system - m.start.proxy.system);
    }
    json.number("gen_cpu_pct", percent(generator_s));
    if (options.backend_pid) json.number("backend_cpu_pct", percent(backend_s));
    json.number("system_busy_pct", percent(busy_s));
    json.number("steal_pct", percent(m.end.machine.stolen - m.start.machine.stolen));
    // What nobody in this measurement used.
    json.number("foreign_pct", percent(busy_s - generator_s - backend_s - proxy_s));
}

inline int run_load(const LoadOptions& options) {
    raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    if (options.proxy_pid && kill(options.proxy_pid, 0) != 0)
        die("no process %d", options.proxy_pid);
    const Measurement m = LoadRun(options).measure();
    const Tally& tally = m.tally;

    JsonObject json;
    json.string("label", options.label);
    json.string("mode", options.mode_name);
    json.string("proxy", options.proxy);
    json.integer("conns", options.connections);
    json.integer("threads", options.threads);
    json.integer("size", static_cast<uint64_t>(options.size));
    json.number("duration_s", m.seconds);
    json.integer("errors", tally.connect_errors + tally.handshake_errors + tally.io_errors +
                               tally.timeouts + tally.stalled);
    json.integer("err_connect", tally.connect_errors);
    json.integer("err_handshake", tally.handshake_errors);
    json.integer("err_io", tally.io_errors);
    json.integer("err_timeout", tally.timeouts);
    json.integer("err_stalled", tally.stalled);
    json.integer("err_setup", tally.setup_errors);
    if (options.mode != Mode::cps) {
        json.integer("tunnels", m.tunnels);
        json.number("setup_s", m.setup_s);
    }
    add_traffic(json, options, m);
    add_footprint(json, options, m);
    add_cpu(json, options, m);
    std::puts(json.text().c_str());
    return 0;
}

}  // namespace neosocksd::bench
