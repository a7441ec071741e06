// Tested by service_notifier_test.cc and tests/e2e/test_systemd.py.

#include "app/service_notifier.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/number.h"
#include "base/unix_address.h"

namespace neosocksd::app {
namespace {

std::optional<std::uint64_t> number(const char* text) {
    return text ? parse_whole<std::uint64_t>(text) : std::nullopt;
}

std::optional<std::chrono::microseconds> watchdog_from_environment() {
    const auto period = number(std::getenv("WATCHDOG_USEC"));
    if (!period || *period == 0 || *period > INT64_MAX / 1000) return std::nullopt;
    const char* const pid = std::getenv("WATCHDOG_PID");
    // Meant for another process, which has started us.
    if (pid && number(pid) != static_cast<std::uint64_t>(::getpid())) return std::nullopt;
    return std::chrono::microseconds(*period);
}

// The clock that RELOADING=1 wants, so that the manager can tell this reload from the last.
std::uint64_t monotonic_microseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace

ServiceNotifier ServiceNotifier::from_environment() {
    ServiceNotifier notifier;
    const char* const address = std::getenv("NOTIFY_SOCKET");
    const auto watchdog = watchdog_from_environment();
    if (address && UnixAddress::parse(std::string("unix:") + address)) {
        notifier.fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        notifier.address_ = address;
        notifier.watchdog_ = watchdog;
        const auto limit = std::chrono::microseconds(limits::kNotifyTimeout).count();
        const timeval timeout{.tv_sec = limit / 1'000'000, .tv_usec = limit % 1'000'000};
        ::setsockopt(notifier.fd_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    }
    for (const char* variable : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
        ::unsetenv(variable);
    return notifier;
}

ServiceNotifier::ServiceNotifier(ServiceNotifier&& other) noexcept
    : address_(std::move(other.address_)),
      fd_(std::exchange(other.fd_, -1)),
      watchdog_(other.watchdog_) {}

ServiceNotifier& ServiceNotifier::operator=(ServiceNotifier&& other) noexcept {
    std::swap(address_, other.address_);
    std::swap(fd_, other.fd_);
    std::swap(watchdog_, other.watchdog_);
    return *this;
}

ServiceNotifier::~ServiceNotifier() {
    if (fd_ >= 0) ::close(fd_);
}

void ServiceNotifier::ready(std::string_view status) {
    // With -d the process that the manager started is not the one that serves.
    send(fmt::format("READY=1\nMAINPID={}\nSTATUS={}", ::getpid(), status));
}

void ServiceNotifier::reloading() {
    send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading", monotonic_microseconds()));
}

void ServiceNotifier::stopping() {
    send("STOPPING=1\nSTATUS=shutting down");
}

void ServiceNotifier::send(const std::string& message) {
    if (fd_ < 0) return;
    // By address each time: the manager may have started anew, with a new socket.
    const auto address = UnixAddress::parse("unix:" + address_);
    sockaddr_storage storage;
    const socklen_t length = address->to_sockaddr(storage);
    if (::sendto(fd_, message.data(), message.size(), MSG_NOSIGNAL,
                 reinterpret_cast<sockaddr*>(&storage), length) < 0)
        LOG_WARNING("service manager: {}", std::strerror(errno));
}

}  // namespace neosocksd::app
