// Tested by token_test.cc.

#include "ctl/token.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "api/tokens.h"
#include "base/descriptor.h"

namespace neosocksd::ctl {
namespace {

std::string_view take_until(std::string_view& text, std::string_view ends) {
    const auto size = std::min(text.find_first_of(ends), text.size());
    const auto part = text.substr(0, size);
    text.remove_prefix(std::min(size + 1, text.size()));
    return part;
}

std::string_view take_word(std::string_view& line) {
    std::string_view word;
    while (word.empty() && !line.empty()) word = take_until(line, " \t\r");
    return word;
}

}  // namespace

std::expected<std::string, std::string> choose_token(std::string_view text) {
    // The server's own parser says what is wrong with it.
    if (const auto tokens = api::Tokens::parse(text); !tokens)
        return std::unexpected(tokens.error());
    std::string_view reader;
    while (!text.empty()) {
        std::string_view line = take_until(text, "\n");
        const std::string_view first = take_word(line);
        const std::string_view second = take_word(line);
        if (first.empty() || first.starts_with('#')) continue;
        if (first != "read" || second.empty()) return std::string(second.empty() ? first : second);
        if (reader.empty()) reader = second;
    }
    return std::string(reader);
}

std::expected<std::string, std::string> read_text(const std::string& path, std::size_t max_bytes) {
    const auto fail = [&] {
        return std::unexpected(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    };
    const bool standard_input = path == "-";
    const Descriptor file(standard_input ? -1 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const int fd = standard_input ? STDIN_FILENO : file.get();
    if (fd < 0) return fail();
    std::string text;
    char buffer[16384];
    for (;;) {
        const ssize_t got = ::read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail();
        if (got == 0) return text;
        text.append(buffer, static_cast<std::size_t>(got));
        if (text.size() > max_bytes)
            return std::unexpected(fmt::format("{} is larger than {} bytes", path, max_bytes));
    }
}

}  // namespace neosocksd::ctl
