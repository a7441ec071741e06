#include "base/number.h"

#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace neosocksd {
namespace {

TEST(ParseWhole, takes_nothing_but_the_number) {
    EXPECT_EQ(parse_whole<int>("42"), 42);
    EXPECT_EQ(parse_whole<int>("-42"), -42);
    EXPECT_EQ(parse_whole<unsigned>("007"), 7u);
    EXPECT_EQ(parse_whole<double>("1.5e3"), 1500.0);
    for (const std::string text : {"", " 42", "42 ", "+42", "4 2", "42x", "0x2a", "-", "x"})
        EXPECT_FALSE(parse_whole<int>(text)) << text;
    EXPECT_FALSE(parse_whole<int>(std::string_view("42\0", 3)));
    EXPECT_FALSE(parse_whole<unsigned>("-1"));
    EXPECT_FALSE(parse_whole<int>("1.5"));
}

TEST(ParseWhole, refuses_what_the_type_does_not_hold) {
    EXPECT_EQ(parse_whole<std::uint16_t>("65535"), 65535);
    EXPECT_FALSE(parse_whole<std::uint16_t>("65536"));
    EXPECT_EQ(parse_whole<std::int64_t>("-9223372036854775808"),
              std::numeric_limits<std::int64_t>::min());
    EXPECT_FALSE(parse_whole<std::int64_t>("9223372036854775808"));
    EXPECT_FALSE(parse_whole<double>("1e999"));
}

TEST(ParseWhole, reads_other_bases) {
    EXPECT_EQ(parse_whole<std::uint32_t>("fFfFfFfF", 16), 0xffffffffU);
    EXPECT_FALSE(parse_whole<std::uint32_t>("0x1", 16));
    EXPECT_FALSE(parse_whole<std::uint32_t>("100000000", 16));
}

}  // namespace
}  // namespace neosocksd
