// The token that --token-file gives: the file may be the server's own (api/tokens.h), or hold
// nothing but the token.

#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace neosocksd::ctl {

// The first token that may do everything; without one, the first at all.
std::expected<std::string, std::string> choose_token(std::string_view text);

// Reads a file, "-" for the standard input; at most so many bytes. The error names it.
std::expected<std::string, std::string> read_text(const std::string& path, std::size_t max_bytes);

}  // namespace neosocksd::ctl
