// What both engines of the floor need: the listening socket, the target, giving up. No error is
// repaired here; one that would make the figures lie ends the program.

#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace neosocksd::bench {

enum class Work {
    sessions,  // relays messages, which fit into socket buffers: cps, rr, idle
    upload,    // splices from client to target
    download,  // splices from target to client
};

struct FloorOptions {
    Work work = Work::sessions;
    sockaddr_in listen{};
    bool socks = true;     // else forwards to the target
    sockaddr_in target{};  // of forwarding
};

[[noreturn]] inline void give_up(const char* what) {
    std::fprintf(stderr, "floor: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

inline void expect(bool good, const char* what) {
    if (!good) give_up(what);
}

inline sockaddr_in parse_address(const std::string& text) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    const auto colon = text.rfind(':');
    errno = EINVAL;
    expect(colon != std::string::npos, text.c_str());
    expect(inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) == 1, text.c_str());
    expect(ntohl(address.sin_addr.s_addr) >> 24 == 127, "only 127.0.0.0/8 is allowed");
    address.sin_port = htons(static_cast<uint16_t>(std::atoi(text.c_str() + colon + 1)));
    return address;
}

inline int open_listener(const sockaddr_in& address) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    expect(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
    expect(listen(fd, 4096) == 0, "listen");
    return fd;
}

// "05 01 00 01 address port": the only request that is understood.
inline sockaddr_in requested_target(const uint8_t* request, ssize_t size) {
    errno = EPROTO;
    expect(size == 10 && request[0] == 5 && request[1] == 1 && request[3] == 1, "request");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    std::memcpy(&address.sin_addr, request + 4, 4);
    std::memcpy(&address.sin_port, request + 8, 2);
    return address;
}

inline constexpr char kMethod[] = "\5\0";
inline constexpr char kGranted[] = "\5\0\0\1\0\0\0\0\0\0";
inline constexpr size_t kMethodSize = sizeof kMethod - 1, kGrantedSize = sizeof kGranted - 1;

}  // namespace neosocksd::bench
