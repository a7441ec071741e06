#include "net/unix_listener.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/bind_listener.h"

namespace neosocksd::net {
namespace {

namespace fs = std::filesystem;

class UnixListenerTest : public testing::Test {
protected:
    UnixListenerTest() {
        char name[] = "/tmp/unix_listener_test.XXXXXX";
        directory_ = ::mkdtemp(name);
        path_ = directory_ / "socket";
        address_.path = path_;
    }
    ~UnixListenerTest() override { fs::remove_all(directory_); }

    std::string refusal() {
        UnixSocketFile file;
        const auto fd = listen_unix(address_, file);
        if (fd) ::close(*fd);
        return fd ? "no refusal" : fd.error();
    }

    fs::path directory_;
    fs::path path_;
    UnixAddress address_;
};

TEST_F(UnixListenerTest, makes_a_socket_for_owner_and_group_and_removes_it) {
    const mode_t before = ::umask(0);
    {
        UnixSocketFile file;
        const auto fd = listen_unix(address_, file);
        ASSERT_TRUE(fd) << fd.error();
        struct stat status;
        ASSERT_EQ(::lstat(path_.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode, mode_t{S_IFSOCK | 0660});
        EXPECT_EQ(::umask(0), 0u);
        ::close(*fd);
    }
    ::umask(before);
    EXPECT_FALSE(fs::exists(path_));
}

TEST_F(UnixListenerTest, replaces_a_socket_that_nobody_listens_on) {
    UnixSocketFile old;
    const auto dead = listen_unix(address_, old);
    ASSERT_TRUE(dead);
    ::close(*dead);
    ASSERT_TRUE(fs::exists(path_));
    UnixSocketFile file;
    const auto fd = listen_unix(address_, file);
    ASSERT_TRUE(fd) << fd.error();
    old.remove();  // it is not the old one's any more
    EXPECT_TRUE(fs::exists(path_));
    ::close(*fd);
}

TEST_F(UnixListenerTest, is_not_kept_waiting_by_who_locks_the_directory) {
    const int somebody = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_EQ(::flock(somebody, LOCK_EX), 0);
    UnixSocketFile file;
    const auto fd = listen_unix(address_, file);
    ASSERT_TRUE(fd) << fd.error();
    ::close(*fd);
    ::close(somebody);
}

TEST_F(UnixListenerTest, refuses_a_path_in_use_or_of_another_kind) {
    UnixSocketFile file;
    const auto fd = listen_unix(address_, file);
    ASSERT_TRUE(fd);
    EXPECT_EQ(refusal(), "bind error: Address already in use");
    ::close(*fd);
    file.remove();
    std::ofstream(path_) << "precious";
    EXPECT_EQ(refusal(), "bind error: `" + path_.string() + "' exists and is not a socket");
    fs::remove(path_);
    fs::create_symlink("elsewhere", path_);
    EXPECT_EQ(refusal(), "bind error: `" + path_.string() + "' exists and is not a socket");
    address_.path = directory_ / "no" / "socket";
    EXPECT_EQ(refusal(), "bind error: No such file or directory");
}

TEST_F(UnixListenerTest, binds_abstract_names) {
    const std::string name = "unix:@neosocksd-listener-test-" + std::to_string(::getpid());
    const auto first = bind_listener(name, {});
    ASSERT_TRUE(first) << first.error().reason;
    EXPECT_EQ(first->name(), name);
    EXPECT_FALSE(first->has_endpoint());
    EXPECT_FALSE(first->shared());
    const auto second = bind_listener(name, {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().reason, "bind error: Address already in use");
}

TEST_F(UnixListenerTest, is_one_socket_for_all_workers) {
    auto sockets = bind_listener("unix:" + path_.string(), {.sockets = 3});
    ASSERT_TRUE(sockets) << sockets.error().reason;
    EXPECT_EQ(sockets->size(), 3u);
    EXPECT_TRUE(sockets->shared());
    struct stat first, last;
    const int a = sockets->take(0);
    const int c = sockets->take(2);
    ASSERT_EQ(::fstat(a, &first), 0);
    ASSERT_EQ(::fstat(c, &last), 0);
    EXPECT_EQ(first.st_ino, last.st_ino);
    const auto file = sockets->take_file();
    EXPECT_TRUE(fs::exists(path_));
    ::close(a);
    ::close(c);
}

TEST_F(UnixListenerTest, a_path_that_is_too_long_is_a_bad_address) {
    const auto sockets = bind_listener("unix:/" + std::string(107, 'x'), {});
    ASSERT_FALSE(sockets);
    EXPECT_TRUE(sockets.error().bad_address);
}

}  // namespace
}  // namespace neosocksd::net
