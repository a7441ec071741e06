// Tested by socks5_udp_test.cc and fuzz_socks5_udp.

#include "proto/socks5_udp.h"

#include <algorithm>

#include "base/limits.h"
#include "proto/wire.h"

namespace neosocksd::proto {

using namespace std::string_view_literals;

std::optional<UdpHeader> parse_udp_header(std::string_view datagram) {
    if (datagram.size() < 5) return std::nullopt;
    std::size_t address_at = 4;
    std::size_t address_size = 0;
    switch (octet(datagram, 3)) {
    case 1: address_size = 4; break;
    case 4: address_size = 16; break;
    case 3:
        address_at = 5;
        address_size = octet(datagram, 4);
        break;
    default: return std::nullopt;
    }
    UdpHeader header;
    header.size = address_at + address_size + 2;
    if (datagram.size() < header.size) return std::nullopt;
    header.fragment = octet(datagram, 2);
    const std::string_view address = datagram.substr(address_at, address_size);
    const std::uint16_t port = read_port(datagram, address_at + address_size);
    if (port == 0) return std::nullopt;
    if (address_at == 4) {
        header.target = HostPort::literal({read_ip(address), port});
    } else {
        if (address.empty() || has_unsafe_bytes(address)) return std::nullopt;
        header.target = HostPort::named(std::string(address), port);
    }
    return header;
}

UdpEndpointHeader::UdpEndpointHeader(const Endpoint& endpoint) {
    const std::string_view octets = endpoint.ip.octets();
    bytes_ = {'\0', '\0', '\0', endpoint.ip.is_v4() ? '\x01' : '\x04'};
    auto* end = std::copy(octets.begin(), octets.end(), bytes_.data() + 4);
    *end++ = static_cast<char>(endpoint.port >> 8);
    *end++ = static_cast<char>(endpoint.port & 0xff);
    size_ = static_cast<std::size_t>(end - bytes_.data());
}

std::string udp_header(const HostPort& target) {
    if (target.ip) return std::string(UdpEndpointHeader({*target.ip, target.port}).bytes());
    std::string header("\0\0\0\3"sv);
    header += static_cast<char>(target.name.size());
    header += target.name;
    append_port(header, target.port);
    return header;
}

bool UdpReassembly::add(const UdpHeader& header, std::string_view payload, TimePoint now) {
    const std::uint8_t place = header.fragment & static_cast<std::uint8_t>(~kLastFragment);
    const bool late = held_ > 0 && now - begun_ > limits::kUdpReassemblyTime;
    const bool other = held_ > 0 && header.target != target_;
    if (place != held_ + 1 || late || other) abandon();
    if (held_ == 0) {
        payload_.clear();
        target_ = header.target;
        begun_ = now;
    }
    // Either this one continues what is held, or it begins a sequence of its own.
    const bool fits = payload_.size() + payload.size() <= limits::kUdpPayloadBytes;
    if (place != held_ + 1 || !fits) {
        abandon();
        discarded_++;
        return false;
    }
    payload_ += payload;
    held_ = place;
    if ((header.fragment & kLastFragment) == 0) return false;
    held_ = 0;
    return true;
}

void UdpReassembly::abandon() {
    discarded_ += held_;
    held_ = 0;
    payload_ = {};
}

}  // namespace neosocksd::proto
