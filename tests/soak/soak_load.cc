// soak_load: the parts of a soak that need speed, each a process of its own that prints a line of
// JSON a second and is told by signals what tests/soak/soak.py wants.
//
//   soak_load target                          prints its port; checks every byte
//   soak_load gate TARGET-PORT SEED [spread]  SIGUSR1: dies for two seconds
//   soak_load clients KEY=VALUE...            SIGUSR1: starts no more, ends with the last
//
// Keys of clients: proxy forward gate target (ports), sessions, rate (new ones a second), count (in
// all; 0: no end), seed, reset, gated, hops (permille), largest, http (0 or 1), pause, hold,
// patience (seconds).

#include <algorithm>
#include <csignal>
#include <map>
#include <string>

#include <sys/prctl.h>
#include <sys/resource.h>

#include "load/client.h"
#include "load/gate.h"
#include "load/target.h"

namespace neosocksd::soak {
namespace {

volatile std::sig_atomic_t g_told = 0;

void on_told(int) {
    g_told = 1;
}

void print_port(std::uint16_t port) {
    std::printf("port %u\n", port);
    std::fflush(stdout);
}

// Turns the reactor until `done`, and calls `every_second` meanwhile.
template <typename Done, typename EverySecond>
void run(Reactor& reactor, Done&& done, EverySecond&& every_second) {
    double next = now_s() + 1;
    while (!done()) {
        reactor.turn(0.01);
        if (now_s() < next) continue;
        next += 1;
        every_second();
        std::fflush(stdout);
    }
}

int run_target() {
    Reactor reactor;
    TargetTally tally;
    std::uint16_t port = 0;
    const int fd = listen_somewhere(port);
    reactor.add<TargetListener>(fd, tally).begin();
    print_port(port);
    run(
        reactor, [] { return false; },
        [&] {
            std::printf(
                "{\"active\": %zu, \"accepted\": %lu, \"complete\": %lu, \"aborted\": %lu, "
                "\"planned\": %lu, \"headless\": %lu, \"truncated\": %lu, \"corrupt\": %lu, "
                "\"bytes\": %lu}\n",
                reactor.size() - 1, tally.accepted, tally.complete, tally.aborted, tally.planned,
                tally.headless, tally.truncated, tally.corrupt, tally.bytes);
        });
    return 0;
}

int run_gate(std::uint16_t target, std::uint64_t seed, bool spread) {
    Reactor reactor;
    GateTally tally;
    Gate& gate = reactor.add<Gate>(target, spread, seed, tally);
    print_port(gate.open());
    const auto check = [&] {
        if (!g_told) return false;
        g_told = 0;
        gate.die_for(2);
        return false;
    };
    run(reactor, check, [&] {
        std::printf("{\"active\": %zu, \"accepted\": %lu, \"reset\": %lu, \"bytes\": %lu}\n",
                    reactor.size() - 1, tally.accepted, tally.reset, tally.bytes);
    });
    return 0;
}

float percentile(const std::vector<float>& sorted, double p) {
    return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(p * double(sorted.size() - 1))];
}

void print(const Reactor& reactor, ClientTally& tally, bool final) {
    std::sort(tally.setups_ms.begin(), tally.setups_ms.end());
    std::printf(
        "{\"active\": %zu, \"started\": %lu, \"complete\": %lu, \"aborted\": %lu, "
        "\"aborted_plain\": %lu, \"refused\": %lu, \"failed\": %lu, \"failed_plain\": %lu, "
        "\"planned\": %lu, \"truncated\": %lu, \"corrupt\": %lu, \"hung\": %lu, \"bytes\": %lu, "
        "\"up\": %lu, \"down\": %lu, \"setups\": %zu, \"p50_ms\": %.3f, \"p99_ms\": %.3f",
        reactor.size(), tally.started, tally.complete, tally.aborted, tally.aborted_plain,
        tally.refused, tally.failed, tally.failed_plain, tally.planned, tally.truncated,
        tally.corrupt, tally.hung, tally.bytes, tally.up, tally.down, tally.setups_ms.size(),
        double(percentile(tally.setups_ms, 0.5)), double(percentile(tally.setups_ms, 0.99)));
    if (final) {
        for (std::size_t i = 0; i < kKindNames.size(); i++)
            std::printf(", \"%s\": %lu, \"aborted_%s\": %lu", kKindNames[i], tally.complete_kind[i],
                        kKindNames[i], tally.aborted_kind[i]);
        std::printf(", \"final\": true");
    }
    std::printf("}\n");
    tally.setups_ms.clear();
}

int run_clients(std::map<std::string, double> keys) {
    const auto number = [&](const char* key, double fallback) {
        const auto found = keys.extract(key);
        return found ? found.mapped() : fallback;
    };
    ClientPlan plan;
    plan.proxy = std::uint16_t(number("proxy", 0));
    plan.forward = std::uint16_t(number("forward", 0));
    plan.gate = std::uint16_t(number("gate", 0));
    plan.target = std::uint16_t(number("target", 0));
    plan.reset_permille = unsigned(number("reset", 100));
    plan.gate_permille = unsigned(number("gated", 100));
    plan.hop_permille = unsigned(number("hops", 0));
    plan.largest = std::uint64_t(number("largest", 4 << 20));
    plan.http = number("http", 1) > 0;
    plan.hold = number("hold", 0);
    g_pause_longest = number("pause", 3);
    const double rate = number("rate", 1000), patience = number("patience", 60);
    const auto sessions = std::size_t(number("sessions", 100));
    const auto count = std::uint64_t(number("count", 0));
    std::uint64_t seed = mix(std::uint64_t(number("seed", 1)));
    if (!keys.empty()) {
        std::fprintf(stderr, "soak_load: unknown key %s\n", keys.begin()->first.c_str());
        return 2;
    }
    Reactor reactor;
    ClientTally tally;
    Dice dice(seed);
    double last = now_s(), allowance = 0;
    const auto over = [&] { return g_told || (count && tally.started >= count); };
    run(
        reactor,
        [&] {
            const double now = now_s();
            allowance = std::min(allowance + (now - last) * rate, rate / 10 + 1);
            last = now;
            for (; allowance >= 1 && reactor.size() < sessions && !over(); allowance--) {
                seed++;
                const int fd =
                    dial(1, Client::port(plan, seed), 1 + std::uint32_t(dice.below(200)));
                if (fd < 0) die("connect");
                reactor.add<Client>(fd, plan, seed, tally).start();
            }
            return over() && reactor.size() == 0;
        },
        [&] {
            reactor.for_each(
                [&](Actor& actor) { static_cast<Client&>(actor).check_progress(patience); });
            print(reactor, tally, false);
        });
    print(reactor, tally, true);
    return 0;
}

int run(int argc, char** argv) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    std::signal(SIGUSR1, on_told);
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "target" && argc == 2) return run_target();
    if (what == "gate" && argc >= 4)
        return run_gate(std::uint16_t(std::stoi(argv[2])), std::stoull(argv[3]), argc > 4);
    if (what == "clients") {
        std::map<std::string, double> keys;
        for (int i = 2; i < argc; i++) {
            const std::string word = argv[i];
            const auto equals = word.find('=');
            if (equals == std::string::npos) return 2;
            keys[word.substr(0, equals)] = std::stod(word.substr(equals + 1));
        }
        return run_clients(std::move(keys));
    }
    std::fprintf(stderr, "usage: see the head of soak_load.cc\n");
    return 2;
}

}  // namespace
}  // namespace neosocksd::soak

int main(int argc, char** argv) {
    return neosocksd::soak::run(argc, argv);
}
