// Arguments as text, and what they mean.

#include "app/option_values.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace neosocksd::app {
namespace {

TEST(OptionValuesParseInteger, accepts_decimal_with_leading_blanks_and_a_plus) {
    EXPECT_EQ(parse_integer("0", 0, kIntegerMax), 0);
    EXPECT_EQ(parse_integer("007", 0, kIntegerMax), 7);
    EXPECT_EQ(parse_integer(" \t\n\v\f\r+42", 0, kIntegerMax), 42);
    EXPECT_EQ(parse_integer("2147483647", 0, kIntegerMax), 2147483647);
}

TEST(OptionValuesParseInteger, refuses_what_is_empty_signed_followed_or_too_large) {
    for (const char* const text : {"", " ", "+", "-", "-0", "-1", "+-1", "++1", "+ 1", "1 ", "1x",
                                   "0x10", "1.0", "2147483648", "99999999999999999999", "abc"})
        EXPECT_FALSE(parse_integer(text, 0, kIntegerMax)) << text;
}

TEST(OptionValuesParseInteger, holds_both_bounds) {
    EXPECT_FALSE(parse_integer("0", 1, 256));
    EXPECT_EQ(parse_integer("1", 1, 256), 1);
    EXPECT_EQ(parse_integer("256", 1, 256), 256);
    EXPECT_FALSE(parse_integer("257", 1, 256));
}

TEST(OptionValuesParseNumber, accepts_what_strtod_accepts) {
    EXPECT_EQ(parse_number("60"), 60);
    EXPECT_EQ(parse_number(" +7.25"), 7.25);
    EXPECT_EQ(parse_number("1e3"), 1000);
    EXPECT_EQ(parse_number("0x1p5"), 32);
    EXPECT_EQ(parse_number("-1"), -1);
    EXPECT_EQ(parse_number("inf"), std::numeric_limits<double>::infinity());
    EXPECT_EQ(parse_number("1e999"), std::numeric_limits<double>::infinity());
    ASSERT_TRUE(parse_number("nan"));
    EXPECT_TRUE(std::isnan(*parse_number("nan")));
}

TEST(OptionValuesParseNumber, refuses_what_is_empty_or_followed_by_anything) {
    for (const char* const text : {"", " ", "abc", "5s", "5 ", "1.2.3", "0x", "+", ".", "7,5"})
        EXPECT_FALSE(parse_number(text)) << text;
    EXPECT_FALSE(parse_number(std::string_view("5\0006", 3)));
}

TEST(OptionValuesParseStartups, reads_three_integers) {
    EXPECT_EQ(parse_startups("10:30:60"), (Startups{10, 30, 60}));
    EXPECT_EQ(parse_startups("0:0:3"), (Startups{0, 0, 3}));
    EXPECT_EQ(parse_startups("10:30:0"), (Startups{10, 30, 0}));
    // Out of range, but readable: the configuration check has its own message.
    EXPECT_EQ(parse_startups("1:10001:2"), (Startups{1, 10001, 2}));
}

TEST(OptionValuesParseStartups, refuses_too_few_too_many_and_empty_parts) {
    for (const char* const text : {"", ":", "::", ":::", "1", "1:2", "1:2:", ":2:3", "1::3",
                                   "1:2:3:", "1:2:3:4", "a:b:c", "-1:2:3", "1:2:2147483648"})
        EXPECT_FALSE(parse_startups(text)) << text;
}

TEST(OptionValuesParseBlockOutbound, replaces_the_default) {
    EXPECT_EQ(parse_block_outbound(""), (BlockOutbound{.multicast = false}));
    EXPECT_EQ(parse_block_outbound("loopback"),
              (BlockOutbound{.loopback = true, .multicast = false}));
    EXPECT_EQ(parse_block_outbound("local,multicast,loopback,local"),
              (BlockOutbound{.loopback = true, .multicast = true, .local = true}));
    EXPECT_EQ(parse_block_outbound("global"), (BlockOutbound{.multicast = false, .global = true}));
}

TEST(OptionValuesParseBlockOutbound, refuses_unknown_words_empty_items_and_contradictions) {
    for (const char* const text : {",", "local,", ",local", "local,,loopback", "Local", " local",
                                   "private", "local,global", "global,loopback,local"})
        EXPECT_FALSE(parse_block_outbound(text)) << text;
}

TEST(OptionValuesBufferSize, takes_bytes_and_factors) {
    EXPECT_EQ(parse_buffer_size("4096"), 4096);
    EXPECT_EQ(parse_buffer_size("4k"), 4096);
    EXPECT_EQ(parse_buffer_size("16K"), 16384);
    EXPECT_EQ(parse_buffer_size("2m"), 2 * 1024 * 1024);
    EXPECT_EQ(parse_buffer_size("512M"), 1 << 29);
    EXPECT_EQ(parse_buffer_size("536870912"), 1 << 29);
}

TEST(OptionValuesBufferSize, refuses_what_is_too_small_too_large_or_no_number) {
    for (const char* const text : {"", "k", "0", "4095", "3k", "513m", "536870913", "-4k", "4g",
                                   "4kk", "4 k", "k4", "9999999999999999999m", "1.5m"})
        EXPECT_FALSE(parse_buffer_size(text)) << text;
}

TEST(OptionValuesMark, is_decimal_or_hexadecimal) {
    EXPECT_EQ(parse_mark("0"), 0u);
    EXPECT_EQ(parse_mark("4294967295"), 0xffffffffu);
    EXPECT_EQ(parse_mark("0x1F"), 31u);
    EXPECT_EQ(parse_mark("0Xffffffff"), 0xffffffffu);
    for (const char* const text :
         {"", "0x", "-1", "+1", "4294967296", "0x100000000", "ff", "1 ", "0x-1"})
        EXPECT_FALSE(parse_mark(text)) << text;
}

TEST(OptionValuesKeepalive, is_seconds_or_off) {
    EXPECT_EQ(parse_keepalive("1"), 1);
    EXPECT_EQ(parse_keepalive("off"), 0);
    for (const char* const text : {"", "0", "-1", "32768", "on", "OFF", "1.5"})
        EXPECT_FALSE(parse_keepalive(text)) << text;
}

TEST(OptionValuesSourceAddress, is_one_of_a_family_at_most) {
    const auto v4 = IpAddress::parse("192.0.2.1");
    const auto v6 = IpAddress::parse("2001:db8::1");
    EXPECT_EQ(parse_source_address("192.0.2.1"), (SourceAddress{v4, {}}));
    EXPECT_EQ(parse_source_address("2001:db8::1"), (SourceAddress{{}, v6}));
    EXPECT_EQ(parse_source_address("192.0.2.1,2001:db8::1"), (SourceAddress{v4, v6}));
    EXPECT_EQ(parse_source_address("2001:db8::1,192.0.2.1"), (SourceAddress{v4, v6}));
    for (const char* const text : {"", ",", "192.0.2.1,", ",::1", "192.0.2.1,192.0.2.2", "::1,::2",
                                   "localhost", "[::1]", "192.0.2.1:80", "192.0.2.1,::1,::2"})
        EXPECT_FALSE(parse_source_address(text)) << text;
}

TEST(OptionValuesListenPort, overflows_above_65535_only_if_numeric) {
    for (const char* const text :
         {":65536", "127.0.0.1:99999", "[::1]:65536", "::1:70000", ":99999999999999999999999"})
        EXPECT_TRUE(listen_port_overflows(text)) << text;
    for (const char* const text : {":", ":0", ":65535", "[::]:1080", "localhost:http", "99999", "",
                                   "99999:80", ":99999x", "unix:/run/x:99999"})
        EXPECT_FALSE(listen_port_overflows(text)) << text;
}

}  // namespace
}  // namespace neosocksd::app
