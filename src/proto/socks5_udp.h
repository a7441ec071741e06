// SOCKS5 datagrams, RFC 1928 section 7: the header in front of each payload, and the reassembly of
// fragments.
//
//   RSV(2) FRAG ATYP DST.ADDR DST.PORT payload
//
// From the client the address is where the payload goes, to the client it is where it came from.
// Fragments must come in order, from 1 on, the last one marked by the high bit: anything else
// abandons the sequence, so that one buffer and one number are all there is to keep.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"

namespace neosocksd::proto {

struct UdpHeader {
    // 0: the datagram is whole. Otherwise its place (1-127), with kLastFragment in the last.
    std::uint8_t fragment = 0;
    HostPort target;
    std::size_t size = 0;  // the payload begins here
};

inline constexpr std::uint8_t kLastFragment = 0x80;

// nullopt for what is cut short, of an unknown address type, to port 0, or to a name that is empty
// or has control bytes. RSV is ignored, as in requests.
std::optional<UdpHeader> parse_udp_header(std::string_view datagram);

// The header of a whole datagram from or to this address.
class UdpEndpointHeader {
public:
    explicit UdpEndpointHeader(const Endpoint& endpoint);
    std::string_view bytes() const { return {bytes_.data(), size_}; }

private:
    static constexpr std::size_t kBytesMax = 4 + 16 + 2;
    std::array<char, kBytesMax> bytes_;
    std::size_t size_;
};

// The same for any target.
std::string udp_header(const HostPort& target);

class UdpReassembly {
public:
    using TimePoint = std::chrono::steady_clock::time_point;

    // `header.fragment` is not 0. True if the datagram is complete: see target() and payload().
    bool add(const UdpHeader& header, std::string_view payload, TimePoint now);
    // A whole datagram came between: whatever was begun will not be finished.
    void abandon();

    // Of the datagram that was completed last, until the next add().
    const HostPort& target() const { return target_; }
    const std::string& payload() const { return payload_; }

    // Fragments that came in vain so far.
    std::uint64_t discarded() const { return discarded_; }

private:
    HostPort target_;
    std::string payload_;
    TimePoint begun_{};
    std::uint8_t held_ = 0;  // fragments of the sequence under way
    std::uint64_t discarded_ = 0;
};

}  // namespace neosocksd::proto
