// Writes JSON (RFC 8259), one member after another:
//
//   JsonWriter json;
//   json.begin_object().member("sessions", 4).begin_array("workers");
//   json.begin_object().member("engine", "uring").end();
//   json.end().end();
//   use(json.text());

#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace neosocksd::api {

class JsonWriter {
public:
    // In an object each takes the member's name, in an array none.
    JsonWriter& begin_object(std::string_view name = {});
    JsonWriter& begin_array(std::string_view name = {});
    JsonWriter& end();

    JsonWriter& member(std::string_view name, std::string_view value);
    JsonWriter& member(std::string_view name, const char* value) {
        return member(name, std::string_view(value));
    }
    JsonWriter& member(std::string_view name, double value);
    JsonWriter& member(std::string_view name, bool value);
    template <std::integral T>
        requires(!std::same_as<T, bool>)
    JsonWriter& member(std::string_view name, T value) {
        begin_value(name);
        text_ += std::to_string(value);
        return *this;
    }
    // "name": null
    JsonWriter& null(std::string_view name);

    const std::string& text() const { return text_; }

private:
    void begin_value(std::string_view name);
    void quote(std::string_view text);

    std::string text_;
    std::vector<char> open_;  // the brackets that will close
    bool first_ = true;       // of the innermost one
};

}  // namespace neosocksd::api
