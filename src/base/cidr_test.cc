// Prefixes by table, and what is none.

#include "base/cidr.h"

#include <gtest/gtest.h>

namespace neosocksd {
namespace {

struct Row {
    const char* cidr;
    const char* address;
    bool inside;
};

const Row kRows[] = {
    {"192.0.2.0/24", "192.0.2.255", true},
    {"192.0.2.0/24", "192.0.3.0", false},
    {"192.0.2.77/24", "192.0.2.1", true},
    {"192.0.2.128/25", "192.0.2.127", false},
    {"192.0.2.128/25", "192.0.2.128", true},
    {"10.0.0.0/7", "11.255.255.255", true},
    {"10.0.0.0/7", "12.0.0.0", false},
    {"0.0.0.0/0", "255.255.255.255", true},
    {"0.0.0.0/0", "::1", false},
    {"192.0.2.1", "192.0.2.1", true},
    {"192.0.2.1", "192.0.2.2", false},
    {"192.0.2.0/24", "::ffff:192.0.2.9", true},
    {"2001:db8::/33", "2001:db8:7fff::", true},
    {"2001:db8::/33", "2001:db8:8000::", false},
    {"::/0", "2001:db8::1", true},
    {"::/0", "192.0.2.1", false},
    {"::1", "::1", true},
};

TEST(Cidr, contains_what_its_prefix_says) {
    for (const Row& row : kRows)
        EXPECT_EQ(Cidr::parse(row.cidr)->contains(*IpAddress::parse(row.address)), row.inside)
            << row.cidr << " " << row.address;
}

TEST(Cidr, refuses_what_is_no_prefix) {
    for (const char* text : {"", "/", "/8", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1",
                             "192.0.2.0/+8", "192.0.2.0/8 ", "192.0.2/24", "::/129", "fe80::1%1",
                             "example.org/8", "192.0.2.0/255.255.255.0"})
        EXPECT_FALSE(Cidr::parse(text)) << text;
}

TEST(CidrList, is_separated_by_commas) {
    const auto list = parse_cidr_list("192.0.2.0/24,::1");
    ASSERT_TRUE(list);
    EXPECT_EQ(list->size(), 2u);
    EXPECT_TRUE(any_contains(*list, *IpAddress::parse("::1")));
    EXPECT_FALSE(any_contains(*list, *IpAddress::parse("::2")));
    for (const char* text : {"", ",", "::1,", ",::1", "::1, ::2"})
        EXPECT_FALSE(parse_cidr_list(text)) << text;
}

}  // namespace
}  // namespace neosocksd
