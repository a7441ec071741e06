// The session fuzzer: whole conversations through the real workers, with peers that cut, dawdle,
// hang up, stall and reset at every step. Each scene is drawn from a seed:
//
//   session_fuzzer --seed 7 --runs 100     scenes 7 to 106
//   session_fuzzer --seconds 15            from a fresh seed, which is printed
//   session_fuzzer --seed 42 --verbose     one scene, with the log
//
// What is wrong is said with the seed of the scene, and the exit status is 1. The clock is the real
// one, so a scene is repeated as its plan, not to the microsecond: --repeat 100 plays it again and
// again. See scene.h for what is checked.

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/log.h"
#include "fuzz/session/scene.h"
#include "fuzz/session/stream.h"

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#endif

namespace neosocksd::fuzz {
namespace {

std::uint64_t g_seed = 0;

struct Arguments {
    std::uint64_t seed = 0;
    std::uint64_t runs = 0;  // 0: until the time is over, or one
    std::uint64_t repeat = 1;
    std::uint64_t seconds = 0;
    bool seeded = false;
    bool verbose = false;
};

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    const auto end = text.data() + text.size();
    if (std::from_chars(text.data(), end, value).ptr != end || text.empty()) {
        std::fprintf(stderr, "not a number: %s\n", std::string(text).c_str());
        std::exit(2);
    }
    return value;
}

Arguments read_arguments(int count, char** words) {
    Arguments arguments;
    for (int i = 1; i < count; i++) {
        const std::string_view word = words[i];
        const std::string_view value = i + 1 < count ? words[i + 1] : "";
        if (word == "--verbose") {
            arguments.verbose = true;
            continue;
        }
        if (word == "--seed") {
            arguments.seed = number(value);
            arguments.seeded = true;
        } else if (word == "--runs") {
            arguments.runs = number(value);
        } else if (word == "--repeat") {
            arguments.repeat = number(value);
        } else if (word == "--seconds") {
            arguments.seconds = number(value);
        } else {
            std::fprintf(stderr,
                         "usage: session_fuzzer [--seed N] [--runs M] [--repeat K] [--seconds S] "
                         "[--verbose]\n");
            std::exit(2);
        }
        i++;
    }
    if (!arguments.seeded) arguments.seed = std::random_device{}() % 1'000'000'000;
    if (arguments.runs == 0 && arguments.seconds == 0) arguments.runs = 1;
    return arguments;
}

void check_leaks() {
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
    if (__lsan_do_recoverable_leak_check() != 0)
        fail("memory was leaked in this scene or one shortly before");
#endif
}

int run(const Arguments& arguments) {
    constexpr std::uint64_t kLeakCheckEvery = 25;
    const auto begun = io::Clock::now();
    const auto time_left = [&] {
        return arguments.seconds == 0 ||
               io::Clock::now() - begun < std::chrono::seconds(arguments.seconds);
    };
    SceneResult sum;
    std::uint64_t scenes = 0;
    std::printf("session_fuzzer: from seed %llu on\n",
                static_cast<unsigned long long>(arguments.seed));
    std::fflush(stdout);
    for (; time_left() && (arguments.runs == 0 || scenes < arguments.runs * arguments.repeat);
         scenes++) {
        g_seed = arguments.seed + scenes / arguments.repeat;
        const ScenePlan plan = draw_scene(g_seed);
        if (arguments.verbose) std::printf("%s\n", describe(plan).c_str());
        const SceneResult result = run_scene(plan);
        sum.sessions += result.sessions;
        sum.established += result.established;
        sum.bytes += result.bytes;
        if (scenes % kLeakCheckEvery == 0) check_leaks();
    }
    check_leaks();
    std::printf(
        "session_fuzzer: %llu scenes, %llu conversations, %llu established, %llu MB, no "
        "findings\n",
        static_cast<unsigned long long>(scenes), static_cast<unsigned long long>(sum.sessions),
        static_cast<unsigned long long>(sum.established),
        static_cast<unsigned long long>(sum.bytes >> 20));
    return 0;
}

}  // namespace

void fail(const std::string& what) {
    std::fflush(stdout);
    std::fprintf(stderr, "session_fuzzer: FAILED: %s\n  repeat with --seed %llu\n  %s\n",
                 what.c_str(), static_cast<unsigned long long>(g_seed),
                 describe(draw_scene(g_seed)).c_str());
    std::_Exit(1);
}

}  // namespace neosocksd::fuzz

int main(int count, char** words) {
    using namespace neosocksd;
    const auto arguments = fuzz::read_arguments(count, words);
    std::signal(SIGPIPE, SIG_IGN);
    // Every line of the log is made, as with -vv; nobody reads them.
    log::set_level(8);
    log::set_output(arguments.verbose ? log::Output::standard_error : log::Output::discard);
    return fuzz::run(arguments);
}
