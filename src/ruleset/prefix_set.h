// Sets of IPv4 and of IPv6 prefixes, asked by number. Immutable once built.
//
// Prefixes inside others are dropped and two halves become their whole; what is left is disjoint,
// so that the last prefix that does not start behind the address is the only one that can hold it.
// Starts and lengths lie in two sorted arrays: 5 bytes an IPv4 prefix; 9 an IPv6 prefix of up to 64
// bits, as nearly all are; 17 a longer one. Every sixteenth start is repeated in an array that is
// small enough to stay in the cache. Figures are in bench/README.md.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace neosocksd::ruleset {

using Uint128 = unsigned __int128;

// Prefixes of addresses with as many bits as Key has.
template <typename Key>
class PrefixList {
public:
    static constexpr unsigned kBits = sizeof(Key) * 8;

    // Bits behind the prefix must be zero, `length` at most kBits. Before seal().
    void add(Key start, unsigned length);
    void seal();

    bool contains(Key address) const;
    std::size_t size() const { return starts_.size(); }
    std::size_t bytes() const;

private:
    static constexpr std::size_t kStride = 16;

    struct Item {
        Key start;
        std::uint8_t length;
    };

    std::vector<Item> items_;  // until seal()
    std::vector<Key> samples_;
    std::vector<Key> starts_;
    std::vector<std::uint8_t> lengths_;
};

extern template class PrefixList<std::uint32_t>;
extern template class PrefixList<std::uint64_t>;
extern template class PrefixList<Uint128>;

using PrefixSet4 = PrefixList<std::uint32_t>;

class PrefixSet6 {
public:
    void add(std::uint64_t high, std::uint64_t low, unsigned length);
    void seal();

    bool contains(std::uint64_t high, std::uint64_t low) const;
    std::size_t size() const { return short_.size() + long_.size(); }
    std::size_t bytes() const { return short_.bytes() + long_.bytes(); }

private:
    PrefixList<std::uint64_t> short_;  // up to 64 bits
    PrefixList<Uint128> long_;
};

}  // namespace neosocksd::ruleset
