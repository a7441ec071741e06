#include "base/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace neosocksd {
namespace {

std::string encoded(char32_t code) {
    const auto tail = [&](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3f)); };
    if (code < 0x80) return {static_cast<char>(code)};
    if (code < 0x800) return {static_cast<char>(0xc0 | code >> 6), tail(0)};
    if (code < 0x10000) return {static_cast<char>(0xe0 | code >> 12), tail(6), tail(0)};
    return {static_cast<char>(0xf0 | code >> 18), tail(12), tail(6), tail(0)};
}

TEST(Utf8, reads_every_character_and_no_surrogate) {
    for (char32_t code = 0; code < 0x110400; code++) {
        const std::string text = encoded(code);
        const bool valid = code < 0x110000 && !(code >= 0xd800 && code < 0xe000);
        const Character read = first_character(text + "x");
        ASSERT_EQ(read.bytes, valid ? text.size() : 0) << static_cast<unsigned>(code);
        if (!valid) continue;
        ASSERT_EQ(read.code, code);
        if (text.size() == 1) continue;
        ASSERT_EQ(first_character(text.substr(0, text.size() - 1)).bytes, 0u) << "cut off";
        ASSERT_EQ(first_character(text.substr(0, text.size() - 1) + "x").bytes, 0u);
    }
}

TEST(Utf8, takes_no_longer_form_than_needed) {
    for (const char* text : {"\x80", "\xbf", "\xc0\x8d", "\xc1\xbf", "\xe0\x82\x9b", "\xe0\x9f\xbf",
                             "\xf0\x80\x82\x9b", "\xf0\x8f\xbf\xbf", "\xf5\x80\x80\x80", "\xff"})
        EXPECT_EQ(first_character(text).bytes, 0u) << text;
}

TEST(Utf8, controls_are_c0_del_and_c1) {
    for (const char32_t code : {0x00, 0x09, 0x1f, 0x7f, 0x80, 0x9b, 0x9f})
        EXPECT_TRUE(is_control(code)) << static_cast<unsigned>(code);
    for (const char32_t code : {0x20, 0x7e, 0xa0, 0x2028, 0x10ffff})
        EXPECT_FALSE(is_control(code)) << static_cast<unsigned>(code);
}

}  // namespace
}  // namespace neosocksd
