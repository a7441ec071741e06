// Numbers in text that is nothing but the number.

#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace neosocksd {

// As std::from_chars reads it, and with its further arguments (the base of an integer): no blanks,
// no plus, a minus only for signed types. Nothing if the text is empty, goes on behind the number,
// or says one that T does not hold.
template <typename T, typename... Format>
std::optional<T> parse_whole(std::string_view text, Format... format) {
    T value{};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, format...);
    if (error != std::errc() || stop != end) return std::nullopt;
    return value;
}

}  // namespace neosocksd
