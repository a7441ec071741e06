// Text and sockaddr forms of addresses. Tested by address_test.cc.

#include "base/address.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include "base/limits.h"
#include "base/number.h"

namespace neosocksd {

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> octets) {
    IpAddress a;
    std::copy(octets.begin(), octets.end(), a.octets_.begin());
    return a;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& octets, std::uint32_t scope) {
    IpAddress a;
    a.octets_ = octets;
    a.scope_ = scope;
    a.v4_ = false;
    return a;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    // The longest literal: eight groups with an embedded IPv4 address, '%', an interface name.
    if (text.empty() || text.size() > INET6_ADDRSTRLEN + IF_NAMESIZE) return std::nullopt;
    // The C functions below would stop at a NUL and accept what stands before it.
    if (text.find('\0') != std::string_view::npos) return std::nullopt;
    std::uint32_t scope = 0;
    const auto percent = text.find('%');
    const std::string address(text.substr(0, percent));
    std::array<std::uint8_t, 4> v4_octets{};
    if (percent == std::string_view::npos &&
        inet_pton(AF_INET, address.c_str(), v4_octets.data()) == 1)
        return v4(v4_octets);
    std::array<std::uint8_t, 16> v6_octets{};
    if (inet_pton(AF_INET6, address.c_str(), v6_octets.data()) != 1) return std::nullopt;
    if (percent != std::string_view::npos) {
        const std::string zone(text.substr(percent + 1));
        if (const auto number = parse_whole<std::uint32_t>(zone)) {
            scope = *number;
        } else {
            scope = if_nametoindex(zone.c_str());
            if (scope == 0) return std::nullopt;
        }
    }
    return v6(v6_octets, scope);
}

std::string_view IpAddress::octets() const {
    return {reinterpret_cast<const char*>(octets_.data()), v4_ ? 4u : 16u};
}

IpAddress IpAddress::unmapped() const {
    static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0,    0,
                                                             0, 0, 0, 0, 0xff, 0xff};
    if (v4_ || !std::equal(kMapped.begin(), kMapped.end(), octets_.begin())) return *this;
    return v4({octets_[12], octets_[13], octets_[14], octets_[15]});
}

std::string IpAddress::to_string() const {
    char text[INET6_ADDRSTRLEN];
    if (v4_) {  // inet_ntop() goes through printf: ten times as slow, for each request to the rules
        char* end = text;
        for (int i = 0; i < 4; i++) {
            if (i > 0) *end++ = '.';
            end = std::to_chars(end, text + sizeof text, octets_[i]).ptr;
        }
        return {text, end};
    }
    inet_ntop(AF_INET6, octets_.data(), text, sizeof text);
    std::string result = text;
    if (scope_ != 0) result += '%' + std::to_string(scope_);
    return result;
}

std::optional<Endpoint> Endpoint::from_sockaddr(const sockaddr* address) {
    Endpoint endpoint;
    if (address->sa_family == AF_INET) {
        sockaddr_in in;
        std::memcpy(&in, address, sizeof in);
        std::array<std::uint8_t, 4> octets;
        std::memcpy(octets.data(), &in.sin_addr, octets.size());
        endpoint = {IpAddress::v4(octets), ntohs(in.sin_port)};
    } else if (address->sa_family == AF_INET6) {
        sockaddr_in6 in6;
        std::memcpy(&in6, address, sizeof in6);
        std::array<std::uint8_t, 16> octets;
        std::memcpy(octets.data(), &in6.sin6_addr, octets.size());
        endpoint = {IpAddress::v6(octets, in6.sin6_scope_id), ntohs(in6.sin6_port)};
    } else {
        return std::nullopt;
    }
    return endpoint;
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& storage) const {
    std::memset(&storage, 0, sizeof storage);
    const std::string_view octets = ip.octets();
    if (ip.is_v4()) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(port);
        std::memcpy(&in.sin_addr, octets.data(), octets.size());
        std::memcpy(&storage, &in, sizeof in);
        return sizeof in;
    }
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    in6.sin6_scope_id = ip.scope();
    std::memcpy(&in6.sin6_addr, octets.data(), octets.size());
    std::memcpy(&storage, &in6, sizeof in6);
    return sizeof in6;
}

std::string Endpoint::to_string() const {
    const std::string host = ip.to_string();
    return (ip.is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

HostPort HostPort::literal(const Endpoint& endpoint) {
    HostPort result;
    result.ip = endpoint.ip;
    result.port = endpoint.port;
    return result;
}

HostPort HostPort::named(std::string name, std::uint16_t port) {
    HostPort result;
    result.name = std::move(name);
    result.port = port;
    return result;
}

std::optional<HostPort> HostPort::parse(std::string_view text, std::string* reason) {
    const auto fail = [&](std::string why) -> std::optional<HostPort> {
        if (reason) *reason = std::move(why);
        return std::nullopt;
    };
    if (text.size() > limits::kAddressBytes)
        return fail("address too long: " + std::to_string(text.size()) + " bytes");
    std::string_view host, port_text;
    if (!split_host_port(text, host, port_text) || host.size() > limits::kHostBytes)
        return fail("invalid address: `" + std::string(text) + "'");
    std::string_view digits = port_text;
    while (!digits.empty() && digits.front() == ' ') digits.remove_prefix(1);
    if (!digits.empty() && digits.front() == '+') digits.remove_prefix(1);
    std::uint16_t port = 0;
    if (!digits.empty()) {
        const auto number = parse_whole<std::uint16_t>(digits);
        if (!number) return fail("unable to parse port number: `" + std::string(port_text) + "'");
        port = *number;
    }
    if (const auto ip = IpAddress::parse(host)) return literal({*ip, port});
    return named(std::string(host), port);
}

std::string HostPort::to_string() const {
    if (ip) return Endpoint{*ip, port}.to_string();
    return name + ':' + std::to_string(port);
}

bool split_host_port(std::string_view text, std::string_view& host, std::string_view& port) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return false;
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    return true;
}

bool has_unsafe_bytes(std::string_view name) {
    return std::any_of(name.begin(), name.end(),
                       [](unsigned char c) { return c <= 0x20 || c == 0x7f; });
}

}  // namespace neosocksd
