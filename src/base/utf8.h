// Characters in bytes of unknown origin: what is UTF-8 and what is not (RFC 3629 section 3). Bytes
// that are overlong, a surrogate, beyond U+10FFFF or cut off are none; a lenient reader, a terminal
// for example, may take them for the character that they imitate.

#pragma once

#include <cstddef>
#include <string_view>

namespace neosocksd {

struct Character {
    std::size_t bytes = 0;  // 0: the text begins with bytes that are no UTF-8
    char32_t code = 0;
};

// `text` is not empty.
Character first_character(std::string_view text);

// C0, DEL and C1: they move a terminal's cursor, or begin what does.
constexpr bool is_control(char32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

}  // namespace neosocksd
