// Tested by access_log_line_test.cc.

#include "proxy/access_log_line.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <fmt/compile.h>
#include <fmt/format.h>

#include "base/limits.h"
#include "base/utf8.h"

namespace neosocksd::proxy {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr std::string_view kCut = "...";

// RFC 3339 in local time. localtime_r takes a lock and reads the zone, and most sessions of a
// thread begin in the same second: what does not change within it is kept.
void append_time(std::chrono::system_clock::time_point time, std::string& out) {
    using namespace std::chrono;
    struct Second {
        std::time_t shown = -1;
        std::array<char, 24> date{};   // "2024-05-06T07:08:09"
        std::array<char, 8> offset{};  // "+0200"
    };
    thread_local Second second;
    const auto whole = floor<seconds>(time);
    const std::time_t now = whole.time_since_epoch().count();
    if (now != second.shown) {
        std::tm local{};
        localtime_r(&now, &local);
        std::strftime(second.date.data(), second.date.size(), "%FT%T", &local);
        std::strftime(second.offset.data(), second.offset.size(), "%z", &local);
        second.shown = now;
    }
    const auto part = duration_cast<milliseconds>(time - whole).count();
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}.{:03}{:.3}:{}"), second.date.data(),
                   part, second.offset.data(), second.offset.data() + 3);
}

void append_seconds(AccessDuration duration, std::string& out) {
    const auto us = std::max<std::int64_t>(duration.count(), 0);
    fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}.{:06}"), us / 1000000, us % 1000000);
}

void append_u(unsigned code, std::string& out) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kHex[code >> shift & 0xf];
}

void append_json_bytes(std::string_view text, std::string& out) {
    while (!text.empty()) {
        const char c = text.front();
        const auto byte = static_cast<unsigned char>(c);
        std::size_t used = 1;
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte >= 0x20 && byte < 0x7f) {
            out += c;
        } else if (byte < 0x80) {
            append_u(byte, out);
        } else {
            const auto [bytes, code] = first_character(text);
            used = std::max<std::size_t>(bytes, 1);
            if (bytes == 0) {
                append_u(0xfffd, out);
            } else if (code < 0x10000) {
                append_u(code, out);
            } else {
                append_u(0xd800 + ((code - 0x10000) >> 10), out);
                append_u(0xdc00 + ((code - 0x10000) & 0x3ff), out);
            }
        }
        text.remove_prefix(used);
    }
}

void append_text_bytes(std::string_view text, std::string& out) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte < 0x7f && c != '"' && c != '\\') {
            out += c;
        } else {
            out += "\\x";
            out += kHex[byte >> 4];
            out += kHex[byte & 0xf];
        }
    }
}

// Both formats have the same members in the same order.
class LineWriter {
public:
    LineWriter(AccessFormat format, std::string& out)
        : json_(format == AccessFormat::json), out_(out) {}

    void time(std::chrono::system_clock::time_point time) {
        out_ += json_ ? "{\"time\":\"" : "";
        append_time(time, out_);
        if (json_) out_ += '"';
    }
    void seconds(std::string_view name, std::optional<AccessDuration> duration) {
        begin(name);
        if (duration)
            append_seconds(*duration, out_);
        else
            absent();
    }
    void number(std::string_view name, std::uint64_t value) {
        begin(name);
        const fmt::format_int digits(value);
        out_.append(digits.data(), digits.size());
    }
    void text(std::string_view name, std::string_view value) {
        begin(name);
        if (value.empty())
            absent();
        else
            quote(value);
    }
    // An array in JSON, separated by commas in text. `lines`: its elements.
    void list(std::string_view name, std::string_view lines) {
        begin(name);
        if (lines.empty()) {
            absent();
            return;
        }
        if (json_) out_ += '[';
        for (;;) {
            const auto end = lines.find('\n');
            quote(lines.substr(0, end));
            if (end == std::string_view::npos) break;
            lines.remove_prefix(end + 1);
            out_ += ',';
        }
        if (json_) out_ += ']';
    }
    void end() { out_ += json_ ? "}\n" : "\n"; }

private:
    void begin(std::string_view name) {
        out_ += json_ ? ",\"" : " ";
        out_ += name;
        out_ += json_ ? "\":" : "=";
    }
    void absent() { out_ += json_ ? "null" : "-"; }
    void quote(std::string_view value) {
        const bool cut = value.size() > limits::kAccessLogFieldBytes;
        value = value.substr(0, limits::kAccessLogFieldBytes);
        if (json_) {
            out_ += '"';
            append_json_bytes(value, out_);
            if (cut) out_ += kCut;
            out_ += '"';
        } else if (value == "-") {
            out_ += "\\x2d";
        } else {
            append_text_bytes(value, out_);
            if (cut) out_ += kCut;
        }
    }

    const bool json_;
    std::string& out_;
};

}  // namespace

void append_access_line(const AccessRecord& record, AccessFormat format, std::string& out) {
    const AccessFacts& facts = record.facts;
    const AccessTexts& texts = record.texts;
    LineWriter line(format, out);
    line.time(facts.time);
    line.seconds("duration", record.duration);
    line.seconds("setup", facts.setup);
    line.text("client", record.client);
    line.text("user", record.user);
    line.text("listener", record.listener);
    line.text("protocol", record.protocol);
    line.text("command", record.command);
    line.text("target", texts.target);
    line.text("route", record.route);
    line.text("address", facts.address ? facts.address->to_string() : record.socket);
    line.list("chain", record.chain);
    line.text("outcome", row_of(record.outcome).name);
    line.text("end", record.end);
    line.number("up", facts.up_bytes);
    line.number("down", facts.down_bytes);
    if (record.datagrams) {
        line.number("datagrams_up", record.datagrams->up);
        line.number("datagrams_down", record.datagrams->down);
        line.number("datagrams_dropped", record.datagrams->dropped);
    }
    if (!texts.method.empty()) {
        line.text("method", texts.method);
        line.text("path", texts.path);
    }
    if (facts.status != 0) line.number("status", facts.status);
    line.end();
}

}  // namespace neosocksd::proxy
