// DEFLATE in the containers that the program meets: zlib (RFC 1950, the "deflate" of HTTP) and gzip
// (RFC 1952). Used by the Lua module `zlib`, by Content-Encoding of the API, and by RPC.
//
// Decoding has a bound on its output, because a kilobyte may become a megabyte, and verifies the
// checksum of the container. Raw DEFLATE, which some HTTP peers send instead, has none.

#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace neosocksd {

enum class Format {
    zlib,
    gzip,         // any number of members, also none: "" is ""
    zlib_or_raw,  // decodes either; encodes zlib
};

enum class InflateError {
    corrupt,    // not this format, or damaged
    checksum,   // decoded, but the checksum or the length is another
    truncated,  // ends before its end
    too_large,  // more than the limit
};

// What to tell a user: "corrupt data", "checksum mismatch" ...
const char* to_string(InflateError error);

// Decodes at most `limit` bytes. Bytes after the end of a zlib stream are ignored; what follows a
// gzip member must be another one. Throws std::bad_alloc only.
std::expected<std::string, InflateError> inflate(std::string_view data, Format format,
                                                 std::size_t limit);

// Encodes at zlib's default level. Throws std::bad_alloc only.
std::string deflate(std::string_view data, Format format);

}  // namespace neosocksd
