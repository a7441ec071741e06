// Tested by child_test.cc and tests/e2e/test_ruleset_program.py.

#include "ruleset/child.h"

#include <csignal>

#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/await.h"

extern char** environ;

namespace neosocksd::ruleset {
namespace {

// A program that was started with SIGCHLD ignored hears of no child's end.
void hear_of_children() {
    struct sigaction action{};
    if (::sigaction(SIGCHLD, nullptr, &action) != 0 || action.sa_handler != SIG_IGN) return;
    action.sa_handler = SIG_DFL;
    ::sigaction(SIGCHLD, &action, nullptr);
}

Result<pid_t> spawn(const std::string& command) {
    hear_of_children();
    posix_spawnattr_t attributes;
    if (const int failed = posix_spawnattr_init(&attributes)) return failure(failed, "spawn");
    sigset_t none;
    sigset_t defaults;
    sigemptyset(&none);
    sigfillset(&defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::string shell = "sh";
    std::string flag = "-c";
    // As for C: the command ends at a NUL.
    std::string text = command.c_str();
    char* arguments[] = {shell.data(), flag.data(), text.data(), nullptr};
    pid_t pid = 0;
    // Every descriptor of ours is closed by exec (O_CLOEXEC).
    const int failed = posix_spawn(&pid, "/bin/sh", nullptr, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0) return failure(failed, "spawn");
    return pid;
}

ChildEnd reap(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) return {true, WTERMSIG(status)};
    return {false, WEXITSTATUS(status)};
}

}  // namespace

io::Task<Result<ChildEnd>> run_shell(io::Loop& loop, std::string command) {
    const auto pid = spawn(command);
    if (!pid) co_return std::unexpected(pid.error());
    const int fd = static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0));
    if (fd < 0) {
        const int code = errno;
        ::kill(*pid, SIGKILL);
        reap(*pid);
        co_return failure(code, "pidfd_open");
    }
    io::Socket child;
    child.adopt(fd);
    const auto ended = co_await io::wait_for(loop, child, io::Readiness::readable);
    if (!ended) {
        ::kill(*pid, SIGKILL);
        // It ends at once, whatever it was doing.
        io::Scope uncancelled(nullptr);
        const auto wait = [](io::Loop& on, io::Socket& process) -> io::Task<void> {
            [[maybe_unused]] const auto dead =
                co_await io::wait_for(on, process, io::Readiness::readable);
        };
        auto waiting = wait(loop, child).in_scope(uncancelled);
        co_await std::move(waiting);
    }
    loop.engine().close(child);
    const ChildEnd end = reap(*pid);
    if (!ended) co_return std::unexpected(ended.error());
    co_return end;
}

}  // namespace neosocksd::ruleset
