// Tested by json_test.cc.

#include "api/json.h"

#include <cassert>
#include <cmath>

#include <fmt/format.h>

#include "base/utf8.h"

namespace neosocksd::api {

void JsonWriter::begin_value(std::string_view name) {
    if (!first_) text_ += ',';
    first_ = false;
    if (open_.empty() || open_.back() == ']') return;
    quote(name);
    text_ += ':';
}

JsonWriter& JsonWriter::begin_object(std::string_view name) {
    begin_value(name);
    text_ += '{';
    open_.push_back('}');
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::begin_array(std::string_view name) {
    begin_value(name);
    text_ += '[';
    open_.push_back(']');
    first_ = true;
    return *this;
}

JsonWriter& JsonWriter::end() {
    assert(!open_.empty());
    text_ += open_.back();
    open_.pop_back();
    first_ = false;
    return *this;
}

JsonWriter& JsonWriter::member(std::string_view name, std::string_view value) {
    begin_value(name);
    quote(value);
    return *this;
}

JsonWriter& JsonWriter::member(std::string_view name, double value) {
    if (!std::isfinite(value)) return null(name);
    begin_value(name);
    text_ += fmt::format("{}", value);
    return *this;
}

JsonWriter& JsonWriter::member(std::string_view name, bool value) {
    begin_value(name);
    text_ += value ? "true" : "false";
    return *this;
}

JsonWriter& JsonWriter::null(std::string_view name) {
    begin_value(name);
    text_ += "null";
    return *this;
}

// Bytes that are no UTF-8 become U+FFFD: names that clients send may hold anything.
void JsonWriter::quote(std::string_view text) {
    text_ += '"';
    while (!text.empty()) {
        const auto c = static_cast<unsigned char>(text[0]);
        std::size_t length = first_character(text).bytes;
        if (length == 0) {
            text_ += "\\ufffd";
            length = 1;
        } else if (c == '"' || c == '\\') {
            text_ += '\\';
            text_ += text[0];
        } else if (c < 0x20 || c == 0x7f) {
            text_ += fmt::format("\\u{:04x}", c);
        } else {
            text_ += text.substr(0, length);
        }
        text.remove_prefix(length);
    }
    text_ += '"';
}

}  // namespace neosocksd::api
