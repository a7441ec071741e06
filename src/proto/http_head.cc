// Finds the end of a head and takes it apart. Tested by http_head_test.cc, fuzz_http_head.cc.

#include "proto/http_head.h"

#include <algorithm>

namespace neosocksd::proto {

namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kVersionStart = "HTTP/1.";

// RFC 9110 section 5.5: beyond CR LF and HTAB no control byte has a meaning in a head.
bool is_forbidden(unsigned char c) {
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Takes one line off the front of `head`; false if none is complete.
bool take_line(std::string_view& head, std::string_view& line) {
    const auto end = head.find(kLineEnd);
    if (end == std::string_view::npos) return false;
    line = head.substr(0, end);
    head.remove_prefix(end + kLineEnd.size());
    return true;
}

// Field lines up to the empty line. A blank before the colon and a folded line are refused: they
// are where two parsers disagree about what a field is (RFC 9112 sections 5.1 and 5.2).
bool take_fields(std::string_view head, Fields& fields) {
    std::string_view line;
    while (take_line(head, line)) {
        if (line.empty()) return true;
        const auto colon = line.find(':');
        if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return false;
        fields.add({line.substr(0, colon), trim(line.substr(colon + 1))});
    }
    return false;
}

bool split_status_line(std::string_view line, ResponseHead& head) {
    if (!line.starts_with(kVersionStart)) return false;
    const auto space = line.find(' ');
    if (space == std::string_view::npos) return false;
    head.version = line.substr(0, space);
    const std::string_view rest = line.substr(space + 1);
    const std::string_view code = rest.substr(0, 3);
    if (code.size() != 3 || !std::all_of(code.begin(), code.end(), is_digit) || code[0] == '0')
        return false;
    if (rest.size() > 3 && rest[3] != ' ') return false;
    head.status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
    head.reason = rest.substr(std::min<std::size_t>(rest.size(), 4));
    return true;
}

}  // namespace

HeadReader::Status HeadReader::read(std::string_view input) {
    while (scanned_ < input.size()) {
        if (scanned_ == limits::kHttpHeadBytes) return Status::too_large;
        const auto c = static_cast<unsigned char>(input[scanned_]);
        if (scanned_ == 0 && !is_token_char(c)) return Status::malformed;
        ++scanned_;
        switch (place_) {
        case Place::in_line:
        case Place::line_start:
            if (c == '\r') {
                place_ = place_ == Place::in_line ? Place::after_cr : Place::after_last_cr;
            } else if (is_forbidden(c)) {
                return Status::malformed;
            } else {
                place_ = Place::in_line;
            }
            break;
        case Place::after_cr:
            if (c != '\n') return Status::malformed;
            place_ = Place::line_start;
            break;
        case Place::after_last_cr: return c == '\n' ? Status::complete : Status::malformed;
        }
    }
    return scanned_ == limits::kHttpHeadBytes ? Status::too_large : Status::need_bytes;
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
    for (const Field& field : fields_) {
        if (equal_ignoring_case(field.name, name)) return field.value;
    }
    return std::nullopt;
}

std::size_t Fields::count(std::string_view name) const {
    return static_cast<std::size_t>(
        std::count_if(fields_.begin(), fields_.end(),
                      [&](const Field& field) { return equal_ignoring_case(field.name, name); }));
}

// Split at the first two blanks, so that words after the version stay with it.
std::optional<RequestHead> parse_request_head(std::string_view head) {
    std::string_view line;
    if (!take_line(head, line)) return std::nullopt;
    const auto first = line.find(' ');
    if (first == std::string_view::npos) return std::nullopt;
    const auto second = line.find(' ', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    RequestHead request;
    request.method = line.substr(0, first);
    request.target = line.substr(first + 1, second - first - 1);
    request.version = line.substr(second + 1);
    if (!is_token(request.method) || !request.version.starts_with(kVersionStart))
        return std::nullopt;
    if (!take_fields(head, request.fields)) return std::nullopt;
    return request;
}

std::optional<ResponseHead> parse_response_head(std::string_view head) {
    std::string_view line;
    ResponseHead response;
    if (!take_line(head, line) || !split_status_line(line, response)) return std::nullopt;
    if (!take_fields(head, response.fields)) return std::nullopt;
    return response;
}

std::optional<ResponseHead> parse_status_line(std::string_view head) {
    std::string_view line;
    ResponseHead response;
    if (!take_line(head, line) || !split_status_line(line, response)) return std::nullopt;
    return response;
}

bool is_token_char(unsigned char c) {
    return is_digit(static_cast<char>(c)) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) !=
                          std::string_view::npos);
}

// RFC 3986 section 2.2, gen-delims; and the backslash, which some parsers take for a slash.
bool has_delimiters(std::string_view host_name) {
    return host_name.find_first_of(":/?#[]@\\") != std::string_view::npos;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace neosocksd::proto
