// How long a program takes from being started to serving, and how much memory it has then.
//
// The program is started again and again, each time as soon as the last one has ended. Between, its
// port is tried every tenth of a millisecond. Two moments count: when the kernel has accepted a
// connection, and, for SOCKS5, when the program has answered a greeting on it, which is later and
// cannot be had by listening early. Memory is read a little after, when helpers have started.

#pragma once

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "json.h"
#include "process_stats.h"
#include "util.h"

namespace neosocksd::bench {

struct StartOptions {
    sockaddr_in address{};  // where the program will listen
    std::string label;
    bool greet = false;  // it speaks SOCKS5
    int times = 20;
    double seconds = 10;         // no further start after that
    double settle_s = 0.05;      // before memory is read
    int cpu = -1;                // of the program; -1: any
    std::vector<char*> command;  // ends with nullptr
};

class StartRun {
public:
    explicit StartRun(const StartOptions& options) : options_(options) {}

    int run() {
        const uint64_t deadline = now_ns() + static_cast<uint64_t>(options_.seconds * 1e9);
        for (int i = 0; i < options_.times && (i == 0 || now_ns() < deadline); i++) once();
        JsonObject json;
        json.string("label", options_.label);
        json.string("mode", "start");
        json.integer("conns", 1);
        json.integer("errors", 0);
        json.integer("starts", static_cast<int>(connected_ms_.size()));
        json.number("connected_ms", median(connected_ms_));
        json.number("start_ms", median(options_.greet ? answered_ms_ : connected_ms_));
        json.number("start_max_ms",
                    *std::ranges::max_element(options_.greet ? answered_ms_ : connected_ms_));
        json.number("rss_start_kib", median(rss_kib_));
        json.number("pss_start_kib", median(pss_kib_));
        std::puts(json.text().c_str());
        return 0;
    }

private:
    static constexpr uint64_t kPatience = 15 * kNanoseconds;  // for one start
    static constexpr uint64_t kTick = 100'000;                // between two attempts, ns

    static double median(std::vector<double> values) {
        std::ranges::sort(values);
        const size_t half = values.size() / 2;
        return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
    }

    void once() {
        const uint64_t start = now_ns();
        child_ = fork();
        if (child_ < 0) die("fork: %s", std::strerror(errno));
        if (child_ == 0) become_program();
        const int fd = await_connection(start);
        connected_ms_.push_back(since(start));
        if (options_.greet) {
            greet(fd);
            answered_ms_.push_back(since(start));
        }
        sleep_until(now_ns() + static_cast<uint64_t>(options_.settle_s * 1e9));
        const Footprint footprint = footprint_of(child_);
        rss_kib_.push_back(static_cast<double>(footprint.rss_kib));
        pss_kib_.push_back(static_cast<double>(footprint.pss_kib));
        close(fd);
        end_program();
    }

    [[noreturn]] void become_program() const {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setsid();
        const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (const int fd : {0, 1, 2}) dup2(null, fd);
        if (options_.cpu >= 0) {
            cpu_set_t cpus;
            CPU_ZERO(&cpus);
            CPU_SET(static_cast<size_t>(options_.cpu), &cpus);
            sched_setaffinity(0, sizeof cpus, &cpus);
        }
        execvp(options_.command[0], options_.command.data());
        _exit(127);
    }

    static double since(uint64_t start) { return static_cast<double>(now_ns() - start) * 1e-6; }

    int await_connection(uint64_t start) const {
        for (;;) {
            const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            const linger reset{1, 0};
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
            const auto* address = reinterpret_cast<const sockaddr*>(&options_.address);
            if (connect(fd, address, sizeof options_.address) == 0) return fd;
            close(fd);
            give_up_if_late(start);
            sleep_until(now_ns() + kTick);
        }
    }

    void greet(int fd) const {
        const timeval patience{15, 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        char reply[2];
        if (send(fd, "\5\1\0", 3, MSG_NOSIGNAL) != 3 || recv(fd, reply, 2, MSG_WAITALL) != 2)
            fail("it does not answer a SOCKS5 greeting");
    }

    void give_up_if_late(uint64_t start) const {
        if (waitpid(child_, nullptr, WNOHANG) == child_) die("the program ended at once");
        if (now_ns() > start + kPatience) fail("the program does not listen");
    }

    [[noreturn]] void fail(const char* why) const {
        kill(-child_, SIGKILL);
        die("%s", why);
    }

    // Its helpers, if it has any, are of its process group and end with it.
    void end_program() const {
        kill(child_, SIGTERM);
        const uint64_t deadline = now_ns() + 3 * kNanoseconds;
        while (waitpid(child_, nullptr, WNOHANG) == 0) {
            if (now_ns() > deadline) kill(child_, SIGKILL);
            sleep_until(now_ns() + kTick);
        }
        kill(-child_, SIGKILL);
    }

    const StartOptions& options_;
    pid_t child_ = -1;
    std::vector<double> connected_ms_, answered_ms_, rss_kib_, pss_kib_;
};

}  // namespace neosocksd::bench
