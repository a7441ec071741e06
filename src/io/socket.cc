// Small wrappers of socket calls. Tested through the engines' tests.

#include "io/socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

namespace neosocksd::io {
namespace {

Result<Endpoint> endpoint_of(int (*call)(int, sockaddr*, socklen_t*), int fd, const char* name) {
    sockaddr_storage storage;
    socklen_t length = sizeof storage;
    if (call(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return system_failure(name);
    const auto endpoint = Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&storage));
    if (!endpoint) return failure(EAFNOSUPPORT, name);
    return *endpoint;
}

}  // namespace

int open_tcp_socket(int family) {
    const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    return fd < 0 ? -errno : fd;
}

int set_option(int fd, int level, int option, int value) {
    return ::setsockopt(fd, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

void reset_on_close(int fd) {
    const linger hard{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

bool is_unix_socket(int fd) {
    int domain = 0;
    socklen_t length = sizeof domain;
    return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX;
}

Result<Endpoint> local_endpoint(int fd) {
    return endpoint_of(::getsockname, fd, "getsockname");
}

Result<Endpoint> peer_endpoint(int fd) {
    return endpoint_of(::getpeername, fd, "getpeername");
}

}  // namespace neosocksd::io
