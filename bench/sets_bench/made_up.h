// Entries for the benchmark of native sets: made up, and the same in every run.

#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>
#include <string_view>

#include <fmt/format.h>

class Random {
public:
    explicit Random(unsigned seed) : engine_(seed) {}
    std::uint64_t bits() { return engine_(); }
    std::size_t below(std::size_t bound) { return engine_() % bound; }

private:
    std::mt19937_64 engine_;
};

// Names such as lists have: words of one to four syllables, some with digits or a hyphen, one in
// three with a label in front, under endings of which some are common.
inline std::string made_up_domain(Random& random) {
    static constexpr const char* kEndings[] = {"com", "com", "com",   "com",   "com",  "net",
                                               "org", "cn",  "de",    "ru",    "info", "io",
                                               "top", "xyz", "co.uk", "com.br"};
    static constexpr const char* kFronts[] = {"www", "ads", "cdn", "img", "track", "m", "static"};
    static constexpr std::string_view kConsonants = "bcdfghjklmnpqrstvwxz";
    static constexpr std::string_view kVowels = "aeiouy";
    std::string name;
    if (random.below(2) == 0) {
        name = kFronts[random.below(std::size(kFronts))];
        if (random.below(2) == 0) name += std::to_string(random.below(100));
        name += '.';
    }
    for (std::size_t syllables = 3 + random.below(4); syllables > 0; syllables--) {
        name += kConsonants[random.below(kConsonants.size())];
        name += kVowels[random.below(kVowels.size())];
        if (random.below(3) == 0) name += kConsonants[random.below(kConsonants.size())];
    }
    if (random.below(6) == 0) name += std::to_string(random.below(1000));
    if (random.below(12) == 0) name.insert(name.size() / 2, 1, '-');
    return name + '.' + kEndings[random.below(std::size(kEndings))];
}

inline std::string made_up_prefix4(Random& random) {
    const unsigned length = 24 + static_cast<unsigned>(random.below(9));
    const std::uint32_t mask = ~std::uint32_t{0} << (32 - length);
    const auto address = static_cast<std::uint32_t>(random.bits()) & mask;
    return fmt::format("{}.{}.{}.{}/{}", address >> 24, address >> 16 & 255, address >> 8 & 255,
                       address & 255, length);
}

inline std::string made_up_prefix6(Random& random) {
    const unsigned length = 29 + static_cast<unsigned>(random.below(20));
    const std::uint64_t network =
        (0x2000'0000'0000'0000 | random.bits() >> 3) & (~std::uint64_t{0} << (64 - length));
    return fmt::format("{:x}:{:x}:{:x}::/{}", network >> 48, network >> 32 & 0xffff,
                       network >> 16 & 0xffff, length);
}
