// Tested by tokens_test.cc.

#include "api/tokens.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "base/descriptor.h"
#include "base/limits.h"
#include "proto/http_head.h"

namespace neosocksd::api {
namespace {

constexpr std::string_view kBlanks = " \t\r";

// What a header field can carry, in full; RFC 6750 allows less, and generators may use more.
bool is_token_text(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string_view take_word(std::string_view& line) {
    const auto begin = std::min(line.find_first_not_of(kBlanks), line.size());
    line.remove_prefix(begin);
    const auto end = std::min(line.find_first_of(kBlanks), line.size());
    const auto word = line.substr(0, end);
    line.remove_prefix(end);
    return word;
}

// Looks at every byte whatever it finds. The length of a token is no secret.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    volatile unsigned char difference = 0;
    for (std::size_t i = 0; i < a.size(); i++)
        difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
    return difference == 0;
}

std::unexpected<std::string> system_error() {
    return std::unexpected<std::string>(std::strerror(errno));
}

}  // namespace

std::expected<Tokens, std::string> Tokens::parse(std::string_view text) {
    Tokens tokens;
    for (int number = 1; !text.empty(); number++) {
        const auto end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::string_view first = take_word(line);
        if (first.empty() || first.starts_with('#')) continue;
        const std::string_view second = take_word(line);
        Token token{std::string(second.empty() ? first : second), Role::admin};
        if (!second.empty() && first == "read")
            token.role = Role::read;
        else if (!second.empty() && first != "admin")
            return std::unexpected(fmt::format("line {}: neither `read' nor `admin'", number));
        // A file that lost its tokens must not make one of the word itself.
        if (second.empty() && (first == "read" || first == "admin"))
            return std::unexpected(fmt::format("line {}: no token", number));
        if (!take_word(line).empty())
            return std::unexpected(fmt::format("line {}: words after the token", number));
        if (!is_token_text(token.text))
            return std::unexpected(fmt::format("line {}: bytes that no token has", number));
        tokens.tokens_.push_back(std::move(token));
    }
    if (tokens.empty()) return std::unexpected("no token in it");
    return tokens;
}

std::optional<Role> Tokens::role_of(std::string_view authorization) const {
    const std::string_view scheme = take_word(authorization);
    const std::string_view presented = take_word(authorization);
    if (!proto::equal_ignoring_case(scheme, "Bearer")) return std::nullopt;
    std::optional<Role> role;
    for (const Token& token : tokens_)
        if (equal_in_constant_time(token.text, presented) && role != Role::admin) role = token.role;
    return role;
}

std::expected<TokenFile, std::string> load_tokens(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status{};
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return system_error();
    std::string text;
    char buffer[4096];
    for (;;) {
        const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error();
        if (got == 0) break;
        text.append(buffer, static_cast<std::size_t>(got));
        if (text.size() > limits::kTokenFileBytes)
            return std::unexpected(fmt::format("larger than {} bytes", limits::kTokenFileBytes));
    }
    auto tokens = Tokens::parse(text);
    if (!tokens) return std::unexpected(tokens.error());
    return TokenFile{std::move(*tokens), (status.st_mode & S_IROTH) != 0};
}

}  // namespace neosocksd::api
