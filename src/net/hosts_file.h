// The names of the hosts file, kept in memory: a lookup reads no file. A change of the file is
// noticed within a second.
//
// `localhost` and names below it are this host even if the file does not say so (RFC 6761).

#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "io/timer.h"

namespace neosocksd::net {

class HostsFile {
public:
    explicit HostsFile(std::string path) : path_(std::move(path)) {}

    // The addresses of `family` (AF_UNSPEC: both) in the order of the file, none if the name is
    // not in it. `name` is in lower case; a dot at its end is ignored.
    std::vector<IpAddress> find(const std::string& name, int family, io::TimePoint now);

private:
    struct Stamp {
        std::uint64_t inode = 0;
        std::int64_t size = -1;
        std::time_t seconds = 0;
        long nanoseconds = 0;
        bool operator==(const Stamp&) const = default;
    };

    void refresh(io::TimePoint now);
    void parse(std::string_view text);

    std::string path_;
    std::unordered_map<std::string, std::vector<IpAddress>> names_;
    Stamp stamp_;
    io::TimePoint checked_{};
    bool loaded_ = false;
};

}  // namespace neosocksd::net
