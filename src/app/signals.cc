// Tested by tests/e2e/test_process.py.

#include "app/signals.h"

#include <cerrno>
#include <csignal>
#include <system_error>

#include <sys/signalfd.h>
#include <unistd.h>

namespace neosocksd::app {
namespace {

sigset_t handled() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    return set;
}

}  // namespace

void Signals::block() {
    std::signal(SIGPIPE, SIG_IGN);
    const sigset_t set = handled();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Signals::Signals(io::Loop& loop, std::function<void(int)> on_signal)
    : loop_(loop), on_signal_(std::move(on_signal)) {
    const sigset_t set = handled();
    const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
    descriptor_.adopt(fd);
    watch();
}

Signals::~Signals() {
    stopping_ = true;
    loop_.engine().cancel(watch_);
    while (watch_.pending()) loop_.run_once(io::Duration::zero());
    loop_.engine().close(descriptor_);
}

void Signals::watch() {
    const int result = loop_.engine().poll(descriptor_, io::Readiness::readable, watch_);
    if (result != io::kPending) loop_.defer(watch_, result);
}

void Signals::ready(int) {
    if (stopping_) return;
    signalfd_siginfo info;
    for (;;) {
        const ssize_t got = ::read(descriptor_.fd(), &info, sizeof info);
        if (got == sizeof info)
            on_signal_(static_cast<int>(info.ssi_signo));
        else if (got >= 0 || errno != EINTR)
            break;
    }
    descriptor_.found_empty();
    watch();
}

}  // namespace neosocksd::app
