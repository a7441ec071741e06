#include "ruleset/prefix_set.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "ruleset/set_fixture.h"

namespace neosocksd::ruleset {
namespace {

PrefixSet4 set_of(const std::vector<std::pair<std::uint32_t, unsigned>>& prefixes) {
    PrefixSet4 set;
    for (const auto& [start, length] : prefixes) set.add(start, length);
    set.seal();
    return set;
}

TEST(PrefixSet, an_empty_set_contains_nothing) {
    EXPECT_FALSE(set_of({}).contains(0));
    PrefixSet6 set;
    set.seal();
    EXPECT_FALSE(set.contains(0, 0));
    EXPECT_EQ(set.size(), 0u);
}

TEST(PrefixSet, a_prefix_contains_from_its_first_to_its_last_address) {
    const PrefixSet4 set = set_of({{0x0a000000, 8}});
    EXPECT_FALSE(set.contains(0x09ffffff));
    EXPECT_TRUE(set.contains(0x0a000000));
    EXPECT_TRUE(set.contains(0x0affffff));
    EXPECT_FALSE(set.contains(0x0b000000));
}

TEST(PrefixSet, the_shortest_prefix_contains_everything_and_the_longest_one_address) {
    EXPECT_TRUE(set_of({{0, 0}}).contains(0xffffffff));
    const PrefixSet4 one = set_of({{0xffffffff, 32}});
    EXPECT_TRUE(one.contains(0xffffffff));
    EXPECT_FALSE(one.contains(0xfffffffe));
    PrefixSet6 all;
    all.add(0, 0, 0);
    all.seal();
    EXPECT_TRUE(all.contains(~0ull, ~0ull));
}

TEST(PrefixSet, prefixes_within_others_and_halves_are_merged) {
    EXPECT_EQ(set_of({{0x0a000000, 8}, {0x0a010000, 16}, {0x0a000000, 8}}).size(), 1u);
    // Two halves, of which one consists of two halves.
    const PrefixSet4 set = set_of({{0x0a000000, 9}, {0x0a800000, 10}, {0x0ac00000, 10}});
    EXPECT_EQ(set.size(), 1u);
    EXPECT_TRUE(set.contains(0x0affffff));
    // Neighbours that are not halves of one prefix.
    EXPECT_EQ(set_of({{0x0b000000, 8}, {0x0c000000, 8}}).size(), 2u);
    EXPECT_EQ(set_of({{0, 1}, {0x80000000, 1}}).size(), 1u);
}

TEST(PrefixSet, ipv6_prefixes_on_both_sides_of_64_bits_are_found) {
    PrefixSet6 set;
    set.add(0x20010db800000000, 0, 32);
    set.add(0xfe80000000000001, 0, 64);
    set.add(0, 1, 128);
    set.add(0, 0xffff00000000, 96);
    set.seal();
    EXPECT_EQ(set.size(), 4u);
    EXPECT_TRUE(set.contains(0x20010db8ffffffff, 7));
    EXPECT_FALSE(set.contains(0x20010db900000000, 0));
    EXPECT_TRUE(set.contains(0xfe80000000000001, ~0ull));
    EXPECT_FALSE(set.contains(0xfe80000000000002, 0));
    EXPECT_TRUE(set.contains(0, 1));
    EXPECT_FALSE(set.contains(0, 0));
    EXPECT_FALSE(set.contains(0, 2));
    EXPECT_TRUE(set.contains(0, 0xffff01020304));
    EXPECT_FALSE(set.contains(1, 1));
}

TEST(PrefixSet, agrees_with_a_naive_set) {
    Random random(printed_seed());
    for (int round = 0; round < 200; round++) {
        const std::size_t count = random.below(120);
        // Of 12 bits that vary, so that prefixes meet.
        const auto address = [&random] { return 0xc0000000u | (random.bits() & 0xfff) << 8; };
        std::vector<std::pair<std::uint32_t, unsigned>> prefixes;
        PrefixSet4 set;
        PrefixSet6 set6;
        for (std::size_t i = 0; i < count; i++) {
            const unsigned length = round % 20 == 0 ? static_cast<unsigned>(random.below(33))
                                                    : 12 + static_cast<unsigned>(random.below(13));
            const auto mask = length == 0 ? 0 : ~std::uint32_t{0} << (32 - length);
            const auto start = static_cast<std::uint32_t>(address()) & mask;
            prefixes.emplace_back(start, length);
            set.add(start, length);
            // The same at another place of IPv6, where they are longer than 64 bits or not.
            set6.add(std::uint64_t{start} << 8, 0, length + 24);
            set6.add(7, std::uint64_t{start} << 8, length + 88);
        }
        set.seal();
        set6.seal();
        EXPECT_LE(set.size(), count);
        for (int i = 0; i < 3000; i++) {
            const auto asked = i % 4 ? static_cast<std::uint32_t>(address())
                                     : static_cast<std::uint32_t>(random.bits());
            bool expected = false;
            for (const auto& [start, length] : prefixes)
                expected = expected || length == 0 || (asked ^ start) >> (32 - length) == 0;
            ASSERT_EQ(set.contains(asked), expected) << asked;
            ASSERT_EQ(set6.contains(std::uint64_t{asked} << 8 | 1, random.bits()), expected);
            ASSERT_EQ(set6.contains(7, std::uint64_t{asked} << 8 | 1), expected);
        }
    }
}

TEST(PrefixSet, takes_5_bytes_a_prefix_of_ipv4_and_9_of_ipv6) {
    Random random(printed_seed());
    PrefixSet4 set;
    PrefixSet6 set6;
    constexpr std::size_t kCount = 20'000;
    for (std::size_t i = 0; i < kCount; i++) {
        set.add(static_cast<std::uint32_t>(random.bits()), 32);
        set6.add(random.bits() << 16, 0, 48);
    }
    set.seal();
    set6.seal();
    EXPECT_LE(set.bytes(), 5.3 * kCount);
    EXPECT_LE(set6.bytes(), 9.6 * kCount);
}

}  // namespace
}  // namespace neosocksd::ruleset
