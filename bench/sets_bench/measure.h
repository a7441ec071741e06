// Time and memory, for the benchmark of native sets.

#pragma once

#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

inline double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <typename Function>
double seconds(Function function) {
    const auto start = std::chrono::steady_clock::now();
    function();
    return seconds_since(start);
}

// Bytes that malloc has given out: what a set costs, as opposed to what it says.
inline std::size_t heap_bytes() {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

// The highest resident size so far, in KiB.
inline std::size_t peak_kib() {
    std::FILE* file = std::fopen("/proc/self/status", "re");
    char line[256];
    std::size_t kib = 0;
    while (file && std::fgets(line, sizeof line, file))
        if (std::strncmp(line, "VmHWM:", 6) == 0) kib = std::strtoul(line + 6, nullptr, 10);
    if (file) std::fclose(file);
    return kib;
}

inline void reset_peak() {
    malloc_trim(0);
    if (std::FILE* file = std::fopen("/proc/self/clear_refs", "we")) {
        std::fputs("5", file);
        std::fclose(file);
    }
}

constexpr int kPasses = 7;

// Nanoseconds a question, one after the other: the best of some passes, because others use the
// machine too. The answers are counted so that none is optimized away.
template <typename Questions, typename Ask>
double asked(const Questions& questions, Ask ask) {
    double best = 0;
    volatile std::size_t hits = 0;
    for (int pass = 0; pass < kPasses; pass++) {
        std::size_t count = 0;
        const double time = seconds([&] {
            for (const auto& question : questions) count += ask(question);
        });
        hits = hits + count;
        if (pass == 0 || time < best) best = time;
    }
    return best * 1e9 / static_cast<double>(questions.size());
}
