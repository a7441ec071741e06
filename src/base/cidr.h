// Prefixes of addresses: "192.0.2.0/24", "2001:db8::/32", or a single address.

#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/address.h"

namespace neosocksd {

struct Cidr {
    IpAddress ip;
    unsigned bits = 0;

    // Bits behind the prefix may be set: they do not count.
    static std::optional<Cidr> parse(std::string_view text);
    // An IPv4-mapped address counts as the IPv4 address it is.
    bool contains(const IpAddress& address) const;

    friend bool operator==(const Cidr&, const Cidr&) = default;
};

// Comma-separated; at least one. Nothing if an item cannot be read.
std::optional<std::vector<Cidr>> parse_cidr_list(std::string_view text);

bool any_contains(const std::vector<Cidr>& list, const IpAddress& address);

}  // namespace neosocksd
