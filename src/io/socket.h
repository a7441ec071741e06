// A descriptor that a loop works with, and what the engine knows of its readiness.
//
// A Socket stays where it is while it is attached to a loop: the engine keeps its address. It is
// small on purpose: an idle tunnel is two of them. It closes nothing by itself: Loop::close() does,
// once no operation is pending.

#pragma once

#include <cassert>
#include <cstdint>

#include "base/address.h"
#include "base/result.h"
#include "io/op.h"

namespace neosocksd::io {

class Socket {
public:
    Socket() = default;
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() { assert(fd_ < 0); }

    int fd() const { return fd_; }
    bool is_open() const { return fd_ >= 0; }

    // Takes over a non-blocking descriptor.
    void adopt(int fd) {
        assert(fd_ < 0);
        fd_ = fd;
    }
    // Gives the descriptor up; the socket must be detached from its loop.
    int release() {
        const int fd = fd_;
        fd_ = -1;
        registered_ = readable_ = writable_ = hung_up_ = ended_ = false;
        return fd;
    }

    // To be told when a read or write made without the engine met EAGAIN, so that the next wait
    // is for new readiness.
    void found_empty() { readable_ = false; }
    void found_full() { writable_ = false; }
    // Its peer speaks first, and has probably done so: a read is tried before it is waited for.
    void expect_input() { readable_ = true; }
    // A read brought less than was asked for: proof of emptiness, unless an end of stream or
    // urgent data has been reported, which come with no further edge.
    void found_short() { readable_ = hung_up_; }

    // The peer's end, or a reset, has been seen: a short read is no proof of emptiness then.
    bool hung_up() const { return hung_up_; }

private:
    friend class EpollEngine;
    friend class UringEngine;

    int fd_ = -1;
    bool registered_ : 1 = false;  // epoll only
    bool readable_ : 1 = false;    // a read may succeed
    bool writable_ : 1 = false;    // epoll: a write may succeed
    bool hung_up_ : 1 = false;     // epoll: end of stream, error or urgent data was reported
    bool ended_ : 1 = false;       // epoll: ... end of stream
    Op* in_ = nullptr;             // epoll: waits for input or hang-up
    Op* out_ = nullptr;            // epoll: waits for output
};

// A non-blocking, close-on-exec TCP socket; -errno on failure.
int open_tcp_socket(int family);

// Switches an option on. Best effort where `what` is only a tuning; returns 0 or -errno.
int set_option(int fd, int level, int option, int value = 1);

// close(2) will send a reset instead of an end of stream.
void reset_on_close(int fd);

// A Unix domain socket reports an orderly close of its peer as a hang-up, which on a TCP socket
// means a reset.
bool is_unix_socket(int fd);

Result<Endpoint> local_endpoint(int fd);
Result<Endpoint> peer_endpoint(int fd);

}  // namespace neosocksd::io
