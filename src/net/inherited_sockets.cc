// Tested by inherited_sockets_test.cc and tests/e2e/test_systemd.py.

#include "net/inherited_sockets.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/number.h"

namespace neosocksd::net {
namespace {

constexpr std::string_view kPrefix = "systemd:";
constexpr int kFirstDescriptor = 3;  // SD_LISTEN_FDS_START
// What systemd calls a socket that has no name.
constexpr std::string_view kUnnamed = "unknown";

std::optional<int> number(const char* text) {
    return text ? parse_whole<int>(text) : std::nullopt;
}

int option(int fd, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

bool is_stream_listener(int fd) {
    const int domain = option(fd, SO_DOMAIN);
    return (domain == AF_INET || domain == AF_INET6 || domain == AF_UNIX) &&
           option(fd, SO_TYPE) == SOCK_STREAM && option(fd, SO_ACCEPTCONN) == 1;
}

}  // namespace

InheritedSockets InheritedSockets::from_environment() {
    InheritedSockets sockets;
    const char* names_text = std::getenv("LISTEN_FDNAMES");
    std::string_view names = names_text ? names_text : "";
    if (number(std::getenv("LISTEN_PID")) == ::getpid()) {
        const int count =
            std::clamp(number(std::getenv("LISTEN_FDS")).value_or(0), 0, limits::kInheritedSockets);
        for (int i = 0; i < count; i++) {
            const std::size_t colon = names.find(':');
            const std::string_view name = names.substr(0, colon);
            names.remove_prefix(colon == names.npos ? names.size() : colon + 1);
            const int fd = kFirstDescriptor + i;
            const int flags = ::fcntl(fd, F_GETFD);
            if (flags < 0) continue;
            ::fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
            sockets.items_.push_back({fd, std::string(name.empty() ? kUnnamed : name)});
        }
    }
    for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"})
        ::unsetenv(variable);
    return sockets;
}

InheritedSockets::InheritedSockets(InheritedSockets&& other) noexcept
    : items_(std::exchange(other.items_, {})) {}

InheritedSockets& InheritedSockets::operator=(InheritedSockets&& other) noexcept {
    std::swap(items_, other.items_);
    return *this;
}

InheritedSockets::~InheritedSockets() {
    for (const Item& item : items_) ::close(item.fd);
}

bool InheritedSockets::recognises(std::string_view address) {
    if (!address.starts_with(kPrefix)) return false;
    address.remove_prefix(kPrefix.size());
    return address.empty() || address.find_first_not_of("0123456789") != address.npos;
}

std::expected<int, std::string> InheritedSockets::take(std::string_view address) {
    const std::string_view name = address.substr(kPrefix.size());
    const auto found = std::ranges::find_if(
        items_, [&](const Item& item) { return name.empty() || item.name == name; });
    if (found == items_.end()) {
        if (items_.empty())
            return std::unexpected(
                fmt::format("`{}': the service manager has passed no (further) socket", address));
        return std::unexpected(fmt::format("`{}': no socket of that name was passed, but: {}",
                                           address, fmt::join(left(), ", ")));
    }
    if (!is_stream_listener(found->fd))
        return std::unexpected(fmt::format(
            "`{}': the socket `{}' is not a listening stream socket (ListenStream=, Accept=no)",
            address, found->name));
    const int fd = found->fd;
    items_.erase(found);
    return fd;
}

std::vector<std::string> InheritedSockets::left() const {
    std::vector<std::string> names;
    for (const Item& item : items_) names.push_back(item.name);
    return names;
}

}  // namespace neosocksd::net
