// Listening sockets that the service manager has opened for us: socket activation, as
// sd_listen_fds(3) describes it, without libsystemd.
//
//   systemd:       the first socket that no listener has taken yet, in the order of the .socket
//   unit systemd:NAME   the first such socket with that FileDescriptorName=
//
// "systemd:" and digits is an ordinary HOST:PORT.

#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace neosocksd::net {

class InheritedSockets {
public:
    InheritedSockets() = default;  // none
    // Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, and removes them, so that no child believes
    // it was meant. The descriptors become close-on-exec. Call once, before threads start.
    static InheritedSockets from_environment();
    InheritedSockets(InheritedSockets&& other) noexcept;
    InheritedSockets& operator=(InheritedSockets&& other) noexcept;
    ~InheritedSockets();  // closes those that nobody took

    static bool recognises(std::string_view address);

    // A listening stream socket, now the caller's; or why not, in words.
    std::expected<int, std::string> take(std::string_view address);

    // Names of those left; a client of theirs would wait for ever.
    std::vector<std::string> left() const;

private:
    struct Item {
        int fd;
        std::string name;
    };
    std::vector<Item> items_;  // not yet taken
};

}  // namespace neosocksd::net
