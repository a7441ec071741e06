// Where bulk data comes from: a buffer of zeros that send() copies, or a memfd of zeros that
// sendfile() hands to the socket without a copy. The second makes generator and backend cheaper,
// so that they are not what limits a fast proxy.

#pragma once

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include "util.h"

namespace neosocksd::bench {

inline constexpr size_t kMemfdBytes = 1 << 20;

enum class BulkSource { copy, sendfile };

inline int zeros_memfd() {
    static const int kMemfd = [] {
        const int fd = memfd_create("proxybench-zeros", MFD_CLOEXEC);
        if (fd < 0) die("memfd_create: %s", std::strerror(errno));
        const std::vector<char> zeros(kMemfdBytes, 0);
        if (write(fd, zeros.data(), zeros.size()) != static_cast<ssize_t>(zeros.size()))
            die("memfd write: %s", std::strerror(errno));
        return fd;
    }();
    return kMemfd;
}

// Sends up to `bytes` zeros, as send(2) would; `zeros` holds at least that many.
inline ssize_t send_zeros(int fd, const char* zeros, size_t bytes, BulkSource source) {
    if (source == BulkSource::copy) return send(fd, zeros, bytes, MSG_NOSIGNAL);
    off_t offset = 0;
    return sendfile(fd, zeros_memfd(), &offset, std::min(bytes, kMemfdBytes));
}

}  // namespace neosocksd::bench
