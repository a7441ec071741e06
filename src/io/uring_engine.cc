// The io_uring backend: operations are queued and submitted together, once a turn of the loop.
//
// Receives take their buffer from a ring of buffers only when data has arrived (provided
// buffers), so ten thousand idle tunnels hold none. A socket that was just read empty is not tried
// again before it is readable (RECVSEND_POLL_FIRST). Sends never wait in the kernel
// (MSG_DONTWAIT): their buffer comes back within the same turn, and a slow reader cannot keep the
// buffers of others. They are submitted with the turn's other operations, if there are any.
//
// The kernel cancels what it has. An operation that comes back from it by itself and is to be
// submitted again (a receive that found no buffer, an accept that ended) must look whether it was
// cancelled meanwhile: `cancelling_`.
// Needs Linux 6.1: SINGLE_ISSUER and DEFER_TASKRUN, multishot accept, buffer rings.
// Tested by engine_*_test.cc, which run on both backends.

#include <array>
#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>

#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/limits.h"
#include "io/engine.h"
#include "io/uring_ring.h"

namespace neosocksd::io {
namespace {

constexpr int kBufferGroup = 0;
constexpr unsigned kCompletionsPerTurn = 256;
// With so few completions in a turn, a send is a call of its own.
constexpr unsigned kSmallBatch = 2;
static_assert((limits::kUringBuffers & (limits::kUringBuffers - 1)) == 0);

}  // namespace

class UringEngine final : public Engine {
public:
    explicit UringEngine(DeferQueue& deferred) : deferred_(deferred) {}

    ~UringEngine() override {
        assert(lent_ == 0 && starved_.empty());
        if (!ready_) return;
        io_uring_unregister_buf_ring(&ring_, kBufferGroup);
        io_uring_queue_exit(&ring_);
        std::free(buffer_ring_);
    }

    // 0 or -errno.
    int start() {
        int error = open_ring(ring_);
        if (error != 0) return error;
        ready_ = true;
        const std::size_t bytes = limits::kUringBuffers * sizeof(io_uring_buf);
        buffer_ring_ =
            static_cast<io_uring_buf_ring*>(std::aligned_alloc(4096, bytes < 4096 ? 4096 : bytes));
        if (!buffer_ring_) return -ENOMEM;
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffer_ring_);
        registration.ring_entries = limits::kUringBuffers;
        registration.bgid = kBufferGroup;
        error = io_uring_register_buf_ring(&ring_, &registration, 0);
        if (error != 0) return error;
        io_uring_buf_ring_init(buffer_ring_);
        buffers_ = std::make_unique_for_overwrite<std::byte[]>(limits::kUringBuffers *
                                                               limits::kUringBufferBytes);
        for (unsigned i = 0; i < limits::kUringBuffers; i++)
            add_buffer(static_cast<std::uint16_t>(i), static_cast<int>(i));
        io_uring_buf_ring_advance(buffer_ring_, limits::kUringBuffers);
        return 0;
    }

    const char* name() const override { return "uring"; }
    std::size_t loan_bytes() const override { return limits::kUringBufferBytes; }

    int recv(Socket& socket, Op& op) override {
        begin(socket, op, Op::Kind::recv);
        submit_recv(op);
        return kPending;
    }

    void give_back(Op& op) override {
        if (op.loan_ == Op::kNoLoan) return;
        add_buffer(op.loan_, 0);
        io_uring_buf_ring_advance(buffer_ring_, 1);
        op.loan_ = Op::kNoLoan;
        op.buffer_ = nullptr;
        assert(lent_ > 0);
        lent_--;
        // Before the owner of this loan receives again, or the busy would keep the starved waiting.
        if (!starved_.empty()) submit_recv(starved_.pop_front());
    }

    int send(Socket& socket, std::span<const std::byte> bytes, Op& op, bool more) override {
        const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
        if (batch_ <= kSmallBatch) {
            // Nothing to share a submission with: a call of its own is cheaper than a second turn
            // of the loop, and the peer has its bytes sooner.
            for (;;) {
                const ssize_t sent = ::send(socket.fd_, bytes.data(), bytes.size(), flags);
                if (sent < 0 && errno == EINTR) continue;
                return sent < 0 ? -errno : static_cast<int>(sent);
            }
        }
        // The buffer of a receive stays with the operation until it is given back.
        begin(socket, op, Op::Kind::send);
        io_uring_sqe* sqe = next_sqe();
        io_uring_prep_send(sqe, socket.fd_, bytes.data(), bytes.size(), flags);
        io_uring_sqe_set_data(sqe, &op);
        return kPending;
    }

    int connect(Socket& socket, const sockaddr* address, socklen_t length, Op& op) override {
        begin(socket, op, Op::Kind::connect);
        // The kernel reads it when the queue is submitted.
        sockaddr_storage& kept = addresses_.emplace_back();
        std::memcpy(&kept, address, length);
        io_uring_sqe* sqe = next_sqe();
        io_uring_prep_connect(sqe, socket.fd_, reinterpret_cast<sockaddr*>(&kept), length);
        io_uring_sqe_set_data(sqe, &op);
        return kPending;
    }

