// One asynchronous operation: it lives in its owner and completes exactly once for each start.
//
// An engine call that starts an operation either returns the result at once, and the Op was never
// pending; or it returns kPending, and `handler` runs later from the loop, never from inside the
// call that started or cancelled it. Results are those of the system call: >= 0, or -errno.
// An Op must not move or die while it is pending.

#pragma once

#include <cassert>
#include <climits>
#include <cstddef>
#include <cstdint>

#include "base/list.h"

namespace neosocksd::io {

class Socket;

inline constexpr int kPending = INT_MIN;

class Op : public ListHook {
public:
    using Handler = void (*)(Op&, int result);

    explicit Op(Handler handler) : handler_(handler) {}
    ~Op() { assert(!pending_); }

    bool pending() const { return pending_; }

    // After a receive: the bytes that were read, in a buffer that belongs to the engine.
    // Valid until Engine::give_back(), and no longer than until control returns to the loop
    // unless a send of them is pending.
    std::byte* data() const { return static_cast<std::byte*>(buffer_); }

    // After a receive: what follows, data or the end of the stream, is there already.
    bool more_behind() const { return more_behind_; }

private:
    friend class Engine;
    friend class EpollEngine;
    friend class UringEngine;
    friend class DeferQueue;

    enum class Kind : std::uint8_t { none, recv, send, connect, poll, accept };
    static constexpr std::uint16_t kNoLoan = 0xffff;

    void complete(int result) {
        pending_ = false;
        handler_(*this, result);
    }

    Handler handler_;
    Socket* socket_ = nullptr;
    void* buffer_ = nullptr;
    std::uint32_t length_ = 0;  // of a send; events of a poll
    int deferred_result_ = 0;   // while it waits in the loop's queue
    std::uint16_t loan_ = kNoLoan;
    Kind kind_ = Kind::none;
    bool pending_ : 1 = false;
    bool cancelling_ : 1 = false;  // io_uring: the kernel has been asked to
    bool more_behind_ : 1 = false;
};

}  // namespace neosocksd::io
