// Makes the listening sockets for one address, as -l, --http and --api give it (spec/cli.md
// section 3).
//
//   :1080  *:1080   0.0.0.0       [::]:1080   both families, as the system's bindv6only says
//   127.0.0.1:1080  [::1]:1080  ::1:1080  localhost:1080  :http-alt
//   :               a port that the kernel chooses
//   unix:/path  unix:@name      a Unix domain socket (base/unix_address.h)
//   systemd:  systemd:NAME      a socket of the service manager (inherited_sockets.h)
//
// There is one socket a worker, on the same port: the kernel spreads connections over them
// (SO_REUSEPORT). Another process may join them only with `reuseport` on both sides; without it
// the address is ours alone. A Unix socket and an inherited one cannot be multiplied: all workers
// accept on one and the same, each through a descriptor of its own, and a connection wakes all that
// have nothing better to do.

#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "net/inherited_sockets.h"
#include "net/socket_options.h"
#include "net/unix_listener.h"

namespace neosocksd::net {

struct BindOptions {
    int sockets = 1;
    bool reuseport = false;    // share with other processes
    bool fastopen = true;      // accept data in the SYN
    bool transparent = false;  // IP_TRANSPARENT, for --tproxy
    SocketOptions socket = {};
    InheritedSockets* inherited = nullptr;  // for "systemd:"; null: there are none
};

struct BindError {
    // A complete log line: "bind error: Address already in use", "resolve: Name or service not
    // known". Empty if the address has no colon and there is nothing more to say.
    std::string reason;
    // The address itself is at fault: "unable to parse address: X" should follow.
    bool bad_address = false;
};

// Owns the descriptors until they are taken.
class ListeningSockets {
public:
    ListeningSockets() = default;
    ListeningSockets(ListeningSockets&& other) noexcept;
    ListeningSockets& operator=(ListeningSockets&& other) noexcept;
    ~ListeningSockets();

    std::size_t size() const { return fds_.size(); }
    // Listening, close-on-exec. Once for each index.
    int take(std::size_t index);
    // Of an address family that clients may name; a Unix socket has no endpoint.
    bool has_endpoint() const { return !unix_; }
    // With the port that was really bound. 0.0.0.0:0 for a Unix socket.
    const Endpoint& endpoint() const { return endpoint_; }
    // For the log: "127.0.0.1:1080", "unix:/run/proxy.sock".
    const std::string& name() const { return name_; }
    // All descriptors are the same socket: see Listener.
    bool shared() const { return shared_; }
    // Once: the file of a Unix socket, to be kept as long as it is listened on.
    UnixSocketFile take_file() { return std::move(file_); }

private:
    friend std::expected<ListeningSockets, BindError> bind_listener(std::string_view,
                                                                    const BindOptions&);
    std::expected<void, BindError> add(const BindOptions& options);
    std::expected<void, BindError> bind_unix(std::string_view address, const BindOptions& options);
    std::expected<void, BindError> inherit(std::string_view address, const BindOptions& options);
    std::expected<void, BindError> share(int fd, const BindOptions& options);

    std::vector<int> fds_;  // -1 when taken
    Endpoint endpoint_;
    std::string name_;
    UnixSocketFile file_;
    bool unix_ = false;
    bool shared_ = false;
};

// Blocks while it resolves a host name: for the start of the program.
std::expected<ListeningSockets, BindError> bind_listener(std::string_view address,
                                                         const BindOptions& options);

}  // namespace neosocksd::net
