// Messages from other threads to a loop: a bounded queue and a descriptor that wakes the loop.
//
// The lock is held for a push or a swap only. The descriptor is written once for a batch: a
// message that finds others waiting wakes nobody.

#pragma once

#include <functional>
#include <mutex>
#include <vector>

namespace neosocksd::io {

using Message = std::move_only_function<void()>;

class Mailbox {
public:
    Mailbox();
    ~Mailbox();
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;

    // From any thread. False if the mailbox is full (limits::kMailboxMessages) or closed; the
    // message is then untouched and still the sender's.
    [[nodiscard]] bool post(Message& message) { return push(message, false); }
    // The same however full it is: for answers, of which there are no more than this loop has
    // asked questions. False if the mailbox is closed.
    [[nodiscard]] bool post_answer(Message& message) { return push(message, true); }

    // From the loop's thread: runs what has been posted.
    void run();
    // From the loop's thread: refuses further messages.
    void close();

    // Readable while messages wait.
    int fd() const { return fd_; }

private:
    bool push(Message& message, bool however_full);

    std::mutex mutex_;
    std::vector<Message> waiting_;  // guarded by mutex_
    bool closed_ = false;           // guarded by mutex_
    std::vector<Message> running_;
    int fd_;
};

}  // namespace neosocksd::io
