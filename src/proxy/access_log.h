// The access log: workers put lines into a bounded buffer, one thread of its own writes them.
//
// A slow disk never holds a worker up: when the buffer is full, lines are dropped and counted, and
// the log says so. The lock is held for the copy of one line, or to take a whole block away; a
// message to the writer for each line would cost more than it does.
// Lines leave at least once a second, in the order in which they came, by one write(2) for each
// block of whole lines. A file that takes nothing (a full disk) is tried again every second, and
// goes on at the very byte at which it stopped.
// Tested by access_log_test.cc and tests/e2e/test_access_log*.py.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "proxy/access_log_file.h"
#include "proxy/access_log_line.h"

namespace neosocksd::proxy {

// Blocks of whole lines, first in, first out.
class AccessLogBuffer {
public:
    // False: it is full, and the line is lost.
    bool push(std::string_view line);
    // The oldest block; `used` is an emptied one, whose memory serves again.
    std::string pop(std::string used);

    bool empty() const { return blocks_.empty(); }
    bool has_whole_block() const { return blocks_.size() > 1; }
    std::size_t bytes() const { return bytes_; }

private:
    std::deque<std::string> blocks_;
    std::string spare_;
    std::size_t bytes_ = 0;
};

class AccessLog : public std::enable_shared_from_this<AccessLog> {
public:
    // On failure the reason, for the log. Does not start the thread: a process that becomes a
    // daemon forks between the two.
    static std::expected<std::shared_ptr<AccessLog>, std::string> open(std::string path,
                                                                       AccessFormat format);
    AccessLog(std::string path, AccessFormat format, AccessLogFile file);
    AccessLog(const AccessLog&) = delete;
    AccessLog& operator=(const AccessLog&) = delete;
    // After stop(), or without start().
    ~AccessLog();

    // The file before start(): for giving it to another user.
    const AccessLogFile& file() const { return file_; }
    void start();
    // Writes what there is, and ends the thread. A file that does not answer within
    // limits::kAccessLogGrace is left alone: then thread and object live on until the process ends.
    void stop();

    // From any thread.
    void write(const AccessRecord& record);
    // From any thread, soon: opens the path again, for a rotation. What was written before goes to
    // the old file, which is kept if the new one can not be opened.
    void reopen();

    std::uint64_t dropped() const;

private:
    using Lock = std::unique_lock<std::mutex>;

    void run();
    // False: the file takes nothing now. The lock is given up meanwhile.
    bool write_out(Lock& lock);
    void open_again(Lock& lock);
    void tell_of_drops(Lock& lock);
    void tell_of_failure(int error);

    const std::string path_;
    const AccessFormat format_;
    std::thread thread_;

    mutable std::mutex mutex_;  // for all up to the blank line
    std::condition_variable wake_;
    std::condition_variable ended_;
    AccessLogBuffer buffer_;
    std::uint64_t dropped_ = 0;
    bool full_ = false;  // dropping began and nothing was written since
    bool reopening_ = false;
    bool stopping_ = false;
    bool done_ = false;

    // The thread's.
    AccessLogFile file_;
    std::string block_;
    std::string_view rest_;  // of the block: not written yet
    std::uint64_t told_dropped_ = 0;
    int failing_ = 0;  // errno, as told
};

}  // namespace neosocksd::proxy
