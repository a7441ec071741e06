// The floor with io_uring: one io_uring_enter a turn submits everything and waits; what is left is
// the work itself. Messages only: splice is done by helper threads here, so bulk stays with epoll.
//
//   session      accept (multishot) | recv | send | recv | socket connect send recv (one chain)
//                | recv | send | recv | send | recv: end | close shutdown close
//   round trip   recv | send | recv | send
//
// Sockets are direct descriptors. A client's slot is the number of its session; its upstream has
// the slot kSessions later, which lets the chain name it before it exists. Receiving is multishot,
// into buffers that the ring hands out and that return when they have been sent.

#pragma once

#include <liburing.h>

#include <memory>
#include <vector>

#include "common.h"

namespace neosocksd::bench {

class UringFloor {
public:
    explicit UringFloor(const FloorOptions& options) : options_(options), sessions_(kSessions) {
        errno = EINVAL;
        expect(options.work == Work::sessions, "io_uring: messages only");
    }

    [[noreturn]] void run() {
        set_up();
        listener_ = open_listener(options_.listen);
        accept_clients();
        for (;;) {
            const int submitted = io_uring_submit_and_wait(&ring_, 1);
            if (submitted < 0 && submitted != -EINTR) fail(submitted, "io_uring_enter");
            io_uring_cqe* cqes[kBatch];
            const unsigned n = io_uring_peek_batch_cqe(&ring_, cqes, kBatch);
            for (unsigned i = 0; i < n; i++) handle(*cqes[i]);
            io_uring_cq_advance(&ring_, n);
        }
    }

private:
    enum class Op : uint8_t { accept, client_recv, target_recv, send, dial, dialled, end };
    enum class State : uint8_t { greeting, request, relay };

    struct Session {
        uint32_t generation = 0;
        State state = State::greeting;
        bool open = false, dialled = false;
        sockaddr_in target{};
    };

    static constexpr unsigned kSessions = 8192, kBatch = 512, kEntries = 4096;
    static constexpr unsigned kBuffers = 1024, kBufferSize = 512, kNoBuffer = 0xffff;
    static constexpr int kGroup = 0;

    [[noreturn]] static void fail(int result, const char* what) {
        errno = -result;
        give_up(what);
    }
    static void check(int result, const char* what) {
        if (result < 0) fail(result, what);
    }

    void set_up() {
        io_uring_params parameters{};
        parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                           IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL;
        parameters.cq_entries = 8 * kEntries;
        check(io_uring_queue_init_params(kEntries, &ring_, &parameters), "io_uring_setup");
        check(io_uring_register_files_sparse(&ring_, 2 * kSessions), "files");
        check(io_uring_register_file_alloc_range(&ring_, 0, kSessions), "range of files");
        buffers_.reset(static_cast<uint8_t*>(std::aligned_alloc(4096, kBuffers * kBufferSize)));
        void* memory = std::aligned_alloc(4096, kBuffers * sizeof(io_uring_buf));
        free_ = static_cast<io_uring_buf_ring*>(memory);
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<uintptr_t>(free_);
        registration.ring_entries = kBuffers;
        registration.bgid = kGroup;
        check(io_uring_register_buf_ring(&ring_, &registration, 0), "buffers");
        io_uring_buf_ring_init(free_);
        for (unsigned id = 0; id < kBuffers; id++) give_back(id);
    }

    uint8_t* buffer(unsigned id) const { return buffers_.get() + size_t{id} * kBufferSize; }

    void give_back(unsigned id) {
        io_uring_buf_ring_add(free_, buffer(id), kBufferSize, static_cast<uint16_t>(id),
                              io_uring_buf_ring_mask(kBuffers), 0);
        io_uring_buf_ring_advance(free_, 1);
    }

    // operation, session and its generation, and for sends the buffer.
    uint64_t name(Op op, unsigned session, unsigned buffer_id = kNoBuffer) const {
        return uint64_t{static_cast<uint8_t>(op)} << 56 | uint64_t{session} << 40 |
               uint64_t{sessions_[session].generation & 0xffffff} << 16 | buffer_id;
    }

    io_uring_sqe* entry() {
        io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
        errno = ENOBUFS;
        expect(sqe, "submission queue");
        return sqe;
    }

    // A chain must not be torn apart by a full queue.
    void make_room() {
        if (io_uring_sq_space_left(&ring_) < 8) check(io_uring_submit(&ring_), "submit");
    }

    void finish(io_uring_sqe* sqe, Op op, unsigned session, unsigned flags,
                unsigned buffer_id = kNoBuffer) {
        io_uring_sqe_set_flags(sqe, sqe->flags | flags);
        io_uring_sqe_set_data64(sqe, name(op, session, buffer_id));
    }

    void accept_clients() {
        io_uring_sqe* sqe = entry();
        io_uring_prep_multishot_accept_direct(sqe, listener_, nullptr, nullptr, 0);
        finish(sqe, Op::accept, 0, 0);
    }

    void receive(Op op, unsigned session, unsigned slot) {
        io_uring_sqe* sqe = entry();
        io_uring_prep_recv_multishot(sqe, static_cast<int>(slot), nullptr, 0, 0);
        sqe->buf_group = kGroup;
        finish(sqe, op, session, IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT);
    }

