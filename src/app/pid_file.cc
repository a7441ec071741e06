// Tested by pid_file_test.cc and tests/e2e/test_daemon.py.

#include "app/pid_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace neosocksd::app {
namespace {

// A file that is removed between our open and our lock makes us try again: so often at most.
constexpr int kTries = 8;

std::unexpected<std::string> refuse(const std::string& path, const std::string& why) {
    return std::unexpected(fmt::format("pid file `{}': {}", path, why));
}

bool is_at(const struct stat& file, const std::string& path) {
    struct stat there;
    return ::lstat(path.c_str(), &there) == 0 && there.st_dev == file.st_dev &&
           there.st_ino == file.st_ino;
}

// Empty if it may be overwritten.
std::string objection(const struct stat& file) {
    if (!S_ISREG(file.st_mode)) return "is not a regular file";
    if (file.st_uid != ::geteuid()) return "belongs to somebody else";
    if (file.st_nlink > 1) return "has another name";
    return {};
}

std::string owner_text(int fd) {
    char digits[16];
    const ssize_t got = ::pread(fd, digits, sizeof digits, 0);
    std::string pid(digits, got > 0 ? static_cast<std::size_t>(got) : 0);
    pid.erase(std::min(pid.find_first_not_of("0123456789"), pid.size()));
    return pid.empty() ? std::string() : " with pid " + pid;
}

int open_new_or_old(const char* path) {
    constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_NONBLOCK;
    const int fd = ::open(path, kFlags | O_CLOEXEC | O_CREAT | O_EXCL, 0644);
    if (fd >= 0 || errno != EEXIST) return fd;
    return ::open(path, kFlags | O_CLOEXEC);
}

}  // namespace

std::expected<PidFile, std::string> PidFile::open(const std::string& path) {
    for (int i = 0; i < kTries; i++) {
        const int fd = open_new_or_old(path.c_str());
        if (fd < 0 && errno == ELOOP) return refuse(path, "is a symbolic link");
        if (fd < 0 && errno == ENOENT && i + 1 < kTries) continue;
        if (fd < 0) return refuse(path, std::strerror(errno));
        PidFile file("", fd);  // closes it
        struct stat status;
        if (::fstat(fd, &status) != 0) return refuse(path, std::strerror(errno));
        if (const std::string why = objection(status); !why.empty()) return refuse(path, why);
        // flock(2), not fcntl(2): the lock must survive the forks of -d.
        if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
            return refuse(path, errno == EWOULDBLOCK
                                    ? fmt::format("an instance is running{}", owner_text(fd))
                                    : std::strerror(errno));
        if (!is_at(status, path)) continue;
        file.path_ = path;
        return file;
    }
    return refuse(path, "disappears while we open it");
}

PidFile::PidFile(PidFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), fd_(std::exchange(other.fd_, -1)) {}

PidFile& PidFile::operator=(PidFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    return *this;
}

PidFile::~PidFile() {
    if (fd_ < 0) return;
    if (!path_.empty()) {  // else it was refused
        struct stat status;
        const bool removed =
            ::fstat(fd_, &status) == 0 && is_at(status, path_) && ::unlink(path_.c_str()) == 0;
        if (!removed) [[maybe_unused]]
            const int emptied = ::ftruncate(fd_, 0);
    }
    ::close(fd_);
}

int PidFile::write() {
    if (fd_ < 0) return 0;
    const std::string text = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd_, 0) != 0) return -errno;
    const ssize_t written = ::pwrite(fd_, text.data(), text.size(), 0);
    if (written < 0) return -errno;
    return static_cast<std::size_t>(written) == text.size() ? 0 : -ENOSPC;
}

}  // namespace neosocksd::app
