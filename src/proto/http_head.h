// The head of an HTTP/1 message: its first line, its field lines and the empty line (RFC 9112).
//
// HeadReader finds where a head ends while it arrives in pieces, and gives up on the first byte
// that proves there will be none: a NUL, a bare LF, a TLS hello. The parse functions take a whole
// head apart. They are lenient where proxies of old are sloppy (any HTTP/1.x, words after the
// version, no reason phrase) and strict where two parsers could read different messages.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/limits.h"

namespace neosocksd::proto {

class HeadReader {
public:
    enum class Status : std::uint8_t { need_bytes, complete, malformed, too_large };

    // `input` begins with the first byte of the head and, from call to call, only grows at its
    // end. Bytes seen by an earlier call are not looked at again.
    Status read(std::string_view input);
    // Bytes of the head with its empty line, once complete. What follows is not part of it.
    std::size_t size() const { return scanned_; }

private:
    enum class Place : std::uint8_t { in_line, after_cr, line_start, after_last_cr };

    std::uint16_t scanned_ = 0;
    Place place_ = Place::in_line;

    static_assert(limits::kHttpHeadBytes <= UINT16_MAX);
};

// A view into the head it was parsed from.
struct Field {
    std::string_view name;
    std::string_view value;  // without blanks around it
};

class Fields {
public:
    void add(Field field) { fields_.push_back(field); }
    // The value of the first field of that name, in any case of letters.
    std::optional<std::string_view> find(std::string_view name) const;
    std::size_t count(std::string_view name) const;
    auto begin() const { return fields_.begin(); }
    auto end() const { return fields_.end(); }

private:
    std::vector<Field> fields_;
};

// Views into the head they were parsed from: keep it as long as these.
struct RequestHead {
    std::string_view method;
    std::string_view target;
    std::string_view version;  // "HTTP/1.1", perhaps with words after it
    Fields fields;
};

struct ResponseHead {
    std::string_view version;
    int status = 0;           // 100-999
    std::string_view reason;  // may be empty
    Fields fields;
};

// All take text that HeadReader called complete, cut to its size().
std::optional<RequestHead> parse_request_head(std::string_view head);
std::optional<ResponseHead> parse_response_head(std::string_view head);
// The first line only: for a client that does not care what the fields of a response look like.
std::optional<ResponseHead> parse_status_line(std::string_view head);

// RFC 9110 section 5.6.2: the characters of methods and field names.
bool is_token_char(unsigned char c);
// True if the host name holds a character that ends a host in a URL or an authority. Written into
// one, such a name could be read as another host or port than the one that was allowed.
bool has_delimiters(std::string_view host_name);
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace neosocksd::proto
