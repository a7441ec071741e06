// Tested by list_entry_test.cc.

#include "ruleset/list_entry.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/number.h"

namespace neosocksd::ruleset {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";

std::string_view next_word(std::string_view& line) {
    const auto start = std::min(line.find_first_not_of(kBlanks), line.size());
    const auto end = std::min(line.find_first_of(kBlanks, start), line.size());
    const std::string_view word = line.substr(start, end - start);
    line.remove_prefix(end);
    return word;
}

// Letters, digits, hyphen, underscore, dot, and what is not ASCII. Lists of other tools have
// "||example.org^" and "*.example.org": refused, because they would never match.
bool is_domain(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.' || static_cast<unsigned char>(c) >= 0x80;
    });
}

Parsed<void> refused(std::string_view what, std::string_view text) {
    return std::unexpected(fmt::format("{} {}", what, quote(text)));
}

Parsed<void> add_domain(std::string_view name, bool exact, DomainSet::Builder& builder) {
    if (!is_domain(name)) return refused("invalid domain", name);
    const auto added = exact ? builder.add_host(name) : builder.add_suffix(name);
    return added ? Parsed<void>{} : refused(added.error(), name);
}

// A scope counts only where there is an interface of that name, and is of no interest here.
bool is_address(std::string_view word) {
    return IpAddress::parse(word.substr(0, word.find('%'))).has_value();
}

}  // namespace

std::string quote(std::string_view text) {
    constexpr std::size_t kShown = 80;
    std::string result = "\"" + std::string(text.substr(0, kShown));
    for (char& c : result)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    result += text.size() > kShown ? "...\"" : "\"";
    return result;
}

Parsed<void> add_domain_line(std::string_view line, DomainSet::Builder& builder) {
    std::string_view rest = line;
    const std::string_view word = next_word(rest);
    std::string_view name = next_word(rest);
    if (!name.empty()) {
        if (!is_address(word)) return refused("more than one word", line);
        for (; !name.empty(); name = next_word(rest)) {
            // Hosts files name addresses too: "0.0.0.0 0.0.0.0".
            if (const auto added = add_domain(name, true, builder); !added) return added;
        }
        return {};
    }
    constexpr std::string_view kFull = "full:", kDomain = "domain:";
    if (word.starts_with(kFull)) return add_domain(word.substr(kFull.size()), true, builder);
    if (word.starts_with(kDomain)) return add_domain(word.substr(kDomain.size()), false, builder);
    const auto colon = word.find(':');
    if (colon != word.npos && !is_address(word))
        return refused(fmt::format("\"{}\" is not supported, only plain names, \"domain:\" and "
                                   "\"full:\":",
                                   colon < 16 ? word.substr(0, colon + 1) : ":"),
                       word);
    return add_domain(word, false, builder);
}

Parsed<Cidr> invalid_subnet(std::string_view text) {
    return std::unexpected("invalid subnet " + quote(text));
}

Parsed<Cidr> parse_subnet(std::string_view text, bool plain) {
    const auto invalid_size = [text] {
        return std::unexpected("invalid prefix size " + quote(text));
    };
    const auto slash = text.find('/');
    if (slash == text.npos && !plain) return invalid_size();
    const auto ip = IpAddress::parse(text.substr(0, slash));
    unsigned bits = ip && ip->is_v4() ? 32 : 128;
    if (slash != text.npos) {
        const auto length = parse_whole<unsigned>(text.substr(slash + 1));
        if (!length || *length > bits) return invalid_size();
        bits = *length;
    }
    if (!ip || ip->scope() != 0) return invalid_subnet(text);
    const std::string_view octets = ip->octets();
    for (std::size_t bit = bits; bit < octets.size() * 8; bit++)
        if (octets[bit / 8] & 0x80 >> bit % 8) return invalid_subnet(text);
    return Cidr{*ip, bits};
}

std::uint64_t to_number(std::string_view octets) {
    std::uint64_t number = 0;
    for (const char octet : octets) number = number << 8 | static_cast<std::uint8_t>(octet);
    return number;
}

void add_subnet(PrefixSet4& set, const Cidr& subnet) {
    set.add(static_cast<std::uint32_t>(to_number(subnet.ip.octets())), subnet.bits);
}

void add_subnet(PrefixSet6& set, const Cidr& subnet) {
    const std::string_view octets = subnet.ip.octets();
    set.add(to_number(octets.substr(0, 8)), to_number(octets.substr(8)), subnet.bits);
}

}  // namespace neosocksd::ruleset
