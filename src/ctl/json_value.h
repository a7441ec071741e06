// Reads JSON (RFC 8259), such as the API writes. Bounded in depth; the text itself is bounded by
// whoever has read it.
//
//   const auto stats = JsonValue::parse(body);
//   stats->at("sessions").at("established").number()
//
// What is absent is null, and null answers every question with nothing: a server may be older or
// newer than we are.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neosocksd::ctl {

class JsonValue {
public:
    enum class Kind : unsigned char { null, boolean, number, string, array, object };

    // nullopt: it is not JSON, or nested too deep.
    static std::optional<JsonValue> parse(std::string_view text);

    Kind kind() const { return kind_; }
    bool is_null() const { return kind_ == Kind::null; }

    // A string, or a number or boolean as it was written; empty otherwise.
    const std::string& text() const { return text_; }
    double number() const;  // 0 if it is none
    bool is_true() const { return kind_ == Kind::boolean && text_ == "true"; }

    // Elements of an array, values of an object.
    const std::vector<JsonValue>& items() const { return items_; }
    // Names of an object's members, in the order of items().
    const std::vector<std::string>& names() const { return names_; }
    const JsonValue& at(std::string_view name) const;

private:
    friend class JsonParser;

    Kind kind_ = Kind::null;
    std::string text_;
    std::vector<JsonValue> items_;
    std::vector<std::string> names_;
};

}  // namespace neosocksd::ctl
