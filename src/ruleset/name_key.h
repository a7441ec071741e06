// A host name as sorted lists keep it: reversed, in lower case, and as symbols of six bits of which
// the dot is the lowest. Then a name is a prefix of every name below it, and in sorted order
// nothing stands between a name and what is below it.
//
// Dot, hyphen, digits, letters and underscore are one symbol. Of any other byte there are two: the
// upper three bits, among the symbols above those, and the lower five. No two names are confused,
// and none needs more than six bits for what names are made of.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/limits.h"

namespace neosocksd::ruleset {

// One symbol in each octet.
using Symbols = std::span<const std::uint8_t>;

// The same with four symbols in three octets, the first in the upper bits. One octet behind them
// must be readable.
class PackedSymbols {
public:
    PackedSymbols() = default;
    PackedSymbols(const std::uint8_t* octets, std::size_t size) : octets_(octets), size_(size) {}

    static std::size_t octets(std::size_t size) { return (size * 6 + 7) / 8; }

    std::size_t size() const { return size_; }
    std::uint8_t operator[](std::size_t index) const {
        const std::size_t bit = index * 6;
        const unsigned two = octets_[bit / 8] << 8u | octets_[bit / 8 + 1];
        return two >> (10 - bit % 8) & 63;
    }
    const std::uint8_t* end() const { return octets_ + octets(size_); }

private:
    const std::uint8_t* octets_ = nullptr;
    std::size_t size_ = 0;
};

namespace name_key {

inline constexpr std::uint8_t kDot = 0;
inline constexpr std::string_view kPlain = ".-0123456789abcdefghijklmnopqrstuvwxyz_";
inline constexpr std::uint8_t kOther = kPlain.size();  // and the seven that follow

// The symbol of a byte, or kOther.
inline constexpr std::array<std::uint8_t, 256> kSymbols = [] {
    std::array<std::uint8_t, 256> symbols{};
    symbols.fill(kOther);
    for (std::size_t i = 0; i < kPlain.size(); i++) {
        const auto c = static_cast<unsigned char>(kPlain[i]);
        symbols[c] = static_cast<std::uint8_t>(i);
        if (c >= 'a' && c <= 'z') symbols[c - 'a' + 'A'] = symbols[c];
    }
    return symbols;
}();

// The start of a key as an integer: a < b implies start(a) <= start(b). An end is less than any
// symbol.
inline std::uint64_t start(Symbols key) {
    constexpr std::size_t kCount = 10;
    std::uint64_t result = 0;
    for (std::size_t i = 0; i < kCount; i++)
        result = result << 6 | (i < key.size() ? key[i] + 1u : 0u);
    return result;
}

// Of two sequences of symbols, packed or not.
template <typename A, typename B>
std::size_t common_prefix(const A& a, const B& b) {
    const std::size_t most = a.size() < b.size() ? a.size() : b.size();
    std::size_t i = 0;
    while (i < most && a[i] == b[i]) i++;
    return i;
}

template <typename A, typename B>
bool less(const A& a, const B& b) {
    const std::size_t i = common_prefix(a, b);
    return i == a.size() ? i < b.size() : i < b.size() && a[i] < b[i];
}

}  // namespace name_key

// The key of one name. Of a name that is too long for any list, the end (which is the front here)
// is kept, one symbol more than names of lists may have: so it is still below its parents, and
// equal to nothing.
class NameKey {
public:
    explicit NameKey(std::string_view name) {
        for (std::size_t left = name.size(); left > 0 && size_ < symbols_.size(); left--) {
            const auto byte = static_cast<unsigned char>(name[left - 1]);
            const std::uint8_t symbol = name_key::kSymbols[byte];
            if (symbol != name_key::kOther) {
                symbols_[size_++] = symbol;
            } else {
                symbols_[size_++] = static_cast<std::uint8_t>(name_key::kOther + (byte >> 5));
                if (size_ < symbols_.size()) symbols_[size_++] = byte & 31;
            }
        }
    }
    Symbols symbols() const { return {symbols_.data(), size_}; }
    bool too_long() const { return size_ > limits::kHostBytes; }

private:
    std::size_t size_ = 0;
    std::array<std::uint8_t, limits::kHostBytes + 1> symbols_;
};

}  // namespace neosocksd::ruleset
