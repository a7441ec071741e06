// How a request ended, in the codes of RFC 1928 section 6. Clients that speak SOCKS5 get the code
// itself; what an upstream proxy of any protocol reports is translated into this vocabulary, so
// that the cause survives a chain.

#pragma once

#include <cstdint>

namespace neosocksd::proto {

enum class Reply : std::uint8_t {
    succeeded = 0,
    general_failure = 1,
    not_allowed = 2,
    network_unreachable = 3,
    host_unreachable = 4,
    connection_refused = 5,
    ttl_expired = 6,
    command_not_supported = 7,
    address_type_not_supported = 8,
};

}  // namespace neosocksd::proto
