#include "ruleset/list_entry.h"

#include <gtest/gtest.h>

namespace neosocksd::ruleset {
namespace {

DomainSet set_of(std::string_view line) {
    DomainSet::Builder builder;
    const auto added = add_domain_line(line, builder);
    EXPECT_TRUE(added) << line << ": " << added.error();
    return builder.build();
}

std::string domain_error(std::string_view line) {
    DomainSet::Builder builder;
    const auto added = add_domain_line(line, builder);
    return added ? "" : added.error();
}

TEST(ListEntry, plain_names_leading_dots_and_domain_are_suffixes) {
    for (const char* line : {"example.org", ".example.org", "domain:example.org", "Example.ORG."}) {
        const DomainSet set = set_of(line);
        EXPECT_TRUE(set.contains("example.org")) << line;
        EXPECT_TRUE(set.contains("a.example.org")) << line;
    }
}

TEST(ListEntry, full_is_an_exact_host) {
    const DomainSet set = set_of("full:example.org");
    EXPECT_TRUE(set.contains("example.org"));
    EXPECT_FALSE(set.contains("a.example.org"));
}

TEST(ListEntry, a_line_of_a_hosts_file_gives_exact_hosts) {
    for (const char* line : {"0.0.0.0 example.org b.example.org", "::1\texample.org  b.example.org",
                             "fe80::1%lo0 example.org b.example.org"}) {
        const DomainSet set = set_of(line);
        EXPECT_TRUE(set.contains("example.org")) << line;
        EXPECT_TRUE(set.contains("b.example.org")) << line;
        EXPECT_FALSE(set.contains("c.example.org")) << line;
        EXPECT_FALSE(set.contains("0.0.0.0")) << line;
    }
}

TEST(ListEntry, kinds_that_would_never_match_are_refused) {
    EXPECT_EQ(domain_error("regexp:^ads"),
              "\"regexp:\" is not supported, only plain names, \"domain:\" and \"full:\": "
              "\"regexp:^ads\"");
    EXPECT_EQ(domain_error("keyword:ads").substr(0, 27), "\"keyword:\" is not supported");
    EXPECT_EQ(domain_error("||example.org^"), "invalid domain \"||example.org^\"");
    EXPECT_EQ(domain_error("*.example.org"), "invalid domain \"*.example.org\"");
    EXPECT_EQ(domain_error("http://example.org").substr(0, 7), "\"http:\"");
    EXPECT_EQ(domain_error("full:"), "invalid domain \"\"");
    EXPECT_EQ(domain_error("example.org example.net"),
              "more than one word \"example.org example.net\"");
    EXPECT_EQ(domain_error("10.0.0.0/8"), "invalid domain \"10.0.0.0/8\"");
    EXPECT_EQ(domain_error(std::string(256, 'a')).substr(0, 20), "domain name too long");
}

std::string subnet_error(std::string_view text, bool plain = false) {
    const auto subnet = parse_subnet(text, plain);
    return subnet ? "" : subnet.error();
}

TEST(ListEntry, subnets_are_read) {
    EXPECT_EQ(parse_subnet("192.0.2.0/24", false), *Cidr::parse("192.0.2.0/24"));
    EXPECT_EQ(parse_subnet("0.0.0.0/0", false), *Cidr::parse("0.0.0.0/0"));
    EXPECT_EQ(parse_subnet("2001:db8::/32", false), *Cidr::parse("2001:db8::/32"));
    EXPECT_EQ(parse_subnet("192.0.2.1", true), *Cidr::parse("192.0.2.1/32"));
    EXPECT_EQ(parse_subnet("::1", true), *Cidr::parse("::1/128"));
}

TEST(ListEntry, bad_subnets_are_refused_with_the_texts_of_parse_cidr) {
    EXPECT_EQ(subnet_error("10.0.0.1/8"), "invalid subnet \"10.0.0.1/8\"");
    EXPECT_EQ(subnet_error("2001:db8::1/64"), "invalid subnet \"2001:db8::1/64\"");
    EXPECT_EQ(subnet_error("2001:db8:0:0:1::/64"), "invalid subnet \"2001:db8:0:0:1::/64\"");
    EXPECT_EQ(subnet_error("nonsense/8"), "invalid subnet \"nonsense/8\"");
    EXPECT_EQ(subnet_error("nonsense", true), "invalid subnet \"nonsense\"");
    EXPECT_EQ(subnet_error("10.0.0.0"), "invalid prefix size \"10.0.0.0\"");
    EXPECT_EQ(subnet_error("10.0.0.0/33"), "invalid prefix size \"10.0.0.0/33\"");
    EXPECT_EQ(subnet_error("10.0.0.0/"), "invalid prefix size \"10.0.0.0/\"");
    EXPECT_EQ(subnet_error("10.0.0.0/8x"), "invalid prefix size \"10.0.0.0/8x\"");
    EXPECT_EQ(subnet_error("10.0.0.0/-1"), "invalid prefix size \"10.0.0.0/-1\"");
    EXPECT_EQ(subnet_error("::/129"), "invalid prefix size \"::/129\"");
}

TEST(ListEntry, quoted_text_is_short_and_printable) {
    EXPECT_EQ(quote("a\nb\x1b"), "\"a?b?\"");
    EXPECT_EQ(quote(std::string(200, 'x')), '"' + std::string(80, 'x') + "...\"");
}

}  // namespace
}  // namespace neosocksd::ruleset
