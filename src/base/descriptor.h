// A descriptor that closes itself: for those that no loop works with.

#pragma once

#include <cassert>
#include <cerrno>
#include <utility>

#include <unistd.h>

namespace neosocksd {

// close(2) of a descriptor that is ours alone. One that is none any more has been closed twice, and
// the other time it may have been somebody else's.
inline void close_owned(int fd) {
    [[maybe_unused]] const int result = ::close(fd);
    assert(result == 0 || errno != EBADF);
}

class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) close_owned(fd_);
    }

    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_ = -1;
};

}  // namespace neosocksd
