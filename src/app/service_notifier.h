// Tells the service manager how we are: the protocol of sd_notify(3), without libsystemd.
//
// Outside of a service all of this does nothing.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace neosocksd::app {

class ServiceNotifier {
public:
    ServiceNotifier() = default;  // nobody to tell
    // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them, so that no child
    // speaks in our name. Before threads start, and before the process forks.
    static ServiceNotifier from_environment();
    ServiceNotifier(ServiceNotifier&& other) noexcept;
    ServiceNotifier& operator=(ServiceNotifier&& other) noexcept;
    ~ServiceNotifier();

    // At the start with a line for `systemctl status`; and after each reload, whatever came of it.
    void ready(std::string_view status);
    // To be followed by ready().
    void reloading();
    void stopping();
    void ping() { send("WATCHDOG=1"); }

    // The manager ends us when no ping has come for so long.
    std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

private:
    void send(const std::string& message);

    std::string address_;  // a path, or '@' and an abstract name
    int fd_ = -1;
    std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace neosocksd::app
