// Numbers and addresses in network order, as SOCKS messages carry them.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/address.h"

namespace neosocksd::proto {

inline std::uint8_t octet(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint8_t>(bytes[at]);
}

inline std::uint16_t read_port(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(octet(bytes, at) << 8 | octet(bytes, at + 1));
}

inline void append_port(std::string& message, std::uint16_t port) {
    message += static_cast<char>(port >> 8);
    message += static_cast<char>(port & 0xff);
}

// Exactly four or sixteen octets.
inline IpAddress read_ip(std::string_view octets) {
    if (octets.size() == 4) {
        std::array<std::uint8_t, 4> v4;
        std::copy(octets.begin(), octets.end(), v4.begin());
        return IpAddress::v4(v4);
    }
    std::array<std::uint8_t, 16> v6;
    std::copy(octets.begin(), octets.end(), v6.begin());
    return IpAddress::v6(v6);
}

}  // namespace neosocksd::proto
