// Formats and writes log lines. Tested by log_test.cc.

#include "base/log.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <mutex>
#include <string>

#include <syslog.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/utf8.h"

namespace neosocksd::log {
namespace {

std::atomic<Output> g_output{Output::standard_out};

struct LevelStyle {
    char letter;
    int priority;       // syslog
    const char* color;  // of a terminal
};

// Indexed by Level. Notice and info share a letter, as log watchers of 1.4.2 expect.
constexpr LevelStyle kStyles[] = {
    {'-', LOG_ALERT, "\x1b[1;35m"}, {'F', LOG_CRIT, "\x1b[1;35m"}, {'E', LOG_ERR, "\x1b[1;31m"},
    {'W', LOG_WARNING, "\x1b[33m"}, {'I', LOG_NOTICE, "\x1b[32m"}, {'I', LOG_INFO, "\x1b[32m"},
    {'D', LOG_DEBUG, "\x1b[36m"},   {'V', LOG_DEBUG, "\x1b[2m"},   {'V', LOG_DEBUG, "\x1b[2m"},
};

// localtime_r takes a lock and reads the zone: do it once a second and thread.
std::string_view timestamp() {
    thread_local std::time_t shown = 0;
    thread_local char text[48];
    thread_local std::size_t length = 0;
    const std::time_t now = std::time(nullptr);
    if (now != shown || length == 0) {
        std::tm local{};
        localtime_r(&now, &local);
        char offset[8] = "+0000";
        std::strftime(offset, sizeof offset, "%z", &local);
        const std::size_t date = std::strftime(text, sizeof text, "%FT%T", &local);
        // strftime writes +hhmm; the format wants +hh:mm.
        length = static_cast<std::size_t>(
            fmt::format_to_n(text + date, sizeof text - date, "{:.3s}:{:.2s}", offset, offset + 3)
                .out -
            text);
        shown = now;
    }
    return {text, length};
}

std::string_view base_name(const char* file) {
    const char* slash = std::strrchr(file, '/');
    return slash ? slash + 1 : file;
}

// How many bytes at the front may be shown as they are: a printable character in UTF-8, or none. A
// line end would let a peer forge a line, and so might what moves a terminal's cursor, of which
// some obey C1 both as U+0080 to U+009F and as bytes that are no UTF-8. A tab is harmless.
std::size_t printable_bytes(std::string_view text) {
    const Character character = first_character(text);
    return is_control(character.code) && character.code != U'\t' ? 0 : character.bytes;
}

void append_safely(fmt::memory_buffer& line, std::string_view message) {
    while (!message.empty()) {
        const std::size_t bytes = printable_bytes(message);
        if (bytes == 0)
            fmt::format_to(fmt::appender(line), "\\x{:02x}",
                           static_cast<unsigned char>(message.front()));
        else
            line.append(message.substr(0, bytes));
        message.remove_prefix(std::max<std::size_t>(bytes, 1));
    }
}

// Places that have had lines suppressed, the last one first; they stay.
std::atomic<Throttle*> g_throttles{nullptr};
// Somebody has been asked to tell.
std::atomic<bool> g_teller_asked{false};
std::mutex g_teller_mutex;
bool (*g_teller)() = nullptr;  // guarded by g_teller_mutex

constexpr std::int64_t kLineCost = 1'000'000'000 / limits::kLogLinesPerSecond;
constexpr std::int64_t kBurstCost = kLineCost * limits::kLogBurst;

std::int64_t steady_nanoseconds() {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void ask_teller() {
    if (g_teller_asked.exchange(true)) return;
    const std::scoped_lock lock(g_teller_mutex);
    if (!g_teller || !g_teller()) g_teller_asked = false;
}

void write_all(int fd, const fmt::memory_buffer& line) {
    std::string_view rest(line.data(), line.size());
    while (!rest.empty()) {
        const ssize_t written = ::write(fd, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        // Where nothing more can be written the rest of this line is lost, never the program.
        if (written <= 0) return;
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace

bool parse_output(std::string_view name, Output& output) {
    struct Row {
        std::string_view name;
        Output output;
    };
    static constexpr Row kRows[] = {{"stdout", Output::standard_out},
                                    {"stderr", Output::standard_error},
                                    {"terminal", Output::terminal},
                                    {"syslog", Output::syslog},
                                    {"discard", Output::discard}};
    const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                   [&](const Row& r) { return r.name == name; });
    if (row == std::end(kRows)) return false;
    output = row->output;
    return true;
}

void set_level(int level) {
    g_level.store(std::clamp(level, 0, static_cast<int>(Level::very_verbose)),
                  std::memory_order_relaxed);
}

int level() {
    return g_level.load(std::memory_order_relaxed);
}

void set_output(Output output) {
    if (output == Output::syslog) openlog("neosocksd", LOG_PID, LOG_USER);
    g_output.store(output, std::memory_order_relaxed);
}

void write(Level level, const char* file, int line_number, std::string_view message) {
    const Output output = g_output.load(std::memory_order_relaxed);
    if (output == Output::discard) return;
    const LevelStyle& style = kStyles[static_cast<int>(level)];
    fmt::memory_buffer line;
    if (output == Output::terminal) line.append(std::string_view(style.color));
    line.push_back(style.letter);
    if (output != Output::syslog) {
        line.push_back(' ');
        line.append(timestamp());
    }
    fmt::format_to(fmt::appender(line), " {}:{} ", base_name(file), line_number);
    append_safely(line, message);
    if (line.size() > limits::kLogLineBytes - 16) line.resize(limits::kLogLineBytes - 16);
    switch (output) {
    case Output::syslog:
        ::syslog(style.priority, "%.*s", static_cast<int>(line.size()), line.data());
        return;
    case Output::terminal:
        line.append(std::string_view("\x1b[0m\n"));
        write_all(STDERR_FILENO, line);
        return;
    case Output::standard_error:
        line.push_back('\n');
        write_all(STDERR_FILENO, line);
        return;
    case Output::standard_out:
    case Output::discard:
        line.push_back('\n');
        write_all(STDOUT_FILENO, line);
        return;
    }
}

void write_lines(Level level, const char* file, int line, std::string_view text) {
    if (!enabled(level)) return;
    for (;;) {
        const auto end = text.find('\n');
        write(level, file, line, text.substr(0, end));
        if (end == std::string_view::npos) return;
        text.remove_prefix(end + 1);
    }
}

// A leaky bucket that keeps one number: each line moves `due_` on, and it may be ahead of the clock
// by a burst.
bool Throttle::take(Level level, const char* file, int line) {
    const std::int64_t now = steady_nanoseconds();
    std::int64_t due = due_.load(std::memory_order_relaxed);
    do {
        if (due - now > kBurstCost - kLineCost) {
            suppress(level, file, line);
            return false;
        }
    } while (!due_.compare_exchange_weak(due, std::max(due, now) + kLineCost,
                                         std::memory_order_relaxed));
    return true;
}

void Throttle::suppress(Level level, const char* file, int line) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    if (!listed_.load(std::memory_order_relaxed) && !listed_.exchange(true)) {
        level_ = level;
        file_ = file;
        line_ = line;
        next_ = g_throttles.load(std::memory_order_relaxed);
        while (!g_throttles.compare_exchange_weak(next_, this, std::memory_order_release)) {
        }
    }
    ask_teller();
}

void tell_suppressed() {
    // Before looking: who suppresses a line from now on asks again.
    g_teller_asked = false;
    for (Throttle* at = g_throttles.load(std::memory_order_acquire); at; at = at->next_) {
        const std::uint64_t all = at->suppressed_.load(std::memory_order_relaxed);
        const std::uint64_t count = all - at->told_.exchange(all, std::memory_order_relaxed);
        if (count > 0 && enabled(at->level_))
            write(at->level_, at->file_, at->line_,
                  fmt::format("{} similar lines suppressed", count));
    }
}

std::uint64_t suppressed_lines() {
    std::uint64_t sum = 0;
    for (Throttle* at = g_throttles.load(std::memory_order_acquire); at; at = at->next_)
        sum += at->suppressed_.load(std::memory_order_relaxed);
    return sum;
}

void set_teller(bool (*ask)()) {
    const std::scoped_lock lock(g_teller_mutex);
    g_teller = ask;
    g_teller_asked = false;
}

}  // namespace neosocksd::log
