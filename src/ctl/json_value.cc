// Tested by json_value_test.cc.

#include "ctl/json_value.h"

#include <algorithm>
#include <cstdint>

#include "base/limits.h"
#include "base/number.h"

namespace neosocksd::ctl {

class JsonParser {
public:
    explicit JsonParser(std::string_view text) : rest_(text) {}

    bool parse(JsonValue& value) {
        if (!read_value(value, 0)) return false;
        skip_blanks();
        return rest_.empty();
    }

private:
    using Kind = JsonValue::Kind;

    void skip_blanks() {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
    }
    bool take(std::string_view word) {
        if (!rest_.starts_with(word)) return false;
        rest_.remove_prefix(word.size());
        return true;
    }
    bool take_after_blanks(char c) {
        skip_blanks();
        return take({&c, 1});
    }

    bool read_value(JsonValue& value, int depth) {
        skip_blanks();
        if (rest_.empty() || depth > limits::kCtlJsonDepth) return false;
        switch (rest_.front()) {
        case '{': return read_members(value, depth);
        case '[': return read_elements(value, depth);
        case '"': value.kind_ = Kind::string; return read_string(value.text_);
        case 'n': return take("null");
        case 't': return read_boolean(value, "true");
        case 'f': return read_boolean(value, "false");
        default: return read_number(value);
        }
    }

    bool read_boolean(JsonValue& value, std::string_view word) {
        value.kind_ = Kind::boolean;
        value.text_ = word;
        return take(word);
    }

    bool read_number(JsonValue& value) {
        const auto size = std::min(rest_.find_first_not_of("+-.0123456789eE"), rest_.size());
        value.kind_ = Kind::number;
        value.text_ = rest_.substr(0, size);
        if (!parse_whole<double>(value.text_)) return false;
        rest_.remove_prefix(size);
        return true;
    }

    bool read_elements(JsonValue& value, int depth) {
        value.kind_ = Kind::array;
        rest_.remove_prefix(1);
        if (take_after_blanks(']')) return true;
        do {
            if (!read_value(value.items_.emplace_back(), depth + 1)) return false;
        } while (take_after_blanks(','));
        return take_after_blanks(']');
    }

    bool read_members(JsonValue& value, int depth) {
        value.kind_ = Kind::object;
        rest_.remove_prefix(1);
        if (take_after_blanks('}')) return true;
        do {
            skip_blanks();
            if (!rest_.starts_with('"') || !read_string(value.names_.emplace_back()) ||
                !take_after_blanks(':') || !read_value(value.items_.emplace_back(), depth + 1))
                return false;
        } while (take_after_blanks(','));
        return take_after_blanks('}');
    }

    bool read_string(std::string& text) {
        rest_.remove_prefix(1);
        for (;;) {
            const auto plain = std::min(rest_.find_first_of("\"\\"), rest_.size());
            text += rest_.substr(0, plain);
            rest_.remove_prefix(plain);
            if (rest_.empty()) return false;
            if (take("\"")) return true;
            if (!read_escape(text)) return false;
        }
    }

    bool read_escape(std::string& text) {
        static constexpr std::string_view kNames = "\"\\/bfnrt";
        static constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
        rest_.remove_prefix(1);
        if (rest_.empty()) return false;
        const char name = rest_.front();
        rest_.remove_prefix(1);
        if (const auto place = kNames.find(name); place != kNames.npos) {
            text += kValues[place];
            return true;
        }
        auto unit = name == 'u' ? read_unit() : std::nullopt;
        if (!unit) return false;
        // Two surrogates make one character; a lone one is none.
        if (*unit >= 0xd800 && *unit < 0xdc00 && take("\\u")) {
            const auto low = read_unit();
            if (!low) return false;
            unit = *low >= 0xdc00 && *low < 0xe000
                       ? 0x10000 + ((*unit - 0xd800) << 10) + (*low - 0xdc00)
                       : 0xfffd;
        }
        append_utf8(text, *unit >= 0xd800 && *unit < 0xe000 ? 0xfffd : *unit);
        return true;
    }

    std::optional<std::uint32_t> read_unit() {
        if (rest_.size() < 4) return std::nullopt;
        const auto unit = parse_whole<std::uint32_t>(rest_.substr(0, 4), 16);
        rest_.remove_prefix(4);
        return unit;
    }

    static void append_utf8(std::string& text, std::uint32_t point) {
        const auto add = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
        const auto tail = [&](int shift) { add(0x80 | ((point >> shift) & 0x3f)); };
        if (point < 0x80) {
            add(point);
        } else if (point < 0x800) {
            add(0xc0 | (point >> 6));
            tail(0);
        } else if (point < 0x10000) {
            add(0xe0 | (point >> 12));
            tail(6);
            tail(0);
        } else {
            add(0xf0 | (point >> 18));
            tail(12);
            tail(6);
            tail(0);
        }
    }

    std::string_view rest_;
};

std::optional<JsonValue> JsonValue::parse(std::string_view text) {
    JsonValue value;
    if (!JsonParser(text).parse(value)) return std::nullopt;
    return value;
}

double JsonValue::number() const {
    return kind_ == Kind::number ? parse_whole<double>(text_).value_or(0) : 0;
}

const JsonValue& JsonValue::at(std::string_view name) const {
    static const JsonValue kNull;
    const auto place = std::ranges::find(names_, name);
    return place == names_.end() ? kNull : items_[static_cast<std::size_t>(place - names_.begin())];
}

}  // namespace neosocksd::ctl
