// Tested by tests/e2e/test_daemon.py, test_user.py and test_systemd.py.

#include "app/process.h"

#include <cstring>

#include <fmt/ranges.h>
#include <linux/capability.h>
#include <unistd.h>

#include "app/capabilities.h"
#include "app/resources.h"
#include "app/user.h"
#include "base/log.h"

namespace neosocksd::app {
namespace {

// What the process needs after it has become another user. Interfaces (-i) can be bound to without
// any since Linux 5.7, and a transparent listener (--tproxy) stays what it was when it was bound.
CapabilityMask needed_capabilities(const Options& options) {
    return options.fwmark != 0 ? capability_to_mark() : 0;
}

}  // namespace

Process::Process(const Options& options) : options_(options) {
    raise_descriptor_limit();
    inherited_ = net::InheritedSockets::from_environment();
    notifier_ = ServiceNotifier::from_environment();
}

bool Process::settle() {
    if (const auto left = inherited_.left(); !left.empty()) {
        LOG_WARNING("sockets of the service manager that no listener takes are closed: {}",
                    fmt::join(left, ", "));
        inherited_ = {};
    }
    std::optional<Identity> identity;
    if (options_.user) {
        auto resolved = resolve_identity(*options_.user);
        if (!resolved) {
            if (!resolved.error().empty()) LOG_ERROR("{}", resolved.error());
            LOG_FATAL("failed to parse user ident: `{}'", *options_.user);
            return false;
        }
        identity = *resolved;
    }
    if (!options_.pidfile.empty()) {
        auto opened = PidFile::open(options_.pidfile);
        if (!opened) {
            LOG_FATAL("{}", opened.error());
            return false;
        }
        pid_file_ = std::move(*opened);
    }
    if (options_.daemonize) daemon_.emplace(Daemon::fork());
    return !identity || drop_privileges(*identity);
}

bool Process::drop_privileges(const Identity& identity) {
    for (const net::UnixSocketFile& file : socket_files_)
        if (const int error = file.give_to(identity.user_or_none(), identity.group_or_none()))
            LOG_WARNING("unable to give the socket file to the new user: {}",
                        std::strerror(-error));
    for (const int fd : given_)
        if (::fchown(fd, identity.user_or_none(), identity.group_or_none()) != 0)
            LOG_WARNING("unable to give a file to the new user: {}", std::strerror(errno));
    const auto became = become(identity, needed_capabilities(options_));
    if (!became) {
        LOG_ERROR("{}", became.error());
        LOG_FATAL("failed to drop privileges: `{}'", *options_.user);
        return false;
    }
    if (::getgid() == 0)
        LOG_WARNING("the process stays in group 0; `-u {}:' takes the user's own group",
                    *options_.user);
    return true;
}

void Process::ready(io::Loop& control, std::vector<io::Loop*> workers) {
    if (const int error = pid_file_.write())
        LOG_ERROR("pid file `{}': {}", options_.pidfile, std::strerror(-error));
    if (daemon_) daemon_->ready(!options_.log_chosen);
    LOG_NOTICE("server start");
    status_ =
        fmt::format("serving with {} worker{}", workers.size(), workers.size() == 1 ? "" : "s");
    notifier_.ready(status_);
    if (const auto period = notifier_.watchdog())
        watchdog_.emplace(control, std::move(workers), *period, [this] { notifier_.ping(); });
}

void Process::stopping() {
    notifier_.stopping();
    watchdog_.reset();
    socket_files_.clear();
}

}  // namespace neosocksd::app
