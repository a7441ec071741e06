// Tables of address ranges. Tested by egress_policy_test.cc.

#include "net/egress_address.h"

#include <cstdint>
#include <string_view>

namespace neosocksd::net {
namespace {

struct Range {
    std::array<std::uint8_t, 16> prefix;
    unsigned bits;
    AddressClass kind;
};

// The first that matches decides.
constexpr Range kV4[] = {
    {{0}, 8, AddressClass::unspecified},    {{127}, 8, AddressClass::loopback},
    {{10}, 8, AddressClass::local},         {{100, 64}, 10, AddressClass::local},
    {{169, 254}, 16, AddressClass::local},  {{172, 16}, 12, AddressClass::local},
    {{192, 0, 0}, 24, AddressClass::local}, {{192, 168}, 16, AddressClass::local},
    {{224}, 4, AddressClass::multicast},    {{255, 255, 255, 255}, 32, AddressClass::multicast},
};

constexpr Range kV6[] = {
    {{0}, 128, AddressClass::unspecified},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, AddressClass::loopback},
    {{0xfe, 0x80}, 10, AddressClass::local},
    {{0xfe, 0xc0}, 10, AddressClass::local},
    {{0xfc}, 7, AddressClass::local},
    {{0xff}, 8, AddressClass::multicast},
};

// Where the IPv4 address stands in the forms that carry one.
struct Form {
    std::array<std::uint8_t, 16> prefix;
    unsigned bits;
    std::size_t offset;
};

constexpr Form kForms[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12},
    {{0}, 96, 12},
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12},
    {{0x20, 0x02}, 16, 2},
};

bool matches(std::string_view octets, const std::array<std::uint8_t, 16>& prefix, unsigned bits) {
    for (std::size_t i = 0; bits > 0; i++) {
        const unsigned used = bits < 8 ? bits : 8;
        const unsigned mask = 0xffu << (8 - used) & 0xffu;
        if (((static_cast<std::uint8_t>(octets[i]) ^ prefix[i]) & mask) != 0) return false;
        bits -= used;
    }
    return true;
}

template <std::size_t N>
AddressClass find(const Range (&ranges)[N], std::string_view octets) {
    for (const Range& range : ranges)
        if (matches(octets, range.prefix, range.bits)) return range.kind;
    return AddressClass::global;
}

}  // namespace

AddressClass classify(const IpAddress& address) {
    const IpAddress plain = address.unmapped();
    return plain.is_v4() ? find(kV4, plain.octets()) : find(kV6, plain.octets());
}

std::optional<IpAddress> embedded_ipv4(const IpAddress& address) {
    if (address.is_v4()) return std::nullopt;
    const std::string_view octets = address.octets();
    // :: and ::1 look compatible and are not.
    const AddressClass kind = find(kV6, octets);
    if (kind == AddressClass::unspecified || kind == AddressClass::loopback) return std::nullopt;
    for (const Form& form : kForms) {
        if (!matches(octets, form.prefix, form.bits)) continue;
        std::array<std::uint8_t, 4> v4{};
        for (std::size_t i = 0; i < v4.size(); i++)
            v4[i] = static_cast<std::uint8_t>(octets[form.offset + i]);
        return IpAddress::v4(v4);
    }
    return std::nullopt;
}

}  // namespace neosocksd::net
