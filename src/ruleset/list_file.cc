// Tested by list_file_test.cc and fuzz/fuzz_list_file.cc.

#include "ruleset/list_file.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include <fmt/format.h>

#include "base/descriptor.h"

namespace neosocksd::ruleset {
namespace {

constexpr unsigned kReadBytes = 128 * 1024;

struct CloseGzip {
    void operator()(gzFile file) const { gzclose_r(file); }
};
using GzipFile = std::unique_ptr<gzFile_s, CloseGzip>;

std::unexpected<std::string> file_error(const std::string& path, const char* reason) {
    return std::unexpected(fmt::format("{}: {}", path, reason));
}

// zlib reads what is not compressed as it is.
Parsed<GzipFile> open_list(const std::string& path) {
    // Should it be a pipe, do not wait for somebody to write into it.
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status;
    if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0)
        return file_error(path, std::strerror(errno));
    if (!S_ISREG(status.st_mode)) return file_error(path, "not a regular file");
    GzipFile file(gzdopen(fd.get(), "r"));
    if (!file) return file_error(path, "out of memory");
    fd.release();
    gzbuffer(file.get(), kReadBytes);
    return file;
}

}  // namespace

Parsed<void> ListLines::feed(std::string_view bytes) {
    for (;;) {
        const auto end = bytes.find('\n');
        const std::string_view piece = bytes.substr(0, end);
        if (partial_.size() + piece.size() > limits::kListLineBytes)
            return std::unexpected(fmt::format("{}: the line is longer than {} bytes", line_ + 1,
                                               limits::kListLineBytes));
        if (end == bytes.npos) {
            partial_ += piece;
            return {};
        }
        if (partial_.empty()) {
            if (auto taken = take_line(piece); !taken) return taken;
        } else {
            partial_ += piece;
            if (auto taken = take_line(partial_); !taken) return taken;
            partial_.clear();
        }
        bytes.remove_prefix(end + 1);
    }
}

Parsed<void> ListLines::finish() {
    const std::string last = std::exchange(partial_, {});
    return last.empty() ? Parsed<void>{} : take_line(last);
}

Parsed<void> ListLines::take_line(std::string_view line) {
    constexpr std::string_view kBlanks = " \t\r\f\v", kByteOrderMark = "\xef\xbb\xbf";
    line_++;
    if (line_ == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
    line = line.substr(0, line.find('#'));
    const auto first = line.find_first_not_of(kBlanks);
    if (first == line.npos) return {};
    const auto last = line.find_last_not_of(kBlanks);
    auto taken = sink_(line.substr(first, last + 1 - first));
    if (taken) return {};
    return std::unexpected(fmt::format("{}: {}", line_, taken.error()));
}

Parsed<void> read_list_file(const std::string& path, const EntrySink& sink) {
    auto file = open_list(path);
    if (!file) return std::unexpected(std::move(file).error());
    ListLines lines(sink);
    const auto in_file = [&path](std::string error) -> Parsed<void> {
        return std::unexpected(path + ':' + error);
    };
    std::array<char, kReadBytes> buffer;
    std::size_t total = 0;
    for (;;) {
        errno = 0;
        const int got = gzread(file->get(), buffer.data(), buffer.size());
        int code = Z_OK;
        const char* reason = gzerror(file->get(), &code);
        // A file that was cut short is told from one that ended by the code alone.
        if (got < 0 || code == Z_BUF_ERROR || code == Z_DATA_ERROR)
            return file_error(path, code == Z_ERRNO ? std::strerror(errno) : reason);
        if (got == 0) break;
        total += static_cast<std::size_t>(got);
        if (total > limits::kListFileBytes) return file_error(path, "the list is too long");
        auto taken = lines.feed({buffer.data(), static_cast<std::size_t>(got)});
        if (!taken) return in_file(std::move(taken).error());
    }
    auto taken = lines.finish();
    return taken ? Parsed<void>{} : in_file(std::move(taken).error());
}

EntrySink domain_sink(DomainSet::Builder& builder) {
    return [&builder](std::string_view entry) { return add_domain_line(entry, builder); };
}

namespace {

template <typename Set>
EntrySink subnet_sink_of(Set& set, bool v4) {
    return [&set, v4](std::string_view entry) -> Parsed<void> {
        const auto subnet = parse_subnet(entry, true);
        if (!subnet) return std::unexpected(subnet.error());
        if (subnet->ip.is_v4() == v4) add_subnet(set, *subnet);
        return {};
    };
}

template <typename Set>
Parsed<Set> load_subnets(const std::string& path) {
    Set set;
    auto read = read_list_file(path, subnet_sink(set));
    if (!read) return std::unexpected(std::move(read).error());
    set.seal();
    return set;
}

}  // namespace

EntrySink subnet_sink(PrefixSet4& set) {
    return subnet_sink_of(set, true);
}
EntrySink subnet_sink(PrefixSet6& set) {
    return subnet_sink_of(set, false);
}

Parsed<DomainSet> load_domain_file(const std::string& path) {
    DomainSet::Builder builder;
    auto read = read_list_file(path, domain_sink(builder));
    if (!read) return std::unexpected(std::move(read).error());
    return builder.build();
}

Parsed<PrefixSet4> load_subnet_file(const std::string& path) {
    return load_subnets<PrefixSet4>(path);
}

Parsed<PrefixSet6> load_subnet6_file(const std::string& path) {
    return load_subnets<PrefixSet6>(path);
}

}  // namespace neosocksd::ruleset
