// The other end of a Unix domain socket: who a client is, and connecting to a server.

#pragma once

#include <optional>
#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "base/unix_address.h"
#include "io/loop.h"
#include "io/task.h"

namespace neosocksd::net {

// Of the process that connected, at the time it did; the kernel vouches for them.
struct PeerCredentials {
    uid_t uid = 0;
    gid_t gid = 0;
    pid_t pid = 0;  // 0: of another pid namespace

    // "unix:uid=1000", where an address would stand.
    std::string to_string() const { return "unix:uid=" + std::to_string(uid); }
};

// nullopt: not a Unix socket.
std::optional<PeerCredentials> peer_credentials(int fd);

// `out` is closed on entry. While the server's backlog is full it is tried again, until the scope
// of the caller ends: a Unix socket cannot wait for that by itself.
io::Task<Result<void>> connect_unix(io::Loop& loop, io::Socket& out, const UnixAddress& address);

}  // namespace neosocksd::net