    void send_constant(unsigned session, const char* bytes, size_t size, unsigned flags) {
        io_uring_sqe* sqe = entry();
        io_uring_prep_send(sqe, static_cast<int>(session), bytes, size, MSG_NOSIGNAL);
        finish(sqe, Op::dial, session, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS | flags);
    }

    void send_buffer(unsigned session, unsigned slot, unsigned id, size_t size) {
        io_uring_sqe* sqe = entry();
        io_uring_prep_send(sqe, static_cast<int>(slot), buffer(id), size,
                           MSG_NOSIGNAL | MSG_WAITALL);
        finish(sqe, Op::send, session, IOSQE_FIXED_FILE, id);
    }

    void handle(const io_uring_cqe& cqe) {
        const Op op{static_cast<uint8_t>(cqe.user_data >> 56)};
        const auto session = static_cast<unsigned>(cqe.user_data >> 40 & 0xffff);
        const auto generation = static_cast<uint32_t>(cqe.user_data >> 16 & 0xffffff);
        const auto id = static_cast<unsigned>(cqe.user_data & 0xffff);
        make_room();
        if (op == Op::accept) return accepted(cqe);
        if (op == Op::send) give_back(id);
        const bool received = op == Op::client_recv || op == Op::target_recv;
        const bool mine =
            sessions_[session].open && (sessions_[session].generation & 0xffffff) == generation;
        if (!mine) {
            if (received && cqe.flags & IORING_CQE_F_BUFFER)
                give_back(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
            return;
        }
        if (cqe.res == -ENOBUFS) fail(cqe.res, "more bytes in flight than buffers");
        if (cqe.res < 0 || (received && cqe.res == 0)) return close_both(session);
        if (op == Op::dialled) {
            receive(Op::target_recv, session, kSessions + session);
            receive(Op::client_recv, session, session);
        }
        if (op == Op::client_recv) from_client(session, cqe);
        if (op == Op::target_recv)
            send_buffer(session, session, cqe.flags >> IORING_CQE_BUFFER_SHIFT,
                        static_cast<size_t>(cqe.res));
    }

    void accepted(const io_uring_cqe& cqe) {
        if (!(cqe.flags & IORING_CQE_F_MORE)) accept_clients();
        if (cqe.res < 0) return;
        const auto index = static_cast<unsigned>(cqe.res);
        Session& session = sessions_[index];
        session.generation++;
        session.open = true;
        session.dialled = false;
        session.state = options_.socks ? State::greeting : State::relay;
        if (options_.socks)
            receive(Op::client_recv, index, index);
        else
            dial(index, options_.target);
    }

    void from_client(unsigned index, const io_uring_cqe& cqe) {
        const unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
        Session& session = sessions_[index];
        switch (session.state) {
        case State::greeting:
            send_constant(index, kMethod, kMethodSize, 0);
            session.state = State::request;
            return give_back(id);
        case State::request:
            dial(index, requested_target(buffer(id), cqe.res));
            session.state = State::relay;
            return give_back(id);
        case State::relay: send_buffer(index, kSessions + index, id, static_cast<size_t>(cqe.res));
        }
    }

    void dial(unsigned index, const sockaddr_in& target) {
        Session& session = sessions_[index];
        session.target = target;  // the kernel reads it when the chain gets there
        session.dialled = true;
        io_uring_sqe* sqe = entry();
        io_uring_prep_socket_direct(sqe, AF_INET, SOCK_STREAM, 0, kSessions + index, 0);
        finish(sqe, Op::dial, index, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
        sqe = entry();
        io_uring_prep_connect(sqe, static_cast<int>(kSessions + index),
                              reinterpret_cast<const sockaddr*>(&session.target),
                              sizeof session.target);
        // Whoever forwards has bytes of the client at once, and nowhere to send them before.
        if (!options_.socks) return finish(sqe, Op::dialled, index, IOSQE_FIXED_FILE);
        finish(sqe, Op::dial, index, IOSQE_FIXED_FILE | IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
        send_constant(index, kGranted, kGrantedSize, IOSQE_IO_LINK);
        receive(Op::target_recv, index, kSessions + index);
    }

    // Whoever still receives there ends by the shutdown, and only then the socket is gone.
    void close_both(unsigned index) {
        Session& session = sessions_[index];
        session.open = false;
        if (session.dialled) close_one(index, kSessions + index);
        close_one(index, index);
    }

    void close_one(unsigned index, unsigned slot) {
        io_uring_sqe* sqe = entry();
        io_uring_prep_shutdown(sqe, static_cast<int>(slot), SHUT_RDWR);
        finish(sqe, Op::end, index, IOSQE_FIXED_FILE | IOSQE_IO_HARDLINK | IOSQE_CQE_SKIP_SUCCESS);
        sqe = entry();
        io_uring_prep_close_direct(sqe, slot);
        finish(sqe, Op::end, index, IOSQE_CQE_SKIP_SUCCESS);
    }

    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };

    const FloorOptions& options_;
    std::vector<Session> sessions_;  // by the client's slot
    io_uring ring_{};
    std::unique_ptr<uint8_t, Free> buffers_;
    io_uring_buf_ring* free_ = nullptr;
    int listener_ = -1;
};

}  // namespace neosocksd::bench
