// Tested by hosts_file_test.cc.

#include "net/hosts_file.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"

namespace neosocksd::net {
namespace {

constexpr std::chrono::seconds kCheckInterval{1};

bool is_of(const IpAddress& address, int family) {
    return family == AF_UNSPEC || (family == AF_INET) == address.is_v4();
}

bool is_localhost(std::string_view name) {
    return name == "localhost" || name.ends_with(".localhost");
}

std::string_view next_word(std::string_view& line) {
    constexpr std::string_view kBlanks = " \t\r\f\v";
    const auto start = std::min(line.find_first_not_of(kBlanks), line.size());
    const auto end = std::min(line.find_first_of(kBlanks, start), line.size());
    const std::string_view word = line.substr(start, end - start);
    line.remove_prefix(end);
    return word;
}

std::string lower(std::string_view name) {
    std::string result(name);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

// At most kHostsFileBytes, cut after the last whole line.
std::string read_text(int fd) {
    std::string text;
    char buffer[64 * 1024];
    while (text.size() <= limits::kHostsFileBytes) {
        const ssize_t got = ::read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return text;
        text.append(buffer, static_cast<std::size_t>(got));
    }
    LOG_WARNING("hosts file: only the first {} bytes are used", limits::kHostsFileBytes);
    text.resize(limits::kHostsFileBytes);
    const auto last = text.rfind('\n');
    text.resize(last == std::string::npos ? 0 : last);
    return text;
}

}  // namespace

std::vector<IpAddress> HostsFile::find(const std::string& name, int family, io::TimePoint now) {
    if (name.ends_with('.')) return find(name.substr(0, name.size() - 1), family, now);
    refresh(now);
    std::vector<IpAddress> result;
    const auto found = names_.find(name);
    if (found != names_.end())
        std::copy_if(found->second.begin(), found->second.end(), std::back_inserter(result),
                     [&](const IpAddress& address) { return is_of(address, family); });
    if (result.empty() && is_localhost(name)) {
        if (family != AF_INET6) result.push_back(IpAddress::v4({127, 0, 0, 1}));
        if (family != AF_INET)
            result.push_back(IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
    }
    return result;
}

void HostsFile::refresh(io::TimePoint now) {
    if (loaded_ && now - checked_ < kCheckInterval) return;
    checked_ = now;
    struct stat status{};
    Stamp stamp;
    // Not blocking: the name might be a pipe's.
    const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && ::fstat(fd, &status) == 0)
        stamp = {status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
    if (!loaded_ || stamp != stamp_) {
        names_.clear();
        if (fd >= 0) parse(read_text(fd));
        stamp_ = stamp;
        loaded_ = true;
    }
    if (fd >= 0) ::close(fd);
}

void HostsFile::parse(std::string_view text) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        line = line.substr(0, line.find('#'));
        const auto address = IpAddress::parse(next_word(line));
        if (!address) continue;
        for (auto name = next_word(line); !name.empty(); name = next_word(line)) {
            auto& addresses = names_[lower(name)];
            const bool known =
                std::find(addresses.begin(), addresses.end(), *address) != addresses.end();
            if (!known && addresses.size() < limits::kResolverAddresses)
                addresses.push_back(*address);
        }
    }
}

}  // namespace neosocksd::net
