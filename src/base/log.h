// The log: nine levels, one line a message, one write(2) a line (spec/cli.md section 5).
//
//   L YYYY-MM-DDTHH:MM:SS+ZZ:ZZ file.cc:line message
//
// The level and destination are process-wide, set at start; writing is safe from every thread.
// Messages are formatted only when their level is enabled.
//
// A peer decides how often a line about it is due, so no place in the source may write more than
// limits::kLogBurst lines at once and kLogLinesPerSecond in the long run. What is beyond is counted
// and told of, a second later: "N similar lines suppressed". Who asks for the levels from debug on
// asks for everything, and gets it.

#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

namespace neosocksd::log {

enum class Level : int {
    silence = 0,
    fatal = 1,
    error = 2,
    warning = 3,
    notice = 4,
    info = 5,
    debug = 6,
    verbose = 7,
    very_verbose = 8,
};

enum class Output { standard_out, standard_error, terminal, syslog, discard };

// "stdout", "stderr", "terminal", "syslog", "discard"; false for anything else.
bool parse_output(std::string_view name, Output& output);

void set_level(int level);  // above 8 means 8
int level();
void set_output(Output output);

inline std::atomic<int> g_level{static_cast<int>(Level::verbose)};

inline bool enabled(Level level) {
    return static_cast<int>(level) <= g_level.load(std::memory_order_relaxed);
}

// Control characters and bytes that are no UTF-8 are shown as \xNN: no peer forges a line.
void write(Level level, const char* file, int line, std::string_view message);
// The same for text of several lines, such as a traceback: each becomes a line of the log.
void write_lines(Level level, const char* file, int line, std::string_view text);

// The right of one place to write lines: a static object there, which never ends. From every
// thread, without a lock.
class Throttle {
public:
    constexpr Throttle() = default;
    Throttle(const Throttle&) = delete;
    Throttle& operator=(const Throttle&) = delete;

    // Whether a line may be written now; one that may not is counted.
    bool admits(Level level, const char* file, int line) {
        return level >= Level::debug || level <= Level::fatal || take(level, file, line);
    }

private:
    friend void tell_suppressed();
    friend std::uint64_t suppressed_lines();

    bool take(Level level, const char* file, int line);
    void suppress(Level level, const char* file, int line);

    // Nanoseconds of the steady clock: when all lines so far would have been due, had they come at
    // the steady rate.
    std::atomic<std::int64_t> due_{0};
    std::atomic<std::uint64_t> suppressed_{0};
    std::atomic<std::uint64_t> told_{0};
    // Set once, by the first line that is suppressed, before it is listed.
    std::atomic<bool> listed_{false};
    Throttle* next_ = nullptr;
    Level level_ = Level::silence;
    const char* file_ = nullptr;
    int line_ = 0;
};

// Writes how many lines have been suppressed since the last call, for each place.
void tell_suppressed();
// All that ever were.
std::uint64_t suppressed_lines();
// `ask` is called, from any thread, when there is something to tell and nobody has been asked to;
// false: it could not be arranged, ask again. nullptr: nobody tells any more, once this returns.
void set_teller(bool (*ask)());

}  // namespace neosocksd::log

#define NEOSOCKSD_LOG_BY(WRITE, LEVEL, ...)                                                        \
    do {                                                                                           \
        if (::neosocksd::log::enabled(::neosocksd::log::Level::LEVEL)) {                           \
            static constinit ::neosocksd::log::Throttle neosocksd_log_throttle;                    \
            if (neosocksd_log_throttle.admits(::neosocksd::log::Level::LEVEL, __FILE__, __LINE__)) \
                ::neosocksd::log::WRITE(::neosocksd::log::Level::LEVEL, __FILE__, __LINE__,        \
                                        ::fmt::format(__VA_ARGS__));                               \
        }                                                                                          \
    } while (false)
#define NEOSOCKSD_LOG(LEVEL, ...) NEOSOCKSD_LOG_BY(write, LEVEL, __VA_ARGS__)
#define NEOSOCKSD_LOG_LINES(LEVEL, ...) NEOSOCKSD_LOG_BY(write_lines, LEVEL, __VA_ARGS__)

#define LOG_FATAL(...) NEOSOCKSD_LOG(fatal, __VA_ARGS__)
#define LOG_ERROR(...) NEOSOCKSD_LOG(error, __VA_ARGS__)
#define LOG_WARNING(...) NEOSOCKSD_LOG(warning, __VA_ARGS__)
#define LOG_NOTICE(...) NEOSOCKSD_LOG(notice, __VA_ARGS__)
#define LOG_INFO(...) NEOSOCKSD_LOG(info, __VA_ARGS__)
#define LOG_DEBUG(...) NEOSOCKSD_LOG(debug, __VA_ARGS__)
#define LOG_VERBOSE(...) NEOSOCKSD_LOG(verbose, __VA_ARGS__)
