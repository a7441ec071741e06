// The pipe carries one byte: ready. If it ends without, the original process asks the kernel what
// has become of the daemon, which it can because it has declared itself the reaper of its orphaned
// grandchildren. Tested by tests/e2e/test_daemon.py.

#include "app/daemon.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

namespace neosocksd::app {
namespace {

[[noreturn]] void fail(const char* operation) {
    throw std::system_error(errno, std::generic_category(), operation);
}

std::string describe_end(pid_t pid, int status) {
    if (WIFSIGNALED(status))
        return fmt::format("daemon process {} was killed by signal {} ({}) before it was ready",
                           pid, WTERMSIG(status), ::strsignal(WTERMSIG(status)));
    return fmt::format("daemon process {} ended with status {} before it was ready", pid,
                       WEXITSTATUS(status));
}

// In the original process: the daemon's pid, or 0 if it ended without a word.
pid_t wait_until_ready(int status_fd) {
    pid_t pid = 0;
    for (;;) {
        const ssize_t got = ::read(status_fd, &pid, sizeof pid);
        if (got < 0 && errno == EINTR) continue;
        return got == sizeof pid ? pid : 0;
    }
}

[[noreturn]] void end_original(int status_fd, pid_t intermediate) {
    int status = 0;
    while (::waitpid(intermediate, &status, 0) < 0 && errno == EINTR) {
    }
    const pid_t daemon = wait_until_ready(status_fd);
    if (daemon != 0) {
        LOG_INFO("daemon process has started with pid {}", daemon);
        ::_exit(0);
    }
    pid_t ended = 0;
    while ((ended = ::wait(&status)) < 0 && errno == EINTR) {
    }
    if (ended > 0)
        LOG_FATAL("{}", describe_end(ended, status));
    else
        LOG_FATAL("daemon process could not be started");
    ::_exit(1);
}

}  // namespace

Daemon Daemon::fork() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
    // Now, while it may still fail: later there are sessions.
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) fail("/dev/null");
    // If it is not allowed we only know less in the end.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    const pid_t intermediate = ::fork();
    if (intermediate < 0) fail("fork");
    if (intermediate > 0) {
        ::close(ends[1]);
        end_original(ends[0], intermediate);
    }
    ::close(ends[0]);
    // Without a terminal; and, by the second fork, not able to get one by accident.
    if (::setsid() < 0) ::_exit(1);
    const pid_t daemon = ::fork();
    if (daemon != 0) ::_exit(daemon < 0 ? 1 : 0);
    ::umask(022);
    return {ends[1], null};
}

Daemon::~Daemon() {
    if (status_fd_ >= 0) ::close(status_fd_);
    if (null_fd_ >= 0) ::close(null_fd_);
}

void Daemon::ready(bool log_to_syslog) {
    if (log_to_syslog) log::set_output(log::Output::syslog);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (null_fd_ != fd && ::dup3(null_fd_, fd, 0) < 0)
            LOG_ERROR("dup3: {}", std::strerror(errno));
    if (null_fd_ > STDERR_FILENO) ::close(null_fd_);
    null_fd_ = -1;
    const pid_t pid = ::getpid();
    // The original process may have been killed: nobody is waiting then, and that is no matter.
    [[maybe_unused]] const ssize_t written = ::write(status_fd_, &pid, sizeof pid);
    ::close(status_fd_);
    status_fd_ = -1;
}

}  // namespace neosocksd::app
