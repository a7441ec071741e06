// Content-Encoding, both ways: which codings a message names, and the body under them (RFC 9110
// sections 8.4 and 12.5.3).

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/compress.h"
#include "proto/http_head.h"

namespace neosocksd::api {

enum class Coding : std::uint8_t { identity, deflate, gzip };

// What Content-Encoding says; nullopt: a coding that we do not know, or several on top of each
// other.
std::optional<Coding> content_coding(const proto::Fields& fields);

// What Accept-Encoding lets us send: deflate, which old peers know, before gzip. What is listed
// with q=0 is refused; "*" stands for whatever is not listed.
Coding accepted_coding(const proto::Fields& fields);
// Whether Accept asks for JSON by name (RFC 9110 section 12.5.1): "*/*" is what everybody sends.
bool accepts_json(const proto::Fields& fields);

std::string_view coding_name(Coding coding);  // "deflate", "gzip"

// "deflate" is zlib by the book, raw DEFLATE from some peers; either is accepted. At most
// limits::kInflatedBytes.
std::expected<std::string, InflateError> decode_body(std::string body, Coding coding);
std::string encode_body(std::string body, Coding coding);

}  // namespace neosocksd::api
