// Tested by lua_text_test.cc.

#include "ctl/lua_text.h"

#include <algorithm>
#include <charconv>

namespace neosocksd::ctl {
namespace {

bool take(std::string_view& text, std::string_view word) {
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    return true;
}

// The end of the string literal that begins at `begin`, behind its quote; npos if it has none.
std::size_t end_of_string(std::string_view text, std::size_t begin) {
    for (std::size_t i = begin + 1; i < text.size(); i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == text[begin])
            return i + 1;
    }
    return text.npos;
}

bool is_quote(char c) {
    return c == '"' || c == '\'';
}

// Cuts the first value off, at the comma behind it or at the end.
std::optional<std::string_view> take_value(std::string_view& text) {
    int depth = 0;
    std::size_t i = 0;
    while (i < text.size() && (depth > 0 || text[i] != ',')) {
        if (is_quote(text[i])) {
            i = end_of_string(text, i);
            if (i == text.npos) return std::nullopt;
            continue;
        }
        if (text[i] == '{') depth++;
        if (text[i] == '}') depth--;
        if (depth < 0) return std::nullopt;
        i++;
    }
    if (depth != 0 || i == 0) return std::nullopt;
    const auto value = text.substr(0, i);
    text.remove_prefix(std::min(i + 1, text.size()));
    return value;
}

// Digits of base `base` at the front of `text`, `most` of them, as a byte.
void append_byte(std::string& result, std::string_view& text, std::size_t most, int base) {
    unsigned value = 0;
    const auto digits = text.substr(0, most);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc()) return;
    result += static_cast<char>(value);
    text.remove_prefix(static_cast<std::size_t>(end - digits.data()));
}

// The escapes of Lua's manual, section 3.1, that writers of data use.
std::string unquoted(std::string_view literal) {
    static constexpr std::string_view kNames = "abfnrtv\\\"'\n";
    static constexpr std::string_view kValues = "\a\b\f\n\r\t\v\\\"'\n";
    std::string_view text = literal.substr(1, literal.size() - 2);
    std::string result;
    while (!text.empty()) {
        const auto plain = std::min(text.find('\\'), text.size());
        result += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.size() < 2) break;
        const char name = text[1];
        if (const auto place = kNames.find(name); place != kNames.npos) {
            result += kValues[place];
            text.remove_prefix(2);
        } else if (name == 'x') {
            text.remove_prefix(2);
            append_byte(result, text, 2, 16);
        } else if (name >= '0' && name <= '9') {
            text.remove_prefix(1);
            append_byte(result, text, 3, 10);
        } else {
            text.remove_prefix(1);
        }
    }
    return result;
}

bool is_string(std::string_view value) {
    return is_quote(value.front()) && end_of_string(value, 0) == value.size();
}

}  // namespace

std::optional<RpcResults> parse_rpc_answer(std::string_view text) {
    RpcResults results;
    if (!take(text, "return ")) return std::nullopt;
    results.ok = take(text, "true");
    if (!results.ok && !take(text, "false")) return std::nullopt;
    if (text.empty()) return results;
    if (!take(text, ",")) return std::nullopt;
    while (!text.empty()) {
        const auto value = take_value(text);
        if (!value) return std::nullopt;
        results.values.push_back(is_string(*value) ? unquoted(*value) : std::string(*value));
    }
    return results;
}

}  // namespace neosocksd::ctl
