// The two backends of a loop behind one interface: io_uring and epoll.
//
// All calls come from the loop's own thread. Starting calls return the result at once or kPending
// (see op.h). One operation at a time may wait for a socket's input (recv, accept, poll for input
// or hang-up) and one for its output (send, connect, poll for output).

#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include <sys/socket.h>

#include "base/list.h"
#include "base/result.h"
#include "io/op.h"
#include "io/socket.h"

namespace neosocksd::io {

enum class EngineChoice { automatic, uring, epoll };

// What a poll waits for. A reset or error of the connection ends every poll.
enum class Readiness : std::uint8_t {
    readable,   // input, or the end of it
    writable,   // room for output
    peer_done,  // the peer has ended its side (FIN), even behind unread input
    reset,      // only errors, or both sides ended
};

class Engine {
public:
    virtual ~Engine() = default;
    virtual const char* name() const = 0;

    // Reads what is there, waiting for it if nothing is, into a buffer of the engine: Op::data().
    // 0 is the end of the stream. After a positive result, give_back() must be called.
    virtual int recv(Socket& socket, Op& op) = 0;
    virtual void give_back(Op& op) = 0;
    // The size of those buffers: a read of that many bytes was cut short by it.
    virtual std::size_t loan_bytes() const = 0;

    // Tries once, never waits: a short count or -EAGAIN says the socket's buffer is full. `more`:
    // another send, or the end of the stream, follows at once and may share the packet.
    virtual int send(Socket& socket, std::span<const std::byte> bytes, Op& op,
                     bool more = false) = 0;

    // `address` is copied if need be.
    virtual int connect(Socket& socket, const sockaddr* address, socklen_t length, Op& op) = 0;

    virtual int poll(Socket& socket, Readiness readiness, Op& op) = 0;

    // Persistent: the handler runs for each accepted descriptor (non-blocking, close-on-exec), and
    // the operation stays pending, until an error (then it is over) or a cancel.
    virtual int accept(Socket& listener, Op& op) = 0;

    // The operation will complete soon, with -ECANCELED unless its own result came first.
    virtual void cancel(Op& op) = 0;

    // No operation may be pending.
    virtual void close(Socket& socket) = 0;
    // The loop forgets the socket, which then may go to another loop.
    virtual void detach(Socket& socket) = 0;
    // `to` takes over descriptor and state of `from`.
    virtual void move(Socket& from, Socket& to) = 0;

    // Waits at most `timeout` (negative: for ever), sets `now` to the time after that, and runs the
    // handlers of what completed. False: nothing had.
    virtual bool wait(std::chrono::nanoseconds timeout,
                      std::chrono::steady_clock::time_point& now) = 0;
};

// Operations whose result is known but must not be delivered from inside the call at hand.
class DeferQueue {
public:
    void push(Op& op, int result);
    bool empty() const { return queue_.empty(); }
    // Delivers those queued before the call.
    void run();

private:
    List<Op> queue_;
};

// Errors of accept(2) that concern only the connection that was to be accepted: try the next.
bool is_lost_connection(int error);

std::unique_ptr<Engine> make_epoll_engine(DeferQueue& deferred);

// Fails with the reason: ENOSYS, EPERM (seccomp, sysctl kernel.io_uring_disabled), EINVAL (a
// kernel before 6.1), ENOMEM ...
Result<std::unique_ptr<Engine>> make_uring_engine(DeferQueue& deferred);

// Whether io_uring works here, and if not why, in words: "io_uring is forbidden ...".
Result<void> probe_uring(std::string& reason);

}  // namespace neosocksd::io
