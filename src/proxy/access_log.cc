// Tested by access_log_test.cc and tests/e2e/test_access_log*.py.

#include "proxy/access_log.h"

#include <algorithm>
#include <cassert>
#include <csignal>
#include <cstring>
#include <utility>

#include <pthread.h>

#include "base/limits.h"
#include "base/log.h"

namespace neosocksd::proxy {

bool AccessLogBuffer::push(std::string_view line) {
    if (bytes_ + line.size() > limits::kAccessLogBufferBytes) return false;
    if (blocks_.empty() || blocks_.back().size() + line.size() > limits::kAccessLogBlockBytes) {
        blocks_.push_back(std::exchange(spare_, {}));
        blocks_.back().reserve(limits::kAccessLogBlockBytes);
    }
    blocks_.back() += line;
    bytes_ += line.size();
    return true;
}

std::string AccessLogBuffer::pop(std::string used) {
    used.clear();
    if (used.capacity() > spare_.capacity()) spare_ = std::move(used);
    std::string block = std::move(blocks_.front());
    blocks_.pop_front();
    bytes_ -= block.size();
    return block;
}

std::expected<std::shared_ptr<AccessLog>, std::string> AccessLog::open(std::string path,
                                                                       AccessFormat format) {
    auto file = AccessLogFile::open(path);
    if (!file) return std::unexpected(std::move(file.error()));
    return std::make_shared<AccessLog>(std::move(path), format, std::move(*file));
}

AccessLog::AccessLog(std::string path, AccessFormat format, AccessLogFile file)
    : path_(std::move(path)), format_(format), file_(std::move(file)) {}

AccessLog::~AccessLog() {
    assert(!thread_.joinable());
}

void AccessLog::start() {
    thread_ = std::thread([self = shared_from_this()] { self->run(); });
}

void AccessLog::stop() {
    if (!thread_.joinable()) return;
    Lock lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
    if (ended_.wait_for(lock, limits::kAccessLogGrace, [this] { return done_; })) {
        lock.unlock();
        thread_.join();
        return;
    }
    LOG_ERROR("access log `{}': the file does not answer, the last lines are lost", path_);
    thread_.detach();  // tidy: allow(detach) it hangs in write(2), and owns what it uses
}

void AccessLog::write(const AccessRecord& record) {
    thread_local std::string line;
    line.clear();
    append_access_line(record, format_, line);
    bool wake = false;
    bool overflow = false;
    {
        const std::scoped_lock lock(mutex_);
        // The writer waits for the first line, then for a second or a whole block.
        const bool was_empty = buffer_.empty();
        const bool was_whole = buffer_.has_whole_block();
        if (buffer_.push(line)) {
            wake = was_empty || buffer_.has_whole_block() != was_whole;
        } else {
            dropped_++;
            overflow = !std::exchange(full_, true);
        }
    }
    if (wake) wake_.notify_one();
    if (overflow) LOG_ERROR("access log `{}': the file is too slow, lines are dropped", path_);
}

void AccessLog::reopen() {
    const std::scoped_lock lock(mutex_);
    reopening_ = true;
    wake_.notify_one();
}

std::uint64_t AccessLog::dropped() const {
    const std::scoped_lock lock(mutex_);
    return dropped_;
}

void AccessLog::run() {
    pthread_setname_np(pthread_self(), "access-log");
    // Signals are the control thread's.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    Lock lock(mutex_);
    const auto asked = [this] { return stopping_ || reopening_; };
    for (;;) {
        if (failing_ == 0) {
            wake_.wait(lock, [&] { return asked() || !buffer_.empty(); });
            wake_.wait_for(lock, limits::kAccessLogDelay,
                           [&] { return asked() || buffer_.has_whole_block(); });
        } else {
            wake_.wait_for(lock, limits::kAccessLogDelay, asked);
        }
        const bool written = write_out(lock);
        tell_of_drops(lock);
        if (std::exchange(reopening_, false)) {
            open_again(lock);
        } else if (stopping_) {
            if (!written)
                LOG_ERROR("access log `{}': {} bytes of lines could not be written", path_,
                          rest_.size() + buffer_.bytes());
            break;
        }
    }
    done_ = true;
    ended_.notify_one();
}

bool AccessLog::write_out(Lock& lock) {
    while (!rest_.empty() || !buffer_.empty()) {
        if (rest_.empty()) {
            block_ = buffer_.pop(std::move(block_));
            rest_ = block_;
        }
        lock.unlock();
        const int error = -file_.append(rest_);
        tell_of_failure(error);
        lock.lock();
        if (error != 0) return false;
        full_ = false;
    }
    return true;
}

void AccessLog::open_again(Lock& lock) {
    if (path_ == "-") return;
    lock.unlock();
    auto opened = AccessLogFile::open(path_);
    if (opened) {
        file_ = std::move(*opened);
        failing_ = 0;
        LOG_NOTICE("access log `{}' opened again", path_);
    } else {
        LOG_ERROR("access log `{}': {}; going on with the old file", path_, opened.error());
    }
    lock.lock();
    // The old file took the beginning of a line, and no more: half a line helps nobody in the new
    // one.
    if (opened && !rest_.empty() && rest_.data() != block_.data() && rest_.data()[-1] != '\n') {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size() - 1) + 1);
        dropped_++;
    }
}

void AccessLog::tell_of_drops(Lock& lock) {
    // While the buffer is still full nobody knows how many it will be.
    if (dropped_ == told_dropped_ || (full_ && !stopping_)) return;
    const std::uint64_t lines = dropped_ - std::exchange(told_dropped_, dropped_);
    lock.unlock();
    LOG_ERROR("access log `{}': {} lines were dropped", path_, lines);
    lock.lock();
}

void AccessLog::tell_of_failure(int error) {
    if (error == failing_) return;
    if (error != 0)
        LOG_ERROR("access log `{}': {}; lines wait", path_, std::strerror(error));
    else
        LOG_NOTICE("access log `{}': lines are written again", path_);
    failing_ = error;
}

}  // namespace neosocksd::proxy
