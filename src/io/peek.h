// Whether a connection has input, or its end, without taking any: for those who only watch it.

#pragma once

#include <cerrno>

#include <sys/socket.h>

namespace neosocksd::io {

// 1 if there is input, 0 at the end of the stream, or -errno; -EAGAIN if there is neither.
inline int peek(int fd) {
    for (;;) {
        char byte;
        const ssize_t got = ::recv(fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
        if (got >= 0) return static_cast<int>(got);
        if (errno != EINTR) return -errno;
    }
}

}  // namespace neosocksd::io
