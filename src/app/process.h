// The process around the server: its place in the system, from the start to the end.
//
// The order is that of spec/cli.md section 4: the server binds, then the process goes into the
// background and becomes the user of -u, then threads start; when they have, it is ready.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/daemon.h"
#include "app/options.h"
#include "app/pid_file.h"
#include "app/service_notifier.h"
#include "app/user.h"
#include "app/watchdog.h"
#include "net/inherited_sockets.h"
#include "net/unix_listener.h"

namespace neosocksd::app {

class Process {
public:
    // Raises the descriptor limit, and takes over what the service manager has left in the
    // environment. First of all.
    explicit Process(const Options& options);

    // For binding.
    net::InheritedSockets& inherited() { return inherited_; }
    void keep(net::UnixSocketFile file) { socket_files_.push_back(std::move(file)); }
    // A file that was made for the user of -u, who may have to open it again.
    void give_to_user(int fd) { given_.push_back(fd); }

    // When everything is bound: -u, --pidfile, -d. Returns in the process that is to serve. False:
    // the reason has been logged. No thread may exist yet.
    bool settle();

    // Once, when all workers exist. `control` is the calling thread's loop.
    void ready(io::Loop& control, std::vector<io::Loop*> workers);

    // Around the work that SIGHUP asks for, which may fail or not.
    void reloading() { notifier_.reloading(); }
    void reloaded() { notifier_.ready(status_); }

    // When listeners are about to close; before any worker ends.
    void stopping();

private:
    bool drop_privileges(const Identity& identity);

    const Options& options_;
    net::InheritedSockets inherited_;
    ServiceNotifier notifier_;
    std::vector<net::UnixSocketFile> socket_files_;
    std::vector<int> given_;
    PidFile pid_file_;
    std::optional<Daemon> daemon_;
    std::optional<Watchdog> watchdog_;
    std::string status_;
};

}  // namespace neosocksd::app
