// Reading a script: text, a precompiled chunk, either gzip-compressed, or the standard input.

#pragma once

#include <expected>
#include <string>

namespace neosocksd::ruleset {

// What Lua's loader is to be given. A UTF-8 byte order mark is gone; of a first line that begins
// with `#` the line end is left, so that line numbers stay. `path` "-" is the standard input. The
// error is a message that names the file.
std::expected<std::string, std::string> read_script(const std::string& path);

// How messages name the script: "@PATH", or "=stdin".
std::string chunk_name(const std::string& path);

}  // namespace neosocksd::ruleset
