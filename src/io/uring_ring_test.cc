// What a ring of ours does, and what it refuses whoever asks.

#include "io/uring_ring.h"

#include <cerrno>
#include <functional>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace neosocksd::io {
namespace {

class UringRingTest : public testing::Test {
protected:
    UringRingTest() {
        EXPECT_EQ(open_ring(ring_), 0);
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair_), 0);
    }
    ~UringRingTest() override {
        io_uring_queue_exit(&ring_);
        for (const int fd : pair_) ::close(fd);
    }

    int result_of(const std::function<void(io_uring_sqe*)>& prepare) {
        prepare(io_uring_get_sqe(&ring_));
        EXPECT_EQ(io_uring_submit_and_wait(&ring_, 1), 1);
        io_uring_cqe* completion = nullptr;
        EXPECT_EQ(io_uring_peek_cqe(&ring_, &completion), 0);
        const int result = completion->res;
        io_uring_cqe_seen(&ring_, completion);
        return result;
    }

    io_uring ring_{};
    int pair_[2]{};
};

TEST_F(UringRingTest, sends_and_receives) {
    char byte = 'x';
    EXPECT_EQ(result_of([&](auto* sqe) { io_uring_prep_send(sqe, pair_[0], &byte, 1, 0); }), 1);
    EXPECT_EQ(result_of([&](auto* sqe) { io_uring_prep_recv(sqe, pair_[1], &byte, 1, 0); }), 1);
}

TEST_F(UringRingTest, refuses_files_sockets_and_whatever_else_a_ring_can_do) {
    char byte = 'x';
    EXPECT_EQ(result_of([&](auto* sqe) {
                  io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
              }),
              -EACCES);
    EXPECT_EQ(result_of([&](auto* sqe) { io_uring_prep_socket(sqe, AF_INET, SOCK_STREAM, 0, 0); }),
              -EACCES);
    EXPECT_EQ(result_of([&](auto* sqe) { io_uring_prep_read(sqe, pair_[0], &byte, 1, 0); }),
              -EACCES);
    EXPECT_EQ(result_of([&](auto* sqe) { io_uring_prep_unlink(sqe, "/nowhere", 0); }), -EACCES);
    EXPECT_EQ(result_of([&](auto* sqe) { io_uring_prep_nop(sqe); }), -EACCES);
    EXPECT_EQ(result_of([&](auto* sqe) {
                  io_uring_prep_recv(sqe, pair_[1], &byte, 1, 0);
                  sqe->flags |= IOSQE_IO_LINK;
              }),
              -EACCES);
}

TEST_F(UringRingTest, takes_no_files_and_no_wider_restrictions) {
    EXPECT_EQ(io_uring_register_files(&ring_, pair_, 2), -EACCES);
    io_uring_restriction more{};
    more.opcode = IORING_RESTRICTION_SQE_OP;
    more.sqe_op = IORING_OP_OPENAT;
    EXPECT_LT(
        ::syscall(SYS_io_uring_register, ring_.ring_fd, IORING_REGISTER_RESTRICTIONS, &more, 1), 0);
}

}  // namespace
}  // namespace neosocksd::io
