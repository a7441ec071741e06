// Reads the arguments of options. Tested by option_values_test.cc.

#include "app/option_values.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>

#include "base/address.h"
#include "base/limits.h"
#include "base/number.h"
#include "base/unix_address.h"
#include "proto/http_head.h"

namespace neosocksd::app {

std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t min,
                                          std::int64_t max) {
    const std::size_t blanks = text.find_first_not_of(" \t\n\v\f\r");
    text.remove_prefix(std::min(blanks, text.size()));
    if (text.starts_with('+')) text.remove_prefix(1);
    // from_chars would take a minus sign, also after the plus.
    if (text.starts_with('-')) return std::nullopt;
    const auto value = parse_whole<std::int64_t>(text);
    return value && *value >= min && *value <= max ? value : std::nullopt;
}

std::optional<double> parse_number(std::string_view text) {
    if (text.empty()) return std::nullopt;
    const std::string copy(text);  // strtod needs a terminator
    char* stop = nullptr;
    const double value = std::strtod(copy.c_str(), &stop);
    if (stop == copy.c_str() + copy.size()) return value;
    return parse_whole<double>(text);
}

std::optional<std::size_t> find_word(std::span<const std::string_view> words,
                                     std::string_view text) {
    const auto found = std::ranges::find(words, text);
    if (found == words.end()) return std::nullopt;
    return static_cast<std::size_t>(found - words.begin());
}

std::optional<Startups> parse_startups(std::string_view text) {
    const std::size_t first = text.find(':');
    if (first == text.npos) return std::nullopt;
    const std::size_t second = text.find(':', first + 1);
    if (second == text.npos) return std::nullopt;
    // A third colon ends up in the last part, where it is no digit.
    const auto start = parse_integer(text.substr(0, first), 0, kIntegerMax);
    const auto rate = parse_integer(text.substr(first + 1, second - first - 1), 0, kIntegerMax);
    const auto full = parse_integer(text.substr(second + 1), 0, kIntegerMax);
    if (!start || !rate || !full) return std::nullopt;
    return Startups{.start = *start, .rate = *rate, .full = *full};
}

std::optional<BlockOutbound> parse_block_outbound(std::string_view text) {
    // In the order of kAddressClassWords.
    constexpr bool BlockOutbound::* kFields[] = {&BlockOutbound::loopback,
                                                 &BlockOutbound::multicast, &BlockOutbound::local,
                                                 &BlockOutbound::global};
    static_assert(std::size(kFields) == std::size(kAddressClassWords));
    BlockOutbound blocked{.multicast = false};
    if (text.empty()) return blocked;
    for (;;) {
        const std::size_t comma = text.find(',');
        const auto index = find_word(kAddressClassWords, text.substr(0, comma));
        if (!index) return std::nullopt;
        blocked.*kFields[*index] = true;
        if (comma == text.npos) break;
        text.remove_prefix(comma + 1);
    }
    if (blocked.local && blocked.global) return std::nullopt;
    return blocked;
}

std::optional<int> parse_buffer_size(std::string_view text) {
    if (text.empty()) return std::nullopt;
    std::int64_t factor = 1;
    switch (text.back()) {
    case 'k':
    case 'K': factor = 1024; break;
    case 'm':
    case 'M': factor = 1024 * 1024; break;
    default: break;
    }
    if (factor > 1) text.remove_suffix(1);
    const auto count = parse_integer(text, 1, limits::kSocketBufferBytesMax / factor);
    if (!count || *count * factor < limits::kSocketBufferBytesMin) return std::nullopt;
    return static_cast<int>(*count * factor);
}

std::optional<std::uint32_t> parse_mark(std::string_view text) {
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        text.remove_prefix(2);
        base = 16;
    }
    return parse_whole<std::uint32_t>(text, base);
}

std::optional<int> parse_keepalive(std::string_view text) {
    if (text == "off") return 0;
    const auto seconds = parse_integer(text, 1, limits::kKeepaliveSecondsMax);
    if (!seconds) return std::nullopt;
    return static_cast<int>(*seconds);
}

std::optional<SourceAddress> parse_source_address(std::string_view text) {
    SourceAddress source;
    for (;;) {
        const std::size_t comma = text.find(',');
        const auto ip = IpAddress::parse(text.substr(0, comma));
        if (!ip) return std::nullopt;
        auto& place = ip->is_v4() ? source.v4 : source.v6;
        if (place) return std::nullopt;
        place = ip;
        if (comma == text.npos) return source;
        text.remove_prefix(comma + 1);
    }
}

std::optional<std::vector<std::string>> parse_host_names(std::string_view text) {
    std::vector<std::string> names;
    for (;;) {
        const std::size_t comma = text.find(',');
        const std::string_view name = text.substr(0, comma);
        if (name.empty() || name.size() > limits::kHostBytes || has_unsafe_bytes(name) ||
            proto::has_delimiters(name))
            return std::nullopt;
        names.emplace_back(name);
        if (comma == text.npos) return names;
        text.remove_prefix(comma + 1);
    }
}

bool listen_port_overflows(std::string_view address) {
    if (UnixAddress::recognises(address)) return false;
    std::string_view host;
    std::string_view port;
    if (!split_host_port(address, host, port)) return false;
    if (port.empty() || port.find_first_not_of("0123456789") != port.npos) return false;
    return !parse_integer(port, 0, 65535);
}

}  // namespace neosocksd::app
