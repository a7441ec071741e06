// The body of an HTTP/1 message on the wire: where it ends, and its payload (RFC 9112 sections 6
// and 7). A forwarded body is taken out of its framing and framed anew, so that what two parsers
// could read differently never reaches the second one.
//
// BodyDecoder is strict: a chunk line is hexadecimal digits, perhaps extensions, CR LF, and
// nothing else. Extensions and trailers are bounded, checked and dropped.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/http_head.h"

namespace neosocksd::proto {

struct Framing {
    enum class Kind : std::uint8_t { none, length, chunked, until_close };
    Kind kind = Kind::none;
    std::uint64_t length = 0;  // of Kind::length

    friend bool operator==(const Framing&, const Framing&) = default;
};

class BodyDecoder {
public:
    enum class Status : std::uint8_t { need_bytes, complete, malformed };
    struct Step {
        Status status = Status::need_bytes;
        std::size_t consumed = 0;  // what follows is not part of the body, once it is complete
    };

    explicit BodyDecoder(const Framing& framing);

    // Appends the payload found in `input` to `payload`. Unless the body is over all of the input
    // is consumed.
    Step decode(std::string_view input, std::string& payload);
    // The peer ended its side: complete only if that is how this body ends.
    Status end_of_stream();

    Status status() const;

private:
    enum class State : std::uint8_t {
        complete,
        malformed,
        length,
        until_close,
        size_start,
        size,
        extension,
        size_line_end,
        data,
        data_line_end,
        data_line_end_2,
        trailer_start,
        trailer_name,
        trailer_value,
        trailer_line_end,
        last_line_end,
    };

    // One byte of a chunked body that is not payload.
    State next(unsigned char c);
    State add_digit(unsigned char c);

    std::uint64_t remaining_ = 0;  // of the body, or of the chunk
    std::uint16_t line_bytes_ = 0;
    std::uint16_t trailer_bytes_ = 0;
    State state_;
};

// Turns the payload in `bytes` from `begin` on into one chunk. No payload, no chunk: an empty one
// would end the body.
void frame_as_chunk(std::string& bytes, std::size_t begin);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// Digits only, no more than fits into a signed 64-bit number, which some peers use.
std::optional<std::uint64_t> parse_content_length(std::string_view value);

// What the fields say about the framing, or in `why` what is wrong with it: both kinds of length,
// a bad or contradictory Content-Length, any coding but chunked. Of a request (`strict`) even two
// equal Content-Length fields are wrong. Kind::none: they say nothing.
std::optional<Framing> framing_of(const Fields& fields, bool http_1_0, bool strict,
                                  const char*& why);

}  // namespace neosocksd::proto
