// Tested by cidr_test.cc.

#include "base/cidr.h"

#include <algorithm>

#include "base/number.h"

namespace neosocksd {

std::optional<Cidr> Cidr::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto ip = IpAddress::parse(text.substr(0, slash));
    if (!ip || ip->scope() != 0) return std::nullopt;
    const unsigned longest = ip->is_v4() ? 32 : 128;
    if (slash == std::string_view::npos) return Cidr{*ip, longest};
    const auto bits = parse_whole<unsigned>(text.substr(slash + 1));
    if (!bits || *bits > longest) return std::nullopt;
    return Cidr{*ip, *bits};
}

bool Cidr::contains(const IpAddress& address) const {
    const IpAddress plain = address.unmapped();
    if (plain.is_v4() != ip.is_v4()) return false;
    const std::string_view mine = ip.octets(), theirs = plain.octets();
    const std::size_t whole = bits / 8;
    if (mine.substr(0, whole) != theirs.substr(0, whole)) return false;
    const unsigned rest = bits % 8;
    if (rest == 0) return true;
    const auto difference = static_cast<unsigned char>(mine[whole] ^ theirs[whole]);
    return difference >> (8 - rest) == 0;
}

std::optional<std::vector<Cidr>> parse_cidr_list(std::string_view text) {
    std::vector<Cidr> list;
    for (;;) {
        const auto comma = text.find(',');
        const auto item = Cidr::parse(text.substr(0, comma));
        if (!item) return std::nullopt;
        list.push_back(*item);
        if (comma == std::string_view::npos) return list;
        text.remove_prefix(comma + 1);
    }
}

bool any_contains(const std::vector<Cidr>& list, const IpAddress& address) {
    return std::ranges::any_of(list, [&](const Cidr& cidr) { return cidr.contains(address); });
}

}  // namespace neosocksd
