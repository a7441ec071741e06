// One line of the access log: what it tells, and its two formats.
//
//   text   TIME NAME=VALUE ...: blanks, quotes, backslashes and all that is not printable ASCII are
//          \xNN in values, so that fields never contain a blank and no peer can forge one; "-" is
//          an absent value.
//   json   an object; values are proper strings. Bytes that are no UTF-8 become U+FFFD, and all
//          beyond ASCII is \uNNNN, for readers that guess encodings.
//
// The fields from the time to `down` are always there, in this order. Then come those of datagrams
// or of plain HTTP, where they apply.
// Tested by access_log_line_test.cc.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"
#include "proxy/outcome.h"

namespace neosocksd::proxy {

enum class AccessFormat : std::uint8_t { text, json };

using AccessDuration = std::chrono::microseconds;

// What a session can not tell any more at its end, without the texts: see AccessNote.
struct AccessFacts {
    std::chrono::system_clock::time_point time{};   // of accept, or of a further HTTP request
    std::chrono::steady_clock::time_point begun{};  // the same, on a clock that nobody sets
    std::optional<AccessDuration> setup = {};       // until the target was reached
    std::optional<Endpoint> address = {};           // that was connected to
    std::uint64_t up_bytes = 0;
    std::uint64_t down_bytes = 0;
    std::uint16_t status = 0;  // of an HTTP response; 0: none
};

// The same of texts. Anything may be in them.
struct AccessTexts {
    std::string_view target;  // as asked; empty: as the session says
    std::string_view method;  // of plain HTTP, as is `path`, which has no query
    std::string_view path;
};

struct AccessRecord {
    struct Datagrams {
        std::uint64_t up = 0;
        std::uint64_t down = 0;
        std::uint64_t dropped = 0;
    };

    AccessFacts facts = {};
    AccessTexts texts = {};
    AccessDuration duration{};
    std::string client = {};
    std::string socket = {};  // instead of facts.address: a Unix socket
    std::string chain = {};   // hops, first hop first, a line end between two
    std::string_view user = {};
    std::string_view route = {};  // what the rules made of the target, if they did
    std::string_view listener = {};
    const char* protocol = "";  // as request_names.h says; empty: not known
    const char* command = "";
    Outcome outcome = Outcome::established;
    const char* end = "";  // how what was established has ended
    std::optional<Datagrams> datagrams = {};
};

// With its line end.
void append_access_line(const AccessRecord& record, AccessFormat format, std::string& out);

}  // namespace neosocksd::proxy
