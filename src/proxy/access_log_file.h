// The file of the access log: opened with care, appended to in whole lines.
//
// The names of clients and of what they visit are nobody else's business: mode 0640, and where
// everybody may create files (a world-writable directory such as /tmp), no symbolic link is
// followed and only a file of our own with no other name is used, since anybody could have planted
// them there: we open it with root's rights. Elsewhere a link is the administrator's and is
// followed, because logs are moved to other disks that way.
// Tested by access_log_file_test.cc.

#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace neosocksd::proxy {

class AccessLogFile {
public:
    // "-" is standard output. On failure the reason, for the log.
    static std::expected<AccessLogFile, std::string> open(const std::string& path);

    AccessLogFile(AccessLogFile&& other) noexcept;
    AccessLogFile& operator=(AccessLogFile&& other) noexcept;
    ~AccessLogFile();

    // Appends `lines`, and takes from its front what has been written. Returns 0 or -errno. May
    // stop within a line, and goes on there when called again.
    int append(std::string_view& lines);

    int fd() const { return fd_; }
    // It did not exist before open().
    bool created() const { return created_; }

private:
    AccessLogFile(int fd, bool owned, bool created);

    int fd_ = -1;
    bool owned_ = true;  // not standard output
    bool created_ = false;
    bool regular_ = false;  // writes to anything else are only atomic up to PIPE_BUF
};

}  // namespace neosocksd::proxy
