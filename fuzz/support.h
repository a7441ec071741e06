// What the fuzz targets share: an assertion that ends the process, input that is taken apart from
// the front, and a way to cut bytes into segments that the input itself decides.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string_view>

namespace neosocksd::fuzz {

inline void require(bool condition, std::source_location where = std::source_location::current()) {
    if (condition) return;
    std::fprintf(stderr, "%s:%u: does not hold\n", where.file_name(),
                 static_cast<unsigned>(where.line()));
    std::abort();
}

class Input {
public:
    Input(const std::uint8_t* data, std::size_t size)
        : rest_(reinterpret_cast<const char*>(data), size) {}

    // Zero when nothing is left.
    std::uint8_t take_octet() {
        const std::string_view octet = take(1);
        return octet.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(octet[0]);
    }
    std::string_view take(std::size_t size) {
        const std::string_view front = rest_.substr(0, size);
        rest_.remove_prefix(front.size());
        return front;
    }
    std::string_view rest() const { return rest_; }

private:
    std::string_view rest_;
};

// Calls `consume` with segments of 1 to 16 bytes; seed 0 means one byte each.
template <typename Consume>
void cut(std::string_view bytes, std::uint8_t seed, Consume consume) {
    std::uint32_t state = seed;
    while (!bytes.empty()) {
        state = state * 1103515245u + (seed != 0 ? 12345u : 0u);
        const std::size_t size = std::min<std::size_t>(bytes.size(), 1 + (state >> 16 & 15));
        consume(bytes.substr(0, size));
        bytes.remove_prefix(size);
    }
}

}  // namespace neosocksd::fuzz
