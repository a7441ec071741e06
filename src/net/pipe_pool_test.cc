#include "net/pipe_pool.h"

#include <algorithm>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "net/descriptors_fixture.h"

namespace neosocksd::net {
namespace {

using Pipes = std::vector<std::unique_ptr<Pipe>>;

void give_all_back(PipePool& pool, Pipes& pipes) {
    for (auto& pipe : pipes) pool.give_back(std::move(pipe));
    pipes.clear();
}

// Lets no descriptor be opened beyond those that are.
class NoDescriptors {
public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const int next = ::dup(0);
        ::close(next);
        rlimit none = before_;
        none.rlim_cur = static_cast<rlim_t>(next);
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

TEST(PipePoolTest, lends_a_pipe_of_the_size_the_kernel_says) {
    PipePool pool(4);
    auto pipe = pool.borrow();
    ASSERT_TRUE(pipe);
    EXPECT_GE(pipe->capacity, limits::kPipeUsefulBytes);
    EXPECT_EQ(pipe->held, 0u);
    EXPECT_EQ(::fcntl(pipe->write_fd, F_GETPIPE_SZ), static_cast<int>(pipe->capacity));
    EXPECT_TRUE(::fcntl(pipe->write_fd, F_GETFL) & O_NONBLOCK);
    EXPECT_TRUE(::fcntl(pipe->read_fd, F_GETFL) & O_NONBLOCK);
    EXPECT_TRUE(::fcntl(pipe->read_fd, F_GETFD) & FD_CLOEXEC);
    ASSERT_EQ(::write(pipe->write_fd, "x", 1), 1);
    char byte = 0;
    ASSERT_EQ(::read(pipe->read_fd, &byte, 1), 1);
    pool.give_back(std::move(pipe));
    EXPECT_EQ(pool.lent(), 0u);
}

TEST(PipePoolTest, lends_a_returned_pipe_again) {
    PipePool pool(4);
    auto pipe = pool.borrow();
    Pipe* const first = pipe.get();
    EXPECT_EQ(pool.lent(), 1u);
    pool.give_back(std::move(pipe));
    EXPECT_EQ(pool.pooled(), 1u);
    pipe = pool.borrow();
    EXPECT_EQ(pipe.get(), first);
    EXPECT_EQ(pool.pooled(), 0u);
    pool.give_back(std::move(pipe));
}

TEST(PipePoolTest, closes_a_pipe_that_still_holds_bytes) {
    const std::size_t before = open_descriptors();
    PipePool pool(4);
    auto pipe = pool.borrow();
    pipe->held = 1;
    pool.give_back(std::move(pipe));
    EXPECT_EQ(pool.lent(), 0u);
    EXPECT_EQ(pool.pooled(), 0u);
    EXPECT_EQ(open_descriptors(), before);
}

TEST(PipePoolTest, refuses_beyond_its_limit) {
    PipePool none(0);
    EXPECT_FALSE(none.borrow());
    EXPECT_EQ(none.lent(), 0u);
    PipePool pool(2);
    Pipes pipes;
    pipes.push_back(pool.borrow());
    pipes.push_back(pool.borrow());
    EXPECT_TRUE(pipes.back());
    EXPECT_FALSE(pool.borrow());
    EXPECT_EQ(pool.lent(), 2u);
    give_all_back(pool, pipes);
    EXPECT_TRUE(pool.borrow());
    pool.forget();  // the line above has closed it
}

TEST(PipePoolTest, makes_the_first_pipes_large) {
    PipePool pool(limits::kLargePipes + 1);
    Pipes pipes;
    for (std::size_t i = 0; i < limits::kLargePipes + 1; i++) pipes.push_back(pool.borrow());
    for (std::size_t i = 0; i < limits::kLargePipes; i++)
        EXPECT_EQ(pipes[i]->capacity, limits::kLargePipeBytes);
    EXPECT_EQ(pipes.back()->capacity, limits::kPipeBytes);
    // Those that come back leave their place to others.
    pool.give_back(std::move(pipes.front()));
    pipes.front() = pool.borrow();
    EXPECT_EQ(pipes.front()->capacity, limits::kLargePipeBytes);
    give_all_back(pool, pipes);
}

TEST(PipePoolTest, keeps_no_more_than_a_few) {
    const std::size_t before = open_descriptors();
    {
        PipePool pool(limits::kPipesPooled + 8);
        Pipes pipes;
        for (std::size_t i = 0; i < limits::kPipesPooled + 8; i++) {
            pipes.push_back(pool.borrow());
            ASSERT_TRUE(pipes.back());
        }
        give_all_back(pool, pipes);
        EXPECT_EQ(pool.lent(), 0u);
        EXPECT_EQ(pool.pooled(), limits::kPipesPooled);
        EXPECT_EQ(open_descriptors(), before + 2 * limits::kPipesPooled);
    }
    EXPECT_EQ(open_descriptors(), before);
}

TEST(PipePoolTest, counts_a_pipe_where_its_tunnel_is) {
    PipePool here(1);
    PipePool there(1);
    auto pipe = here.borrow();
    here.forget();
    there.adopt();
    EXPECT_EQ(here.lent(), 0u);
    EXPECT_EQ(there.lent(), 1u);
    EXPECT_FALSE(there.borrow());
    there.give_back(std::move(pipe));
    EXPECT_EQ(there.lent(), 0u);
}

TEST(PipePoolTest, does_not_try_at_every_call_while_descriptors_are_out) {
    PipePool pool(4);
    {
        const NoDescriptors none;
        EXPECT_FALSE(pool.borrow());
    }
    // There would be one now, but it is not asked for yet.
    EXPECT_FALSE(pool.borrow());
    std::unique_ptr<Pipe> pipe;
    int refused = 1;
    while (!(pipe = pool.borrow())) ASSERT_LT(++refused, 5000);
    EXPECT_GE(refused, 100);
    EXPECT_EQ(pool.lent(), 1u);
    pool.give_back(std::move(pipe));
}

TEST(PipePoolTest, lends_what_it_has_while_descriptors_are_out) {
    PipePool pool(4);
    pool.give_back(pool.borrow());
    const NoDescriptors none;
    auto pipe = pool.borrow();
    ASSERT_TRUE(pipe);
    EXPECT_FALSE(pool.borrow());
    pool.give_back(std::move(pipe));
    pipe = pool.borrow();
    EXPECT_TRUE(pipe);
    pool.give_back(std::move(pipe));
}

// fs.pipe-user-pages-soft: beyond it an unprivileged user gets pipes of a page or two.
TEST(PipePoolTest, takes_no_pipe_that_is_too_small_to_be_useful) {
    const std::size_t before = open_descriptors();
    // A thread of its own: capabilities are a thread's.
    std::thread([] {
        __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
        __user_cap_data_struct data[2] = {};
        ASSERT_EQ(::syscall(SYS_capset, &header, data), 0);
        rlimit descriptors{};
        ::getrlimit(RLIMIT_NOFILE, &descriptors);
        const std::size_t most = std::min<std::size_t>(descriptors.rlim_cur, 2000) / 2;
        PipePool pool(most);
        Pipes pipes;
        while (auto pipe = pool.borrow()) {
            EXPECT_GE(pipe->capacity, limits::kPipeUsefulBytes);
            pipes.push_back(std::move(pipe));
        }
        EXPECT_LT(pipes.size(), most);
        EXPECT_EQ(pool.lent(), pipes.size());
        give_all_back(pool, pipes);
    }).join();
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace neosocksd::net
