// Listening on a Unix domain socket.
//
// A path that is a socket nobody accepts on is left over from a process that died, and is replaced;
// anything else that exists there is in use, or is not ours to remove. The socket may be used by
// its owner and group (0660); `give_to` makes those the user the process is about to become.
// The file is removed at the end, unless another socket has taken its place meanwhile.

#pragma once

#include <expected>
#include <string>

#include <sys/stat.h>
#include <sys/types.h>

#include "base/unix_address.h"

namespace neosocksd::net {

// The file of a bound socket. Removes it when destroyed.
class UnixSocketFile {
public:
    UnixSocketFile() = default;  // of an abstract name: none
    UnixSocketFile(std::string path, const struct stat& status)
        : path_(std::move(path)),
          device_(status.st_dev),
          inode_(status.st_ino),
          made_(status.st_mtim) {}
    UnixSocketFile(UnixSocketFile&& other) noexcept;
    UnixSocketFile& operator=(UnixSocketFile&& other) noexcept;
    ~UnixSocketFile() { remove(); }

    // -1 leaves the owner, or the group, as it is. Returns 0 or -errno.
    int give_to(uid_t user, gid_t group) const;
    // Fails silently: a directory that the process may not write to any more keeps the file, and
    // the next start replaces it.
    void remove();

private:
    bool is_ours() const;
    bool is_ours(const struct stat& status) const;

    std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
    timespec made_{};  // file systems give inode numbers away again, quickly
};

// A listening, non-blocking, close-on-exec descriptor; or a complete log line. Changes the umask
// for a moment: for the start of the program.
std::expected<int, std::string> listen_unix(const UnixAddress& address, UnixSocketFile& file);

}  // namespace neosocksd::net
