#include "ctl/text.h"

#include <gtest/gtest.h>

namespace neosocksd::ctl {
namespace {

TEST(CtlText, leaves_ordinary_text_alone) {
    EXPECT_EQ(printable("user@example.org µ 日本 \xf0\x9f\x90\x9f"),
              "user@example.org µ 日本 \xf0\x9f\x90\x9f");
}

TEST(CtlText, takes_the_power_from_control_characters) {
    EXPECT_EQ(printable("a\033[2Jb\x7f\r"), "a?[2Jb??");
    EXPECT_EQ(printable("\xc2\x9b"
                        "31m"),
              "?31m");  // CSI as one character
    EXPECT_EQ(printable("a\nb\tc"), "a?b c");
    EXPECT_EQ(printable("a\nb\tc", true), "a\nb\tc");
    EXPECT_EQ(printable(std::string_view("\0", 1)), "?");
}

TEST(CtlText, replaces_bytes_that_are_no_utf8) {
    EXPECT_EQ(printable("\xff\xc3"), "\ufffd\ufffd");
    EXPECT_EQ(printable("\xe2\x82"), "\ufffd\ufffd");
    EXPECT_EQ(printable("\xc0\x80x"), "\ufffd\ufffdx");
    EXPECT_EQ(printable("\xe0\x82\x9b"), "\ufffd\ufffd\ufffd");  // CSI in too many bytes
}

TEST(CtlText, counts_characters_and_cuts_between_them) {
    EXPECT_EQ(columns_of("22µs"), 4U);
    EXPECT_EQ(cut_to("22µs", 4), "22µs");
    EXPECT_EQ(cut_to("µµµµ", 3), "µµ~");
    EXPECT_EQ(cut_to("abc", 1), "~");
    EXPECT_EQ(cut_to("abc", 0), "");
}

TEST(CtlText, a_style_without_colours_adds_nothing) {
    EXPECT_EQ(Style(false).bold("x"), "x");
    EXPECT_EQ(Style(true).bold("x"), "\033[1mx\033[0m");
}

}  // namespace
}  // namespace neosocksd::ctl
