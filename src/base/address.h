// Addresses as the program speaks of them:
//   IpAddress  a literal IPv4 or IPv6 address (with scope)
//   Endpoint   an IpAddress and a port: something a socket can connect or bind to
//   HostPort   what a client asked for: a literal address or a name, and a port
// They convert to and from text, never to a DNS lookup.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/socket.h>

namespace neosocksd {

class IpAddress {
public:
    IpAddress() = default;  // 0.0.0.0
    static IpAddress v4(std::array<std::uint8_t, 4> octets);
    static IpAddress v6(const std::array<std::uint8_t, 16>& octets, std::uint32_t scope = 0);
    // Strict: dotted quad without leading zeros, or an IPv6 literal with an optional %scope
    // (number or interface name), without brackets.
    static std::optional<IpAddress> parse(std::string_view text);

    bool is_v4() const { return v4_; }
    bool is_v6() const { return !v4_; }
    // Four or sixteen octets in network order.
    std::string_view octets() const;
    std::uint32_t scope() const { return scope_; }
    // ::ffff:a.b.c.d becomes a.b.c.d; anything else is returned as it is.
    IpAddress unmapped() const;
    std::string to_string() const;

    friend bool operator==(const IpAddress&, const IpAddress&) = default;

private:
    std::array<std::uint8_t, 16> octets_{};
    std::uint32_t scope_ = 0;
    bool v4_ = true;
};

struct Endpoint {
    IpAddress ip;
    std::uint16_t port = 0;

    static std::optional<Endpoint> from_sockaddr(const sockaddr* address);
    // Fills `storage`, returns the length that bind(2) and connect(2) want.
    socklen_t to_sockaddr(sockaddr_storage& storage) const;
    // "192.0.2.1:80", "[2001:db8::1]:443"
    std::string to_string() const;

    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct HostPort {
    // A name, or the text of a literal when the client sent one as a name. Empty if `ip` is set.
    std::string name;
    std::optional<IpAddress> ip;
    std::uint16_t port = 0;

    static HostPort literal(const Endpoint& endpoint);
    static HostPort named(std::string name, std::uint16_t port);
    // "host:port" as spec/cli.md section 3 says: split at the last colon, brackets around the host
    // removed, numeric port 0-65535 (empty is 0; a leading blank or '+' is accepted), host at
    // most 255 bytes, all at most 261. A literal host becomes `ip`. "":0 from ":" is valid.
    // On failure returns the reason: "invalid address: `X'" and the like.
    static std::optional<HostPort> parse(std::string_view text, std::string* reason = nullptr);

    std::string host() const { return ip ? ip->to_string() : name; }
    std::string to_string() const;

    friend bool operator==(const HostPort&, const HostPort&) = default;
};

// Splits at the last colon and removes brackets around the host; false without a colon.
bool split_host_port(std::string_view text, std::string_view& host, std::string_view& port);

// True if the name holds a control byte (NUL, CR, LF ...), a blank or DEL: such a name may be
// seen differently by a rule and by an upstream proxy, and is refused (spec/protocols.md Q21, Q25).
bool has_unsafe_bytes(std::string_view name);

}  // namespace neosocksd
