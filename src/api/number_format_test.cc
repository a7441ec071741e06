#include "api/number_format.h"

#include <cmath>

#include <gtest/gtest.h>

namespace neosocksd::api {
namespace {

using namespace std::chrono_literals;

TEST(FormatBytes, has_the_forms_of_1_4_2) {
    EXPECT_EQ(format_bytes(0), "0");
    EXPECT_EQ(format_bytes(1), "1B");
    EXPECT_EQ(format_bytes(22), "22B");
    EXPECT_EQ(format_bytes(2047), "2047B");
    EXPECT_EQ(format_bytes(2048), "2.00KiB");
    EXPECT_EQ(format_bytes(2047 * 1024.0), "2047KiB");
    EXPECT_EQ(format_bytes(2048 * 1024.0), "2.00MiB");
    EXPECT_EQ(format_bytes(10 * 1024.0 * 1024), "10.0MiB");
    EXPECT_EQ(format_bytes(28058), "27.4KiB");
    EXPECT_EQ(format_bytes(123 * 1024.0), "123KiB");
    EXPECT_EQ(format_bytes(3596613), "3.43MiB");
    EXPECT_EQ(format_bytes(-3062), "-2.99KiB");
    EXPECT_EQ(format_bytes(-5), "-5B");
    EXPECT_EQ(format_bytes(0.4), "0B");
    EXPECT_EQ(format_bytes(3.0 * 1024 * 1024 * 1024), "3.00GiB");
    EXPECT_EQ(format_bytes(3.0 * 1024 * 1024 * 1024 * 1024), "3.00TiB");
    EXPECT_EQ(format_bytes(std::pow(2.0, 100)), "1048576YiB");
}

TEST(FormatBytes, rounds_before_it_chooses) {
    EXPECT_EQ(format_bytes(2047.6), "2.00KiB");
    EXPECT_EQ(format_bytes(9.996 * 1024), "10.0KiB");
    EXPECT_EQ(format_bytes(99.96 * 1024), "100KiB");
}

TEST(FormatCount, has_three_digits) {
    EXPECT_EQ(format_count(0), "0");
    EXPECT_EQ(format_count(-25), "-25");
    EXPECT_EQ(format_count(384), "384");
    EXPECT_EQ(format_count(999), "999");
    EXPECT_EQ(format_count(999.6), "1k");
    EXPECT_EQ(format_count(1000), "1k");
    EXPECT_EQ(format_count(12345), "12.3k");
    EXPECT_EQ(format_count(400000), "400k");
    EXPECT_EQ(format_count(999999), "1M");
    EXPECT_EQ(format_count(1.5e6), "1.5M");
    EXPECT_EQ(format_count(-2e9), "-2G");
}

TEST(FormatDuration, has_every_form_of_the_table) {
    EXPECT_EQ(format_duration(0ns), "0");
    EXPECT_EQ(format_duration(1ns), "1ns");
    EXPECT_EQ(format_duration(9298ns), "9298ns");
    EXPECT_EQ(format_duration(22410ns), "22.41\u00b5s");
    EXPECT_EQ(format_duration(127900ns), "127.9\u00b5s");
    EXPECT_EQ(format_duration(3973us), "3.973ms");
    EXPECT_EQ(format_duration(57690us), "57.69ms");
    EXPECT_EQ(format_duration(307600us), "307.6ms");
    EXPECT_EQ(format_duration(1329ms), "1329ms");
    EXPECT_EQ(format_duration(9999ms), "9999ms");
    EXPECT_EQ(format_duration(39270ms), "39.27s");
    EXPECT_EQ(format_duration(65300ms), "1:05.3");
    EXPECT_EQ(format_duration(12min + 7s), "12:07");
    EXPECT_EQ(format_duration(3h), "3:00:00");
    EXPECT_EQ(format_duration(23h + 59min + 59s), "23:59:59");
    EXPECT_EQ(format_duration(51h + 4min + 5s), "2d03:04:05");
    EXPECT_EQ(format_duration(-1329ms), "-1329ms");
}

TEST(FormatDuration, rounds_before_it_chooses) {
    EXPECT_EQ(format_duration(9999ns), "9999ns");
    EXPECT_EQ(format_duration(10us), "10.00\u00b5s");
    EXPECT_EQ(format_duration(99996ns), "100.0\u00b5s");
    EXPECT_EQ(format_duration(999960ns), "1.000ms");
    EXPECT_EQ(format_duration(9999600ns), "10.00ms");
    EXPECT_EQ(format_duration(99996us), "100.0ms");
    EXPECT_EQ(format_duration(999960us), "1000ms");
    EXPECT_EQ(format_duration(9999600us), "10.00s");
    EXPECT_EQ(format_duration(59996ms), "1:00.0");
    EXPECT_EQ(format_duration(119960ms), "2:00.0");
    EXPECT_EQ(format_duration(10min - 1ms), "10:00");
    EXPECT_EQ(format_duration(1h - 1ms), "1:00:00");
    EXPECT_EQ(format_duration(24h - 1ms), "1d00:00:00");
}

}  // namespace
}  // namespace neosocksd::api
