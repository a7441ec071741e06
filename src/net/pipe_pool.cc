// Tested by pipe_pool_test.cc.

#include "net/pipe_pool.h"

#include <cassert>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/limits.h"
#include "base/log.h"

namespace neosocksd::net {
namespace {

// After a pipe could not be had, so many requests are refused before the next try: a failing
// pipe2() for every turn of every busy tunnel would cost more than copying.
constexpr std::size_t kRefusalsAfterFailure = 1000;

// The size it has then, or -1.
int set_size(const Pipe& pipe, std::size_t bytes) {
    return ::fcntl(pipe.write_fd, F_SETPIPE_SZ, static_cast<int>(bytes));
}

}  // namespace

Pipe::~Pipe() {
    if (read_fd >= 0) close_owned(read_fd);
    if (write_fd >= 0) close_owned(write_fd);
}

std::unique_ptr<Pipe> PipePool::borrow() {
    std::unique_ptr<Pipe> pipe;
    if (!free_.empty()) {
        pipe = std::move(free_.back());
        free_.pop_back();
    } else if (lent_ < limit_ && refusals_ == 0) {
        pipe = make();
        if (!pipe) refusals_ = kRefusalsAfterFailure;
    } else if (refusals_ > 0) {
        refusals_--;
    }
    if (pipe) lent_++;
    return pipe;
}

void PipePool::give_back(std::unique_ptr<Pipe> pipe) {
    assert(lent_ > 0);
    lent_--;
    if (pipe->held == 0 && free_.size() < limits::kPipesPooled) free_.push_back(std::move(pipe));
}

std::unique_ptr<Pipe> PipePool::make() {
    auto pipe = std::make_unique<Pipe>();
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) {
        LOG_WARNING("pipe: {}, copying instead", std::strerror(errno));
        return nullptr;
    }
    pipe->read_fd = ends[0];
    pipe->write_fd = ends[1];
    const bool large = lent_ + free_.size() < limits::kLargePipes;
    int size = -1;
    if (large) size = set_size(*pipe, limits::kLargePipeBytes);
    if (size < 0) size = set_size(*pipe, limits::kPipeBytes);
    // An unprivileged user over fs.pipe-user-pages-soft may not enlarge, and may have been given
    // a pipe of one or two pages: believe only what the kernel says.
    if (size < 0) size = ::fcntl(pipe->write_fd, F_GETPIPE_SZ);
    if (size < static_cast<int>(limits::kPipeUsefulBytes)) {
        LOG_WARNING("pipe: only {} bytes (fs.pipe-user-pages-soft), copying instead", size);
        return nullptr;
    }
    pipe->capacity = static_cast<std::size_t>(size);
    return pipe;
}

}  // namespace neosocksd::net
