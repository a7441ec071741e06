#include "net/resolver_order.h"

#include <string>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace neosocksd::net {
namespace {

std::vector<IpAddress> list(std::initializer_list<const char*> texts) {
    std::vector<IpAddress> result;
    for (const char* text : texts) result.push_back(*IpAddress::parse(text));
    return result;
}

TEST(AddressOrderTest, lets_the_families_take_turns) {
    const auto mixed = list({"192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"});
    EXPECT_EQ(interleave(mixed, true),
              list({"2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"}));
    EXPECT_EQ(interleave(mixed, false),
              list({"192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2", "192.0.2.3"}));
    const auto v4 = list({"192.0.2.1", "192.0.2.2"});
    EXPECT_EQ(interleave(v4, true), v4);
    EXPECT_TRUE(interleave({}, true).empty());
}

TEST(AddressOrderTest, drops_repetitions) {
    EXPECT_EQ(interleave(list({"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1"}), false),
              list({"192.0.2.1", "192.0.2.2"}));
}

TEST(AddressOrderTest, keeps_both_families_when_it_cuts) {
    std::vector<IpAddress> many;
    for (std::uint8_t i = 0; i < 100; i++) many.push_back(IpAddress::v4({192, 0, 2, i}));
    many.push_back(*IpAddress::parse("2001:db8::1"));
    const auto ordered = interleave(many, false);
    ASSERT_EQ(ordered.size(), limits::kResolverAddresses);
    EXPECT_EQ(ordered[1], *IpAddress::parse("2001:db8::1"));
}

TEST(AddressOrderTest, prefers_the_loopback_of_ipv6_as_rfc_6724_does) {
    const auto loopback6 = *IpAddress::parse("::1");
    const auto loopback4 = *IpAddress::parse("127.0.0.1");
    const auto order = order_addresses(std::vector{loopback4, loopback6});
    ASSERT_EQ(order.size(), 2u);
    // Without IPv6 on this machine IPv4 comes first.
    EXPECT_EQ(order[0] == loopback6, prefers_v6(loopback6, loopback4));
    // Unique local and 6to4 addresses yield to IPv4.
    EXPECT_FALSE(prefers_v6(*IpAddress::parse("fd12:3456::1"), loopback4));
}

}  // namespace
}  // namespace neosocksd::net