    int poll(Socket& socket, Readiness readiness, Op& op) override {
        begin(socket, op, Op::Kind::poll);
        op.length_ = static_cast<std::uint32_t>(readiness);
        io_uring_sqe* sqe = next_sqe();
        io_uring_prep_poll_add(sqe, socket.fd_, events_of(readiness));
        io_uring_sqe_set_data(sqe, &op);
        return kPending;
    }

    int accept(Socket& listener, Op& op) override {
        begin(listener, op, Op::Kind::accept);
        io_uring_sqe* sqe = next_sqe();
        io_uring_prep_multishot_accept(sqe, listener.fd_, nullptr, nullptr,
                                       SOCK_NONBLOCK | SOCK_CLOEXEC);
        io_uring_sqe_set_data(sqe, &op);
        return kPending;
    }

    void cancel(Op& op) override {
        if (!op.pending_ || op.cancelling_) return;
        if (op.linked()) {  // starved of a buffer, or completed and on its way
            if (op.kind_ != Op::Kind::recv || op.loan_ != kStarved) return;
            op.loan_ = Op::kNoLoan;
            op.unlink();
            deferred_.push(op, -ECANCELED);
            return;
        }
        op.cancelling_ = true;
        submit_cancel(op);
    }

    // At once, not by the ring: a descriptor is free, and a listener closed, when we say so.
    void close(Socket& socket) override { close_owned(socket.release()); }

    void detach(Socket&) override {}

    void move(Socket& from, Socket& to) override {
        to.readable_ = from.readable_;
        to.adopt(from.release());
    }

    bool wait(std::chrono::nanoseconds timeout,
              std::chrono::steady_clock::time_point& now) override {
        retry_starved();
        io_uring_cqe* first = nullptr;
        if (timeout.count() == 0) {
            io_uring_submit_and_get_events(&ring_);
        } else if (timeout.count() < 0) {
            io_uring_submit_and_wait(&ring_, 1);
        } else {
            __kernel_timespec ts{};
            ts.tv_sec = timeout.count() / 1'000'000'000;
            ts.tv_nsec = timeout.count() % 1'000'000'000;
            io_uring_submit_and_wait_timeout(&ring_, &first, 1, &ts, nullptr);
        }
        now = std::chrono::steady_clock::now();
        forget_addresses();
        std::array<io_uring_cqe*, kCompletionsPerTurn> ready;
        const unsigned count = io_uring_peek_batch_cqe(&ring_, ready.data(), kCompletionsPerTurn);
        batch_ = count;
        for (unsigned i = 0; i < count; i++) {
            // A copy: the handler may submit, and the kernel then reuse the slot after a seen().
            const io_uring_cqe completion = *ready[i];
            deliver(completion);
        }
        io_uring_cq_advance(&ring_, count);
        return count > 0;
    }

private:
    static constexpr std::uint16_t kStarved = 0xfffe;
    // In `length_` of a poll: a multishot poll saw what was waited for, and is being ended.
    static constexpr std::uint32_t kPollFound = 0x100;

    void begin(Socket& socket, Op& op, Op::Kind kind) {
        assert(!op.pending_);
        op.kind_ = kind;
        op.socket_ = &socket;
        op.pending_ = true;
        op.cancelling_ = false;
    }

    io_uring_sqe* next_sqe() {
        io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
        while (!sqe) {
            // The queue is full: hand it over, and the whole of it is free again.
            io_uring_submit(&ring_);
            sqe = io_uring_get_sqe(&ring_);
        }
        return sqe;
    }

