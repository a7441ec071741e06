// What a line of a list file means, and what a subnet in a script's text means. Lines come without
// their ends, comments and surrounding blanks (list_file.h), and are not empty.

#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/cidr.h"
#include "ruleset/domain_set.h"
#include "ruleset/prefix_set.h"

namespace neosocksd::ruleset {

// The error is a text for the author of the list or script.
template <typename T>
using Parsed = std::expected<T, std::string>;

// A line of a domain list:
//   example.org, .example.org, domain:example.org   the name and everything below it
//   full:example.org                                this name only
//   192.0.2.1 one.example.org two.example.org       a line of a hosts file: these names only
Parsed<void> add_domain_line(std::string_view line, DomainSet::Builder& builder);

// "192.0.2.0/24" or "2001:db8::/32"; bits behind the prefix must be zero. A plain address counts
// as the prefix that holds nothing else if `plain` says so.
Parsed<Cidr> parse_subnet(std::string_view text, bool plain);

void add_subnet(PrefixSet4& set, const Cidr& subnet);  // an IPv4 one
void add_subnet(PrefixSet6& set, const Cidr& subnet);  // an IPv6 one

// An address of up to eight octets, or half of an IPv6 address, as a number.
std::uint64_t to_number(std::string_view octets);

Parsed<Cidr> invalid_subnet(std::string_view text);

// Text of a list in a message: cut short, control characters replaced.
std::string quote(std::string_view text);

}  // namespace neosocksd::ruleset
