// A client connection of the load generator, how it is opened, and what the workers share with the
// measuring thread.
//
// Client sockets close with a reset, so that the generator collects no TIME_WAIT, and connect from
// many loopback addresses, so that it does not run out of ports.

#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "histogram.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

namespace neosocksd::bench {

enum class Phase {
    warmup,     // and set-up
    measuring,  // the window
    holding,    // the load goes on while the proxy's memory is read
    stop,
};

// Shared by the measuring thread, which writes, and the workers.
struct Stage {
    std::atomic<Phase> phase{Phase::warmup};
    std::atomic<uint64_t> window_start_ns{0};
    std::atomic<bool> error_shown{false};
};

// What a worker has seen within the window; to be read after its thread has ended.
struct Tally {
    Histogram latency_ns;
    uint64_t operations = 0, bytes = 0;
    uint64_t connect_errors = 0, handshake_errors = 0, io_errors = 0, timeouts = 0;
    uint64_t stalled = 0;       // operations that were pending through the whole window
    uint64_t setup_errors = 0;  // outside the window
};

struct Connection {
    int fd = -1;
    uint32_t slot = 0;    // in the worker's list
    uint32_t number = 0;  // among those of all workers
    uint32_t interest = 0;
    size_t step = 0;
    bool sending = true;     // the step's message, or else awaiting its reply
    bool streaming = false;  // up, down: the script is over
    bool ready = false;      // the tunnel stands
    bool in_setup = false;   // counts among those being set up
    bool paused = false;     // until due_ns, because of the rate
    uint32_t failures = 0;   // in a row
    size_t sent = 0, received = 0;
    uint64_t started_ns = 0;  // the session or the round trip
    uint64_t retry_at_ns = 0;
    uint64_t due_ns = 0;  // the next operation, if there is a rate
    char reply[512];
};

// A socket connecting from `source` (0: wherever the kernel likes), or -1 with errno set.
inline int connect_client(const sockaddr_in& peer, uint32_t source, bool no_delay) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const int on = 1;
    const linger reset{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (no_delay) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bool failed = false;
    if (source) {
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(source);
        failed = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0;
    }
    failed = failed || (connect(fd, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0 &&
                        errno != EINPROGRESS);
    if (!failed) return fd;
    const int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

}  // namespace neosocksd::bench
