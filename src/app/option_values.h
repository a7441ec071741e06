// From the text of an option's argument to its value. Stricter than neosocksd 1.4.2 where that
// read something the user cannot have meant: empty integers and ports above 65535 are refused.

#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/options.h"

namespace neosocksd::app {

// The largest integer that 1.4.2 accepts anywhere.
inline constexpr std::int64_t kIntegerMax = std::numeric_limits<std::int32_t>::max();

// Decimal; leading blanks and one '+' are accepted.
std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t min,
                                          std::int64_t max);

// What strtod(3) reads, to the last byte: also hexadecimal, inf and nan. The decimal point may be
// that of the locale or '.', so that a script does not break where the locale wants a comma.
std::optional<double> parse_number(std::string_view text);

// Index of `text` in `words`.
std::optional<std::size_t> find_word(std::span<const std::string_view> words,
                                     std::string_view text);

// "START:RATE:FULL". Only the syntax: how the three fit together is for options_check.cc.
std::optional<Startups> parse_startups(std::string_view text);

inline constexpr std::string_view kAddressClassWords[] = {"loopback", "multicast", "local",
                                                          "global"};

// A comma-separated list of kAddressClassWords. Empty blocks nothing; local together with global
// would block everything worth reaching and is refused.
std::optional<BlockOutbound> parse_block_outbound(std::string_view text);

// Bytes, with a factor k or m (1024, 1024 * 1024) behind the number in either case.
std::optional<int> parse_buffer_size(std::string_view text);

// A firewall mark: 32 bits, decimal or with 0x.
std::optional<std::uint32_t> parse_mark(std::string_view text);

// Seconds, or "off" for 0.
std::optional<int> parse_keepalive(std::string_view text);

// One literal address of either family, or one of each in any order, separated by a comma.
std::optional<SourceAddress> parse_source_address(std::string_view text);

// Host names, separated by commas, none of them empty.
std::optional<std::vector<std::string>> parse_host_names(std::string_view text);

// True for a numeric port above 65535, which getaddrinfo(3) would silently take modulo 65536. All
// else about a listen address is found out later, by options_check.cc and by resolving it.
bool listen_port_overflows(std::string_view address);

}  // namespace neosocksd::app
