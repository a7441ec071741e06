// Bearer tokens for the API (--api-token-file, RFC 6750).
//
// The file has one token a line: "read TOKEN" may look, "admin TOKEN" or a bare TOKEN may do
// everything. Empty lines and those that begin with '#' are skipped. Tokens are compared in time
// that does not tell how much of one was right.

#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neosocksd::api {

enum class Role : unsigned char { read, admin };

class Tokens {
public:
    // No tokens: everybody may do everything.
    Tokens() = default;
    // The error says what is wrong with which line.
    static std::expected<Tokens, std::string> parse(std::string_view text);

    bool empty() const { return tokens_.empty(); }
    // What the value of an Authorization field entitles to; nothing if it is not one of ours.
    std::optional<Role> role_of(std::string_view authorization) const;

private:
    struct Token {
        std::string text;
        Role role;
    };
    std::vector<Token> tokens_;
};

struct TokenFile {
    Tokens tokens;
    bool world_readable = false;
};
// Reads the file; the error is a message without the file's name.
std::expected<TokenFile, std::string> load_tokens(const std::string& path);

}  // namespace neosocksd::api
