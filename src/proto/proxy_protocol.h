// The PROXY protocol, versions 1 and 2 (haproxy.org, "The PROXY protocol", 2020): a header in front
// of a connection in which one proxy tells the next who the client is.
//
// Whoever sends the header says what address it likes, so it is only believed from peers that the
// operator has named. TLVs are skipped.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"

namespace neosocksd::proto {

struct ProxyHeader {
    // Absent for a connection of the peer itself (LOCAL, UNKNOWN: health checks) and for address
    // families we do not know (unix sockets): the connection's own address then stands.
    std::optional<Endpoint> source;
    std::optional<Endpoint> destination;

    friend bool operator==(const ProxyHeader&, const ProxyHeader&) = default;
};

struct ProxyHeaderStep {
    enum class Next : std::uint8_t { need_bytes, done, refuse };
    Next next = Next::need_bytes;
    std::size_t consumed = 0;  // after done: the rest belongs to the connection
    ProxyHeader header;        // after done
    const char* failure = "";  // after refuse
};

// Shown all bytes since the beginning of the connection, each time. Never wants more than
// limits::kProxyHeaderBytes.
ProxyHeaderStep read_proxy_header(std::string_view bytes);

// The header that announces `source` to a target reached at `destination`. Addresses of different
// families are both written as IPv6, the IPv4 one mapped.
std::string proxy_header_v1(const Endpoint& source, const Endpoint& destination);
std::string proxy_header_v2(const Endpoint& source, const Endpoint& destination);
// For a client without an address, such as one on a unix socket.
std::string unknown_proxy_header_v1();
std::string unknown_proxy_header_v2();

}  // namespace neosocksd::proto
