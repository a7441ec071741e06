// Tested by mailbox_test.cc, also under the thread sanitizer.

#include "io/mailbox.h"

#include <cassert>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/limits.h"

namespace neosocksd::io {

Mailbox::Mailbox() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Mailbox::~Mailbox() {
    assert(running_.empty());  // not from inside one of its messages
    close_owned(fd_);
}

bool Mailbox::push(Message& message, bool however_full) {
    bool first;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return false;
        if (!however_full && waiting_.size() >= limits::kMailboxMessages) return false;
        first = waiting_.empty();
        waiting_.push_back(std::move(message));
    }
    if (first) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
    }
    return true;
}

void Mailbox::run() {
    std::uint64_t count;
    [[maybe_unused]] const ssize_t got = ::read(fd_, &count, sizeof count);
    {
        const std::lock_guard lock(mutex_);
        running_.swap(waiting_);
    }
    for (Message& message : running_) message();
    running_.clear();
}

void Mailbox::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
}

}  // namespace neosocksd::io
