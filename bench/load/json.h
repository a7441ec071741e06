// One flat JSON object, written key by key.

#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace neosocksd::bench {

class JsonObject {
public:
    void number(std::string_view key, double value, int digits = 6) {
        char text[64];
        std::snprintf(text, sizeof text, "%.*g", digits, value);
        add(key, text);
    }

    void integer(std::string_view key, uint64_t value) { add(key, std::to_string(value)); }
    void integer(std::string_view key, int value) { add(key, std::to_string(value)); }
    void integer(std::string_view key, long value) { add(key, std::to_string(value)); }

    void string(std::string_view key, std::string_view value) {
        std::string quoted = "\"";
        for (const char c : value) {
            if (c == '"' || c == '\\') quoted += '\\';
            quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
        add(key, quoted + '"');
    }

    std::string text() const { return text_ + "}"; }

private:
    void add(std::string_view key, std::string_view value) {
        if (text_.size() > 1) text_ += ',';
        text_.append("\"").append(key).append("\":").append(value);
    }

    std::string text_ = "{";
};

}  // namespace neosocksd::bench
