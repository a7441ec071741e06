// --pidfile: a file that holds the process id while the process runs.
//
// It is opened and locked at the start, as the starting user, so that a second instance and a bad
// path are errors before anything else happens; written when the process is up, through the open
// descriptor; and removed at the end. A process that may not write to the directory any more (-u)
// empties the file instead, and the next start takes it over: whether a file is stale is known by
// its lock, not by its content.
//
// Symbolic links are refused, and so are files that are not ours alone: otherwise whoever may write
// to the directory could have us overwrite another file.

#pragma once

#include <expected>
#include <string>

namespace neosocksd::app {

class PidFile {
public:
    // The error is a complete log line.
    static std::expected<PidFile, std::string> open(const std::string& path);

    PidFile() = default;  // none
    PidFile(PidFile&& other) noexcept;
    PidFile& operator=(PidFile&& other) noexcept;
    ~PidFile();

    // This process's id. Returns 0 or -errno.
    int write();

private:
    PidFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

    std::string path_;
    int fd_ = -1;
};

}  // namespace neosocksd::app
