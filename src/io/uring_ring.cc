// A ring takes restrictions only while it is disabled, and only once. Those on registering hold
// from the moment it is enabled: a ring of buffers may be registered and taken back, and the ring's
// own descriptor. Tested by uring_ring_test.cc.

#include "io/uring_ring.h"

#include <array>
#include <cerrno>
#include <cstddef>

#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"

namespace neosocksd::io {
namespace {

io_uring_restriction operation(unsigned code) {
    io_uring_restriction entry{};
    entry.opcode = IORING_RESTRICTION_SQE_OP;
    entry.sqe_op = static_cast<__u8>(code);
    return entry;
}

io_uring_restriction registration(unsigned code) {
    io_uring_restriction entry{};
    entry.opcode = IORING_RESTRICTION_REGISTER_OP;
    entry.register_op = static_cast<__u8>(code);
    return entry;
}

io_uring_restriction flags(unsigned allowed) {
    io_uring_restriction entry{};
    entry.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    entry.sqe_flags = static_cast<__u8>(allowed);
    return entry;
}

// Debian 12's liburing declares functions for both uses, but has none.
int register_at(const io_uring& ring, unsigned what, const void* entries, std::size_t count) {
    const long done = ::syscall(SYS_io_uring_register, ring.ring_fd, what, entries, count);
    return done < 0 ? -errno : 0;
}

int restrict_ring(io_uring& ring) {
    std::array allowed{
        operation(IORING_OP_RECV),
        operation(IORING_OP_SEND),
        operation(IORING_OP_CONNECT),
        operation(IORING_OP_ACCEPT),
        operation(IORING_OP_POLL_ADD),
        operation(IORING_OP_ASYNC_CANCEL),
        flags(IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS),
        registration(IORING_REGISTER_RING_FDS),
        registration(IORING_UNREGISTER_RING_FDS),
        registration(IORING_REGISTER_PBUF_RING),
        registration(IORING_UNREGISTER_PBUF_RING),
    };
    return register_at(ring, IORING_REGISTER_RESTRICTIONS, allowed.data(), allowed.size());
}

}  // namespace

int open_ring(io_uring& ring) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                   IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED;
    params.cq_entries = limits::kUringEntries * 4;
    int error = io_uring_queue_init_params(limits::kUringEntries, &ring, &params);
    if (error != 0) return error;
    error = restrict_ring(ring);
    if (error == 0) error = register_at(ring, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    if (error != 0) {
        io_uring_queue_exit(&ring);
        return error;
    }
    io_uring_register_ring_fd(&ring);
    return 0;
}

}  // namespace neosocksd::io
