// What the proxy under test costs: CPU time, memory, descriptors and threads of a process and all
// its descendants, because some proxies are a crowd of processes; and the CPU time of the whole
// machine, from which a disturbed run is told apart from a quiet one.
//
// CPU time comes from the processes' CPU clocks, which count nanoseconds; /proc counts ticks of
// 10 ms. Threads that the kernel makes for a process (io_uring's workers) belong to that process
// and are counted with it.

#pragma once

#include <dirent.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "util.h"

namespace neosocksd::bench {

struct ProcessTimes {
    int pid = 0, parent = 0;
    // In ticks; the last two are those of children that have ended and been waited for.
    unsigned long long user = 0, system = 0;
    long long children_user = 0, children_system = 0;
};

inline double ticks_to_seconds(double ticks) {
    static const auto kTicks = static_cast<double>(sysconf(_SC_CLK_TCK));
    return ticks / kTicks;
}

inline bool read_times(int pid, ProcessTimes& times) {
    std::string text;
    if (!read_small_file("/proc/" + std::to_string(pid) + "/stat", text)) return false;
    const auto name_end = text.rfind(')');  // the name may hold blanks and brackets
    if (name_end == std::string::npos) return false;
    times.pid = pid;
    return std::sscanf(text.c_str() + name_end + 1,
                       " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld",
                       &times.parent, &times.user, &times.system, &times.children_user,
                       &times.children_system) == 5;
}

// The process and its descendants.
inline std::vector<ProcessTimes> process_tree(int root) {
    std::vector<ProcessTimes> all, tree;
    DIR* proc = opendir("/proc");
    if (!proc) return tree;
    while (const dirent* entry = readdir(proc)) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
        ProcessTimes times;
        if (read_times(std::atoi(entry->d_name), times)) all.push_back(times);
    }
    closedir(proc);
    for (const auto& times : all)
        if (times.pid == root) tree.push_back(times);
    for (size_t i = 0; i < tree.size(); i++)
        for (const auto& times : all)
            if (times.parent == tree[i].pid && times.pid != root) tree.push_back(times);
    return tree;
}

struct CpuSeconds {
    double total = 0;
    double user = 0, system = 0;  // these two from the ticks
    int processes = 0;
};

inline CpuSeconds cpu_of(int root) {
    CpuSeconds cpu;
    for (const auto& times : process_tree(root)) {
        const double children =
            ticks_to_seconds(static_cast<double>(times.children_user + times.children_system));
        cpu.processes++;
        cpu.user += ticks_to_seconds(static_cast<double>(times.user) +
                                     static_cast<double>(times.children_user));
        cpu.system += ticks_to_seconds(static_cast<double>(times.system) +
                                       static_cast<double>(times.children_system));
        clockid_t clock;
        timespec used;
        if (clock_getcpuclockid(times.pid, &clock) == 0 && clock_gettime(clock, &used) == 0)
            cpu.total +=
                static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
        else
            cpu.total += ticks_to_seconds(static_cast<double>(times.user + times.system));
        cpu.total += children;
    }
    return cpu;
}

struct Footprint {
    long rss_kib = 0, pss_kib = 0;
    long descriptors = 0, threads = 0;
};

// The number after `key` in a /proc file of "Key: number" lines, 0 without it.
inline long number_after(const std::string& text, const char* key) {
    const auto at = text.find(key);
    return at == std::string::npos ? 0 : std::atol(text.c_str() + at + std::strlen(key));
}

inline Footprint footprint_of(int root) {
    Footprint sum;
    for (const auto& times : process_tree(root)) {
        const std::string directory = "/proc/" + std::to_string(times.pid);
        std::string text;
        if (read_small_file(directory + "/smaps_rollup", text)) {
            sum.rss_kib += number_after(text, "\nRss:");
            sum.pss_kib += number_after(text, "\nPss:");
        }
        if (read_small_file(directory + "/status", text))
            sum.threads += number_after(text, "\nThreads:");
        if (DIR* fds = opendir((directory + "/fd").c_str())) {
            while (const dirent* entry = readdir(fds))
                if (entry->d_name[0] != '.') sum.descriptors++;
            closedir(fds);
        }
    }
    return sum;
}

struct MachineCpu {
    double busy = 0, stolen = 0;  // seconds; stolen by other guests of the same host
};

inline MachineCpu machine_cpu() {
    std::string text;
    MachineCpu cpu;
    unsigned long long user, nice, system, interrupts, soft_interrupts, stolen;
    if (read_small_file("/proc/stat", text) &&
        std::sscanf(text.c_str(), "cpu %llu %llu %llu %*u %*u %llu %llu %llu", &user, &nice,
                    &system, &interrupts, &soft_interrupts, &stolen) == 6) {
        cpu.busy = ticks_to_seconds(
            static_cast<double>(user + nice + system + interrupts + soft_interrupts));
        cpu.stolen = ticks_to_seconds(static_cast<double>(stolen));
    }
    return cpu;
}

// The kernel's own small objects, machine-wide: sockets, pipes, timers, epoll entries.
inline long slab_kib() {
    std::string text;
    return read_small_file("/proc/meminfo", text) ? number_after(text, "\nSlab:") : 0;
}

inline double own_cpu_seconds() {
    timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

}  // namespace neosocksd::bench
