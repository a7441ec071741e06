// Byte streams that follow from a seed: whoever knows the seed can make any part of the stream,
// and tell for each byte that arrives whether it is the right one at its place.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace neosocksd::soak {

inline std::uint64_t mix(std::uint64_t x) {  // splitmix64
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

// Writes `size` bytes of the stream, beginning at its byte `offset`.
inline void fill(std::uint64_t seed, std::uint64_t offset, unsigned char* out, std::size_t size) {
    while (size > 0) {
        const std::uint64_t word = mix(seed ^ (offset / 8));
        const std::size_t skip = offset % 8;
        const std::size_t count = size < 8 - skip ? size : 8 - skip;
        std::memcpy(out, reinterpret_cast<const unsigned char*>(&word) + skip, count);
        out += count;
        offset += count;
        size -= count;
    }
}

// True if these bytes are the stream's from `offset` on.
inline bool matches(std::uint64_t seed, std::uint64_t offset, const unsigned char* data,
                    std::size_t size) {
    unsigned char expected[4096];
    while (size > 0) {
        const std::size_t count = size < sizeof expected ? size : sizeof expected;
        fill(seed, offset, expected, count);
        if (std::memcmp(expected, data, count) != 0) return false;
        data += count;
        offset += count;
        size -= count;
    }
    return true;
}

// What a client tells the target before its stream, so that the target knows both streams and its
// part in the play.
struct Order {
    static constexpr std::uint64_t kMagic = 0x6b616f73'6f6b7321;
    // Flags.
    static constexpr std::uint64_t kMayEndEarly = 1;  // by a proxy on the way that is killed
    static constexpr std::uint64_t kHttp = 2;         // the stream is a body
    static constexpr std::uint64_t kNever = ~std::uint64_t{0};

    std::uint64_t magic = kMagic;
    std::uint64_t seed = 0;
    std::uint64_t up = 0;    // bytes, this order not counted
    std::uint64_t down = 0;  // bytes
    std::uint64_t flags = 0;
    std::uint64_t reset_at = kNever;  // the target resets once it has sent so much
};

// Random numbers of one owner.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() { return mix(state_++); }
    std::uint64_t below(std::uint64_t bound) { return bound ? next() % bound : 0; }
    bool chance(unsigned permille) { return below(1000) < permille; }

private:
    std::uint64_t state_;
};

}  // namespace neosocksd::soak
