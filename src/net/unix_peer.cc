// Tested by tests/e2e/test_unix.py.

#include "net/unix_peer.h"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "io/await.h"

namespace neosocksd::net {

std::optional<PeerCredentials> peer_credentials(int fd) {
    int domain = 0;
    socklen_t length = sizeof domain;
    // SO_PEERCRED does not fail on other sockets: it says nobody.
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0 || domain != AF_UNIX)
        return std::nullopt;
    ucred credentials{};
    length = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return std::nullopt;
    return PeerCredentials{credentials.uid, credentials.gid, credentials.pid};
}

io::Task<Result<void>> connect_unix(io::Loop& loop, io::Socket& out, const UnixAddress& address) {
    sockaddr_storage storage;
    const socklen_t length = address.to_sockaddr(storage);
    for (auto pause = limits::kUnixConnectPauseMin;;
         pause = std::min(pause * 2, limits::kUnixConnectPauseMax)) {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) co_return system_failure("socket");
        // Connects at once, or not at all.
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0) {
            out.adopt(fd);
            co_return Result<void>{};
        }
        const int error = errno;
        ::close(fd);
        if (error != EAGAIN && error != EINTR) co_return failure(error, "connect");
        const auto slept = co_await io::sleep(loop, pause);
        if (!slept) co_return failure(slept.error().code, "connect");
    }
}

}  // namespace neosocksd::net
