// Tested by http_body_test.cc and fuzz_http_forward.

#include "proto/http_body.h"

#include <algorithm>

#include <fmt/format.h>

namespace neosocksd::proto {
namespace {

// Beyond sixteen digits a size has overflown, or is padded to hide something.
constexpr std::uint64_t kSizeMax = INT64_MAX;
constexpr std::size_t kSizeDigits = 16;

int hex_digit(unsigned char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_control(unsigned char c) {
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

}  // namespace

BodyDecoder::BodyDecoder(const Framing& framing) : remaining_(framing.length) {
    switch (framing.kind) {
    case Framing::Kind::none: state_ = State::complete; break;
    case Framing::Kind::length:
        state_ = framing.length == 0 ? State::complete : State::length;
        break;
    case Framing::Kind::chunked: state_ = State::size_start; break;
    case Framing::Kind::until_close: state_ = State::until_close; break;
    }
}

BodyDecoder::Status BodyDecoder::status() const {
    if (state_ == State::complete) return Status::complete;
    return state_ == State::malformed ? Status::malformed : Status::need_bytes;
}

BodyDecoder::Step BodyDecoder::decode(std::string_view input, std::string& payload) {
    std::size_t at = 0;
    while (at < input.size() && status() == Status::need_bytes) {
        switch (state_) {
        case State::until_close:
            payload += input.substr(at);
            at = input.size();
            break;
        case State::length:
        case State::data: {
            const std::string_view piece =
                input.substr(at, std::min<std::uint64_t>(remaining_, input.size() - at));
            payload += piece;
            at += piece.size();
            remaining_ -= piece.size();
            if (remaining_ == 0)
                state_ = state_ == State::length ? State::complete : State::data_line_end;
            break;
        }
        default: state_ = next(static_cast<unsigned char>(input[at++])); break;
        }
    }
    return {status(), at};
}

BodyDecoder::State BodyDecoder::next(unsigned char c) {
    switch (state_) {
    case State::size_start:
        remaining_ = 0;
        line_bytes_ = 0;
        return add_digit(c);
    case State::size:
        if (c == '\r') return State::size_line_end;
        if (c == ';') {
            line_bytes_++;
            return State::extension;
        }
        return add_digit(c);
    case State::extension:
        if (c == '\r') return State::size_line_end;
        if (is_control(c) || ++line_bytes_ > limits::kChunkLineBytes) return State::malformed;
        return State::extension;
    case State::size_line_end:
        if (c != '\n') return State::malformed;
        return remaining_ == 0 ? State::trailer_start : State::data;
    case State::data_line_end: return c == '\r' ? State::data_line_end_2 : State::malformed;
    case State::data_line_end_2: return c == '\n' ? State::size_start : State::malformed;
    default: break;
    }
    if (++trailer_bytes_ > limits::kTrailerBytes) return State::malformed;
    switch (state_) {
    case State::trailer_start:
        if (c == '\r') return State::last_line_end;
        return is_token_char(c) ? State::trailer_name : State::malformed;
    case State::trailer_name:
        if (c == ':') return State::trailer_value;
        return is_token_char(c) ? State::trailer_name : State::malformed;
    case State::trailer_value:
        if (c == '\r') return State::trailer_line_end;
        return is_control(c) ? State::malformed : State::trailer_value;
    case State::trailer_line_end: return c == '\n' ? State::trailer_start : State::malformed;
    case State::last_line_end: return c == '\n' ? State::complete : State::malformed;
    default: return State::malformed;
    }
}

BodyDecoder::State BodyDecoder::add_digit(unsigned char c) {
    const int digit = hex_digit(c);
    if (digit < 0 || ++line_bytes_ > kSizeDigits) return State::malformed;
    if (remaining_ > kSizeMax >> 4) return State::malformed;
    remaining_ = remaining_ << 4 | static_cast<std::uint64_t>(digit);
    return State::size;
}

BodyDecoder::Status BodyDecoder::end_of_stream() {
    if (state_ == State::until_close) {
        state_ = State::complete;
    } else if (state_ != State::complete) {
        state_ = State::malformed;
    }
    return status();
}

void frame_as_chunk(std::string& bytes, std::size_t begin) {
    if (bytes.size() == begin) return;
    bytes.insert(begin, fmt::format("{:x}\r\n", bytes.size() - begin));
    bytes += "\r\n";
}

std::optional<std::uint64_t> parse_content_length(std::string_view value) {
    if (value.empty()) return std::nullopt;
    std::uint64_t length = 0;
    for (const char c : value) {
        if (c < '0' || c > '9') return std::nullopt;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (length > (kSizeMax - digit) / 10) return std::nullopt;
        length = length * 10 + digit;
    }
    return length;
}

std::optional<Framing> framing_of(const Fields& fields, bool http_1_0, bool strict,
                                  const char*& why) {
    std::optional<std::uint64_t> length;
    bool chunked = false;
    for (const Field& field : fields) {
        if (equal_ignoring_case(field.name, "Content-Length")) {
            const auto value = parse_content_length(field.value);
            if (!value) {
                why = "bad Content-Length";
            } else if (length && (strict || *length != *value)) {
                why = "more than one Content-Length";
            } else {
                length = value;
                continue;
            }
            return std::nullopt;
        }
        if (equal_ignoring_case(field.name, "Transfer-Encoding")) {
            if (chunked || !equal_ignoring_case(field.value, "chunked")) {
                why = "Transfer-Encoding other than chunked";
                return std::nullopt;
            }
            if (http_1_0) {
                why = "Transfer-Encoding in HTTP/1.0";
                return std::nullopt;
            }
            chunked = true;
        }
    }
    if (chunked && length) {
        why = "both Content-Length and Transfer-Encoding";
        return std::nullopt;
    }
    if (chunked) return Framing{Framing::Kind::chunked, 0};
    if (length) return Framing{Framing::Kind::length, *length};
    return Framing{};
}

}  // namespace neosocksd::proto
