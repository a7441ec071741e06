// Tested by proxy_protocol_test.cc and fuzz_proxy_protocol.cc.

#include "proto/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/limits.h"
#include "base/number.h"

namespace neosocksd::proto {
namespace {

using Next = ProxyHeaderStep::Next;

constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::string_view kTextPrefix = "PROXY ";
// "PROXY UNKNOWN" with two full IPv6 addresses and ports, and CR LF.
constexpr std::size_t kTextBytes = 107;
constexpr std::size_t kFixedBytes = 16;

ProxyHeaderStep refuse(const char* why) {
    ProxyHeaderStep step;
    step.next = Next::refuse;
    step.failure = why;
    return step;
}

ProxyHeaderStep done(std::size_t consumed, const ProxyHeader& header) {
    ProxyHeaderStep step;
    step.next = Next::done;
    step.consumed = consumed;
    step.header = header;
    return step;
}

// True while `bytes` could still become something that begins with `prefix`.
bool may_begin_with(std::string_view bytes, std::string_view prefix) {
    const std::size_t size = std::min(bytes.size(), prefix.size());
    return bytes.substr(0, size) == prefix.substr(0, size);
}

// 0-65535 without leading zeros or signs, as the specification wants.
std::optional<std::uint16_t> parse_port(std::string_view text) {
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    return parse_whole<std::uint16_t>(text);
}

std::optional<Endpoint> parse_endpoint(std::string_view address, std::string_view port, bool v4) {
    const auto ip = IpAddress::parse(address);
    const auto number = parse_port(port);
    if (!ip || !number || ip->is_v4() != v4 || ip->scope() != 0) return std::nullopt;
    return Endpoint{ip->unmapped(), *number};
}

ProxyHeaderStep read_text(std::string_view bytes) {
    const auto end = bytes.substr(0, kTextBytes).find("\r\n");
    if (end == std::string_view::npos) {
        if (bytes.size() >= kTextBytes) return refuse("PROXY line too long");
        return {};
    }
    std::vector<std::string_view> words;
    for (std::string_view rest = bytes.substr(0, end);;) {
        const auto blank = rest.find(' ');
        words.push_back(rest.substr(0, blank));
        if (blank == std::string_view::npos) break;
        rest.remove_prefix(blank + 1);
    }
    // What follows UNKNOWN is to be ignored.
    if (words[1] == "UNKNOWN") return done(end + 2, {});
    const bool v4 = words[1] == "TCP4";
    if ((!v4 && words[1] != "TCP6") || words.size() != 6) return refuse("malformed PROXY line");
    const auto source = parse_endpoint(words[2], words[4], v4);
    const auto destination = parse_endpoint(words[3], words[5], v4);
    if (!source || !destination) return refuse("malformed PROXY line");
    return done(end + 2, {source, destination});
}

std::uint16_t read_16(std::string_view bytes) {
    return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[0]) << 8 |
                                      static_cast<unsigned char>(bytes[1]));
}

template <std::size_t N>
std::array<std::uint8_t, N> octets(std::string_view bytes) {
    std::array<std::uint8_t, N> result;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(bytes.data()), N, result.begin());
    return result;
}

ProxyHeaderStep read_binary(std::string_view bytes) {
    if (bytes.size() < kFixedBytes) return {};
    const auto version_command = static_cast<unsigned char>(bytes[12]);
    const auto family_protocol = static_cast<unsigned char>(bytes[13]);
    const std::size_t size = read_16(bytes.substr(14));
    if (version_command >> 4 != 2) return refuse("unknown version of the PROXY protocol");
    const unsigned command = version_command & 0xf;
    if (command > 1) return refuse("unknown command in the PROXY header");
    const unsigned family = family_protocol >> 4;
    if (family > 3 || (family_protocol & 0xf) > 2)
        return refuse("unknown family in the PROXY header");
    if (size > limits::kProxyHeaderBytes - kFixedBytes) return refuse("PROXY header too long");
    if (bytes.size() < kFixedBytes + size) return {};
    const std::string_view block = bytes.substr(kFixedBytes, size);
    const std::size_t consumed = kFixedBytes + size;
    // LOCAL, unspecified, unix: nothing that would be an address of the client.
    if (command == 0 || (family != 1 && family != 2)) return done(consumed, {});
    const std::size_t length = family == 1 ? 4 : 16;
    if (size < 2 * length + 4) return refuse("PROXY header too short");
    const auto ip = [&](std::size_t at) {
        return family == 1 ? IpAddress::v4(octets<4>(block.substr(at)))
                           : IpAddress::v6(octets<16>(block.substr(at))).unmapped();
    };
    return done(consumed, {Endpoint{ip(0), read_16(block.substr(2 * length))},
                           Endpoint{ip(length), read_16(block.substr(2 * length + 2))}});
}

IpAddress mapped(const IpAddress& ip) {
    if (ip.is_v6()) return ip;
    std::array<std::uint8_t, 16> bytes{};
    bytes[10] = bytes[11] = 0xff;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(ip.octets().data()), 4, bytes.begin() + 12);
    return IpAddress::v6(bytes);
}

// Without scope, which means nothing to another host, and both of one family.
void make_alike(Endpoint& source, Endpoint& destination) {
    for (Endpoint* endpoint : {&source, &destination}) {
        endpoint->ip = endpoint->ip.unmapped();
        if (endpoint->ip.is_v6()) endpoint->ip = IpAddress::v6(octets<16>(endpoint->ip.octets()));
    }
    if (source.ip.is_v4() == destination.ip.is_v4()) return;
    source.ip = mapped(source.ip);
    destination.ip = mapped(destination.ip);
}

void append_16(std::string& out, std::size_t value) {
    out += static_cast<char>(value >> 8);
    out += static_cast<char>(value & 0xff);
}

}  // namespace

ProxyHeaderStep read_proxy_header(std::string_view bytes) {
    if (bytes.empty()) return {};
    if (may_begin_with(bytes, kSignature))
        return bytes.size() < kSignature.size() ? ProxyHeaderStep{} : read_binary(bytes);
    if (may_begin_with(bytes, kTextPrefix))
        return bytes.size() < kTextPrefix.size() ? ProxyHeaderStep{} : read_text(bytes);
    return refuse("no PROXY header from a peer that must send one");
}

std::string proxy_header_v1(const Endpoint& from, const Endpoint& to) {
    Endpoint source = from, destination = to;
    make_alike(source, destination);
    return std::string(kTextPrefix) + (source.ip.is_v4() ? "TCP4 " : "TCP6 ") +
           source.ip.to_string() + ' ' + destination.ip.to_string() + ' ' +
           std::to_string(source.port) + ' ' + std::to_string(destination.port) + "\r\n";
}

std::string proxy_header_v2(const Endpoint& from, const Endpoint& to) {
    Endpoint source = from, destination = to;
    make_alike(source, destination);
    std::string header(kSignature);
    header += '\x21';                               // version 2, PROXY
    header += source.ip.is_v4() ? '\x11' : '\x21';  // over TCP
    append_16(header, 2 * source.ip.octets().size() + 4);
    header += source.ip.octets();
    header += destination.ip.octets();
    append_16(header, source.port);
    append_16(header, destination.port);
    return header;
}

std::string unknown_proxy_header_v1() {
    return "PROXY UNKNOWN\r\n";
}

std::string unknown_proxy_header_v2() {
    return std::string(kSignature) + std::string("\x20\0\0\0", 4);
}

}  // namespace neosocksd::proto
