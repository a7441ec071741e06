// -d: going on in the background (spec/cli.md section 7).
//
// The process forks twice. The original one waits until the daemon is ready (it listens, and has
// become the user it is to be) and exits with 0, or with 1 if the daemon dies before. Until then
// the daemon still has the original's output, so that what goes wrong is seen where the command
// was given; then it gets /dev/null, and the log goes to syslog.
//
// The working directory stays, for relative paths; the umask becomes 022.

#pragma once

#include <utility>

namespace neosocksd::app {

class Daemon {
public:
    // Returns in the daemon only; the original process ends in here. Must be called before threads
    // start. Throws std::system_error if the kernel cannot fork.
    static Daemon fork();

    Daemon(Daemon&& other) noexcept
        : status_fd_(std::exchange(other.status_fd_, -1)),
          null_fd_(std::exchange(other.null_fd_, -1)) {}
    Daemon& operator=(Daemon&&) = delete;
    ~Daemon();

    // Detaches from the terminal, and lets the original process go. `log_to_syslog`: unless the
    // user has chosen where the log goes.
    void ready(bool log_to_syslog);

private:
    Daemon(int status_fd, int null_fd) : status_fd_(status_fd), null_fd_(null_fd) {}

    int status_fd_;  // the original process waits for a byte, or the end, at its other end
    int null_fd_;    // becomes its input and outputs
};

}  // namespace neosocksd::app
