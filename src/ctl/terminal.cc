// Tested by tests/e2e/test_ctl_top.py in a pseudo-terminal.

#include "ctl/terminal.h"

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace neosocksd::ctl {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};

// Control sequences that every terminal of the last decades knows (ECMA-48, xterm).
constexpr std::string_view kEnter = "\033[?1049h\033[?25l";  // other screen, no cursor
constexpr std::string_view kLeave = "\033[?25h\033[?1049l";
constexpr std::string_view kHome = "\033[H";
constexpr std::string_view kClearLine = "\033[2K";
constexpr std::string_view kClearBelow = "\033[J";

sigset_t our_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : kSignals) ::sigaddset(&set, number);
    return set;
}

}  // namespace

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

bool Terminal::is_usable() {
    const char* term = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) && term && *term && std::string_view(term) != "dumb";
}

Terminal::Terminal()
    : has_keys_(::tcgetattr(STDIN_FILENO, &found_) == 0),
      signals_([this] {
          const sigset_t ours = our_signals();
          ::sigprocmask(SIG_BLOCK, &ours, &mask_);
          return ::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
      }()),
      descriptors_{signals_.get(), STDIN_FILENO} {
    enter();
}

Terminal::~Terminal() {
    leave();
    ::sigprocmask(SIG_SETMASK, &mask_, nullptr);
}

void Terminal::enter() {
    if (has_keys_) {
        termios settings = found_;
        settings.c_lflag &= static_cast<tcflag_t>(~(ICANON | ECHO));
        // Control-S would stop our output, and us with it.
        settings.c_iflag &= static_cast<tcflag_t>(~IXON);
        settings.c_cc[VMIN] = 1;
        settings.c_cc[VTIME] = 0;
        ::tcsetattr(STDIN_FILENO, TCSADRAIN, &settings);
    }
    write_all(STDOUT_FILENO, kEnter);
}

void Terminal::leave() {
    write_all(STDOUT_FILENO, kLeave);
    if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &found_);
}

Terminal::Size Terminal::size() const {
    winsize window{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 ||
        window.ws_row == 0)
        return {};
    return {window.ws_col, window.ws_row};
}

bool Terminal::show(const std::vector<std::string>& lines) {
    std::string text(kHome);
    for (const std::string& line : lines) {
        // No line end behind the last one: the screen would scroll.
        if (&line != &lines.front()) text += "\r\n";
        text += kClearLine;
        text += line;
    }
    // From the next line on: behind a full last line the cursor still stands on its last character.
    if (lines.size() < size().rows) text += std::string("\r\n") + std::string(kClearBelow);
    return write_all(STDOUT_FILENO, text);
}

Terminal::Event Terminal::wait(std::chrono::steady_clock::time_point until) {
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        const int milliseconds = left.count() > 0 ? static_cast<int>(left.count()) : 0;
        pollfd waiting[] = {{descriptors_[0], POLLIN, 0}, {descriptors_[1], POLLIN, 0}};
        const int ready = ::poll(waiting, has_keys_ ? 2 : 1, milliseconds);
        if (ready < 0 && errno != EINTR) return Event::quit;
        if (ready == 0) return Event::none;
        auto event = Event::none;
        if (ready > 0 && waiting[0].revents != 0) event = read_signal();
        if (ready > 0 && event == Event::none && has_keys_ && waiting[1].revents != 0)
            event = read_keys();
        if (event != Event::none) return event;
    }
}

Terminal::Event Terminal::read_signal() {
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) != sizeof info) return Event::none;
    const auto number = static_cast<int>(info.ssi_signo);
    if (number == SIGWINCH) return Event::redraw;
    if (number == SIGTSTP) {
        stop_and_come_back();
        return Event::redraw;
    }
    ending_signal_ = number;
    return Event::quit;
}

Terminal::Event Terminal::read_keys() {
    char keys[64];
    const ssize_t got = ::read(STDIN_FILENO, keys, sizeof keys);
    if (got < 0 && errno == EINTR) return Event::none;
    if (got <= 0) return Event::quit;
    const std::string_view pressed(keys, static_cast<std::size_t>(got));
    return pressed.find_first_of("qQ") == pressed.npos ? Event::none : Event::quit;
}

// Control-Z: the shell gets its terminal as it knows it.
void Terminal::stop_and_come_back() {
    leave();
    ::raise(SIGSTOP);
    enter();
}

}  // namespace neosocksd::ctl
