// Tested by unix_listener_test.cc and tests/e2e/test_unix.py.

#include "net/unix_listener.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/limits.h"

namespace neosocksd::net {
namespace {

constexpr mode_t kModeMask = 0117;  // leaves 0660
// Some of us that start together, each with a socket left over to look at.
constexpr std::chrono::milliseconds kLockWait = 4 * limits::kUnixLeftOverWait;
constexpr std::chrono::milliseconds kLockPause{10};

int open_unix_socket() {
    return ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// Two of us that start at one time must not each remove the other's socket: the directory is
// locked from the look at the old socket until the new one listens. Where it cannot be, we go
// without: whoever may read the directory may lock it as well, for as long as he likes.
int lock_directory(const std::string& path) {
    const auto slash = path.rfind('/');
    const std::string directory = slash == path.npos ? "." : path.substr(0, slash + 1);
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (auto left = kLockWait; fd >= 0 && left.count() > 0; left -= kLockPause) {
        if (::flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) break;
        ::poll(nullptr, 0, static_cast<int>(kLockPause.count()));
    }
    return fd;
}

std::string bind_error(int code) {
    return fmt::format("bind error: {}", std::strerror(code));
}

// Refused is the only proof that nobody listens; a full backlog (EAGAIN) is somebody's.
bool is_refused(const Descriptor& fd, const UnixAddress& address) {
    sockaddr_storage storage;
    const socklen_t length = address.to_sockaddr(storage);
    return fd.get() >= 0 &&
           ::connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0 &&
           errno == ECONNREFUSED;
}

// A process that was killed may leave its sockets to the kernel for some milliseconds, if its
// io_uring still held them. Our connection then hangs up, and the next one is refused.
bool is_left_over(const UnixAddress& address) {
    const Descriptor first(open_unix_socket());
    if (is_refused(first, address)) return true;
    pollfd hang_up{.fd = first.get(), .events = 0, .revents = 0};
    ::poll(&hang_up, 1, static_cast<int>(limits::kUnixLeftOverWait.count()));
    const Descriptor second(open_unix_socket());
    return is_refused(second, address);
}

// Empty if there is nothing, or nothing any more.
std::string clear_path(const UnixAddress& address) {
    struct stat status;
    if (::lstat(address.path.c_str(), &status) != 0)
        return errno == ENOENT ? std::string() : bind_error(errno);
    if (!S_ISSOCK(status.st_mode))
        return fmt::format("bind error: `{}' exists and is not a socket", address.path);
    if (!is_left_over(address)) return bind_error(EADDRINUSE);
    return ::unlink(address.path.c_str()) == 0 ? std::string() : bind_error(errno);
}

}  // namespace

UnixSocketFile::UnixSocketFile(UnixSocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_),
      made_(other.made_) {}

UnixSocketFile& UnixSocketFile::operator=(UnixSocketFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(device_, other.device_);
    std::swap(inode_, other.inode_);
    std::swap(made_, other.made_);
    return *this;
}

bool UnixSocketFile::is_ours() const {
    struct stat status;
    return !path_.empty() && ::lstat(path_.c_str(), &status) == 0 && is_ours(status);
}

bool UnixSocketFile::is_ours(const struct stat& status) const {
    return status.st_dev == device_ && status.st_ino == inode_ &&
           status.st_mtim.tv_sec == made_.tv_sec && status.st_mtim.tv_nsec == made_.tv_nsec;
}

int UnixSocketFile::give_to(uid_t user, gid_t group) const {
    // By descriptor: what is looked at is what changes hands, whoever may rename things in the
    // directory meanwhile, for instance another name of a file of root's.
    const Descriptor file(::open(path_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status;
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0 || !is_ours(status)) return 0;
    return ::fchownat(file.get(), "", user, group, AT_EMPTY_PATH) == 0 ? 0 : -errno;
}

void UnixSocketFile::remove() {
    if (is_ours()) ::unlink(path_.c_str());
    path_.clear();
}

std::expected<int, std::string> listen_unix(const UnixAddress& address, UnixSocketFile& file) {
    Descriptor fd(open_unix_socket());
    if (fd.get() < 0) return std::unexpected(fmt::format("socket: {}", std::strerror(errno)));
    const Descriptor lock(address.abstract ? -1 : lock_directory(address.path));
    if (!address.abstract) {
        const std::string obstacle = clear_path(address);
        if (!obstacle.empty()) return std::unexpected(obstacle);
    }
    sockaddr_storage storage;
    const socklen_t length = address.to_sockaddr(storage);
    const mode_t before = ::umask(kModeMask);
    const bool bound = ::bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) == 0;
    const int error = errno;
    ::umask(before);
    if (!bound) return std::unexpected(bind_error(error));
    if (!address.abstract) {
        struct stat status;
        if (::lstat(address.path.c_str(), &status) == 0)
            file = UnixSocketFile(address.path, status);
    }
    if (::listen(fd.get(), SOMAXCONN) != 0) return std::unexpected(bind_error(errno));
    return fd.release();
}

}  // namespace neosocksd::net