    void submit_recv(Op& op) {
        io_uring_sqe* sqe = next_sqe();
        io_uring_prep_recv(sqe, op.socket_->fd_, nullptr, limits::kUringBufferBytes, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = kBufferGroup;
        if (!op.socket_->readable_) sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
        io_uring_sqe_set_data(sqe, &op);
    }

    void submit_cancel(Op& op) {
        io_uring_sqe* sqe = next_sqe();
        io_uring_prep_cancel(sqe, &op, 0);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        io_uring_sqe_set_data(sqe, nullptr);
    }

    // The last loan may have come back before we heard that another receive had found none: nobody
    // would wake that one later.
    void retry_starved() {
        for (unsigned free = limits::kUringBuffers - lent_; free > 0 && !starved_.empty(); free--)
            submit_recv(starved_.pop_front());
    }

    void forget_addresses() {
        if (!addresses_.empty() && io_uring_sq_ready(&ring_) == 0) addresses_.clear();
    }

    static unsigned events_of(Readiness readiness) {
        switch (readiness) {
        case Readiness::readable: return POLLIN | POLLRDHUP;
        case Readiness::writable: return POLLOUT;
        case Readiness::peer_done: return POLLRDHUP;
        case Readiness::reset: break;  // POLLERR and POLLHUP are always reported
        }
        return 0;
    }

    void add_buffer(std::uint16_t id, int offset) {
        io_uring_buf_ring_add(buffer_ring_, buffer(id), limits::kUringBufferBytes, id,
                              io_uring_buf_ring_mask(limits::kUringBuffers), offset);
    }

    std::byte* buffer(std::uint16_t id) const {
        return buffers_.get() + std::size_t{id} * limits::kUringBufferBytes;
    }

    void deliver(const io_uring_cqe& completion) {
        Op* op = reinterpret_cast<Op*>(completion.user_data);
        if (!op) return;  // a cancel that failed: nothing is left to do
        switch (op->kind_) {
        case Op::Kind::recv: deliver_recv(*op, completion); return;
        case Op::Kind::accept: deliver_accept(*op, completion); return;
        case Op::Kind::poll: deliver_poll(*op, completion); return;
        default: op->complete(completion.res); return;
        }
    }

    void deliver_recv(Op& op, const io_uring_cqe& completion) {
        if (completion.res == -ENOBUFS) {
            if (op.cancelling_) {
                op.complete(-ECANCELED);
                return;
            }
            // All buffers are lent: wait for the next one that comes back.
            op.loan_ = kStarved;
            starved_.push_back(op);
            return;
        }
        op.more_behind_ = (completion.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
        op.socket_->readable_ = op.more_behind_;
        op.loan_ = Op::kNoLoan;
        if (completion.flags & IORING_CQE_F_BUFFER) {
            op.loan_ = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
            op.buffer_ = buffer(op.loan_);
            lent_++;
            // An end of stream or an error may come with a buffer that holds nothing.
            if (completion.res <= 0) give_back(op);
        }
        op.complete(completion.res);
    }

    // A poll in the kernel always reports POLLRDHUP, asked or not, and so ends at once, over and
    // over, while the peer has ended its side. Where that is not what is waited for, ask for every
    // further change instead (multishot), and end that when the right one comes.
    void deliver_poll(Op& op, const io_uring_cqe& completion) {
        const bool over = (completion.flags & IORING_CQE_F_MORE) == 0;
        const bool found = (op.length_ & kPollFound) != 0;
        const auto readiness = static_cast<Readiness>(op.length_ & ~kPollFound);
        if (!found && completion.res >= 0) {
            const unsigned wanted = events_of(readiness) | POLLERR | POLLHUP | POLLNVAL;
            if ((static_cast<unsigned>(completion.res) & wanted) == 0) {
                if (!over) return;
                if (op.cancelling_)
                    op.complete(-ECANCELED);
                else
                    submit_multishot_poll(op, readiness);
                return;
            }
            if (!over) {
                op.length_ |= kPollFound;
                submit_cancel(op);
                return;
            }
        }
        if (over) op.complete(found || completion.res >= 0 ? 0 : completion.res);
    }

    void submit_multishot_poll(Op& op, Readiness readiness) {
        io_uring_sqe* sqe = next_sqe();
        io_uring_prep_poll_multishot(sqe, op.socket_->fd_, events_of(readiness));
        io_uring_sqe_set_data(sqe, &op);
    }

    void deliver_accept(Op& op, const io_uring_cqe& completion) {
        const bool over = (completion.flags & IORING_CQE_F_MORE) == 0;
        if (completion.res >= 0) op.handler_(op, completion.res);
        if (!over) return;
        if (completion.res < 0 && !is_lost_connection(-completion.res)) {
            op.complete(completion.res);
            return;
        }
        if (op.cancelling_) {
            op.complete(-ECANCELED);
            return;
        }
        Socket& listener = *op.socket_;
        op.pending_ = false;
        accept(listener, op);
    }

    DeferQueue& deferred_;
    io_uring ring_{};
    io_uring_buf_ring* buffer_ring_ = nullptr;
    std::unique_ptr<std::byte[]> buffers_;
    List<Op> starved_;  // receives that wait for a buffer
    unsigned lent_ = 0;
    std::deque<sockaddr_storage> addresses_;  // of connects not yet submitted
    unsigned batch_ = 0;                      // completions that this turn of the loop brought
    bool ready_ = false;
};

Result<std::unique_ptr<Engine>> make_uring_engine(DeferQueue& deferred) {
    auto engine = std::make_unique<UringEngine>(deferred);
    const int error = engine->start();
    if (error != 0) return failure(-error, "io_uring");
    return engine;
}

Result<void> probe_uring(std::string& reason) {
    DeferQueue unused;
    const auto engine = make_uring_engine(unused);
    if (engine) return {};
    const int code = engine.error().code;
    switch (code) {
    case ENOSYS: reason = "this kernel has no io_uring"; break;
    case EPERM:
    case EACCES: reason = "io_uring is forbidden here (seccomp or kernel.io_uring_disabled)"; break;
    case EINVAL: reason = "this kernel is too old for our use of io_uring (6.1 is needed)"; break;
    case ENOMEM: reason = "no locked memory is left for io_uring (RLIMIT_MEMLOCK)"; break;
    default: reason = "io_uring does not start: " + std::string(std::strerror(code)); break;
    }
    return std::unexpected(engine.error());
}

}  // namespace neosocksd::io
