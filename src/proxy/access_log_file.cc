// Tested by access_log_file_test.cc.

#include "proxy/access_log_file.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace neosocksd::proxy {
namespace {

constexpr mode_t kMode = 0640;

struct Place {
    std::string directory;
    std::string name;
};

Place split(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return {".", path};
    return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// Empty if it may be written to.
std::string objection(const struct stat& file) {
    if (!S_ISREG(file.st_mode)) return "is not a regular file, in a directory open to everybody";
    if (file.st_uid != ::geteuid()) return "belongs to somebody else";
    if (file.st_nlink > 1) return "has another name";
    return {};
}

// The longest beginning that ends in a line end and is no longer than a pipe takes in one piece;
// or one line. Whoever else writes to the pipe (our own log) can then not cut a line in two.
std::size_t piece_for_pipe(std::string_view lines) {
    const auto last = lines.substr(0, PIPE_BUF).rfind('\n');
    if (last != std::string_view::npos) return last + 1;
    const auto first = lines.find('\n');
    return first == std::string_view::npos ? lines.size() : first + 1;
}

}  // namespace

std::expected<AccessLogFile, std::string> AccessLogFile::open(const std::string& path) {
    if (path == "-") return AccessLogFile(STDOUT_FILENO, false, false);
    const auto [directory, name] = split(path);
    const int at = ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0) return std::unexpected(std::strerror(errno));
    struct stat status;
    const bool everybodys = ::fstat(at, &status) != 0 || (status.st_mode & S_IWOTH) != 0;
    // Without O_NONBLOCK a FIFO that nobody reads would hold us up.
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
                      (everybodys ? O_NOFOLLOW : 0);
    bool created = true;
    int fd = ::openat(at, name.c_str(), flags | O_EXCL, kMode);
    if (fd < 0 && errno == EEXIST) {
        created = false;
        fd = ::openat(at, name.c_str(), flags, kMode);
    }
    const int error = errno;
    ::close(at);
    if (fd < 0 && error == ELOOP && everybodys)
        return std::unexpected("is a symbolic link in a directory open to everybody");
    if (fd < 0) return std::unexpected(std::strerror(error));
    AccessLogFile file(fd, true, created);
    if (::fstat(fd, &status) != 0) return std::unexpected(std::strerror(errno));
    if (everybodys)
        if (std::string why = objection(status); !why.empty()) return std::unexpected(why);
    ::fcntl(fd, F_SETFL, O_APPEND);
    return file;
}

AccessLogFile::AccessLogFile(int fd, bool owned, bool created)
    : fd_(fd), owned_(owned), created_(created) {
    struct stat status;
    regular_ = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

AccessLogFile::AccessLogFile(AccessLogFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      owned_(other.owned_),
      created_(other.created_),
      regular_(other.regular_) {}

AccessLogFile& AccessLogFile::operator=(AccessLogFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(owned_, other.owned_);
    std::swap(created_, other.created_);
    std::swap(regular_, other.regular_);
    return *this;
}

AccessLogFile::~AccessLogFile() {
    if (owned_ && fd_ >= 0) ::close(fd_);
}

int AccessLogFile::append(std::string_view& lines) {
    while (!lines.empty()) {
        const std::size_t size = regular_ ? lines.size() : piece_for_pipe(lines);
        const ssize_t written = ::write(fd_, lines.data(), size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -errno;
        lines.remove_prefix(static_cast<std::size_t>(written));
    }
    return 0;
}

}  // namespace neosocksd::proxy
