// Writes MaxMind databases for tests: the bytes of a file with an IPv6 or IPv4 search tree of
// 24-bit records. Countries and AS numbers only, as the format's documentation (MaxMind DB 2.0)
// lays them out. tests/support/mmdb_writer.py is its counterpart for tests of the whole program.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cidr.h"

namespace neosocksd::ruleset {

namespace mmdb {

inline std::string octets(std::uint64_t number, int count) {
    std::string text;
    for (int i = count; i-- > 0;) text += static_cast<char>(number >> i * 8);
    return text;
}

// What begins a value of fewer than 285 bytes or elements.
inline std::string control(int type, std::size_t size) {
    std::string text;
    text += static_cast<char>((type > 7 ? 0 : type << 5) | std::min(static_cast<int>(size), 29));
    if (type > 7) text += static_cast<char>(type - 7);
    if (size >= 29) text += static_cast<char>(size - 29);
    return text;
}

inline std::string string(std::string_view value) {
    return control(2, value.size()) + std::string(value);
}
inline std::string uint16(std::uint64_t value) {
    return control(5, 2) + octets(value, 2);
}
inline std::string uint32(std::uint64_t value) {
    return control(6, 4) + octets(value, 4);
}
inline std::string uint64(std::uint64_t value) {
    return control(9, 8) + octets(value, 8);
}

using Members = std::vector<std::pair<std::string_view, std::string>>;
inline std::string map(const Members& members) {
    std::string text = control(7, members.size());
    for (const auto& [key, value] : members) text += string(key) + value;
    return text;
}

inline std::string country(std::string_view code, std::string_view key = "country") {
    return map({{key, map({{"iso_code", string(code)}})}});
}
inline std::string asn(std::uint32_t number) {
    return map({{"autonomous_system_number", uint32(number)},
                {"autonomous_system_organization", string("Example")}});
}

class Writer {
public:
    explicit Writer(int ip_version = 6, std::string_view type = "Test-Country")
        : ip_version_(ip_version), type_(type) {}

    // Shorter prefixes first: a longer one takes its part out of them. `value` is encoded.
    void add(std::string_view cidr, const std::string& value) {
        const Cidr subnet = *Cidr::parse(cidr);
        std::string address(subnet.ip.octets());
        unsigned bits = subnet.bits;
        if (subnet.ip.is_v4() && ip_version_ == 6) {
            address.insert(0, 12, '\0');
            bits += 96;
        }
        const std::int64_t leaf = kLeaf + static_cast<std::int64_t>(data_.size());
        data_ += value;
        std::size_t node = 0;
        for (unsigned bit = 0; bit < bits; bit++) {
            const int side = static_cast<unsigned char>(address[bit / 8]) >> (7 - bit % 8) & 1;
            if (bit + 1 == bits) {
                nodes_[node][side] = leaf;
                break;
            }
            const std::int64_t next = nodes_[node][side];
            if (next == kEmpty || next >= kLeaf) {
                nodes_.push_back({next, next});
                nodes_[node][side] = static_cast<std::int64_t>(nodes_.size() - 1);
            }
            node = static_cast<std::size_t>(nodes_[node][side]);
        }
    }

    std::string bytes() const {
        const auto count = static_cast<std::int64_t>(nodes_.size());
        std::string text;
        for (const auto& node : nodes_)
            for (const std::int64_t record : node) {
                std::int64_t value = record;
                if (record == kEmpty) value = count;
                if (record >= kLeaf) value = count + 16 + (record - kLeaf);
                text += octets(static_cast<std::uint64_t>(value), 3);
            }
        text += std::string(16, '\0') + data_ + "\xab\xcd\xefMaxMind.com";
        text += map({{"binary_format_major_version", uint16(2)},
                     {"binary_format_minor_version", uint16(0)},
                     {"build_epoch", uint64(1700000000)},
                     {"database_type", string(type_)},
                     {"description", map({{"en", string("made for a test")}})},
                     {"ip_version", uint16(static_cast<std::uint64_t>(ip_version_))},
                     {"languages", control(11, 1) + string("en")},
                     {"node_count", uint32(static_cast<std::uint64_t>(count))},
                     {"record_size", uint16(24)}});
        return text;
    }

private:
    static constexpr std::int64_t kEmpty = -1, kLeaf = std::int64_t{1} << 32;

    int ip_version_;
    std::string type_;
    std::string data_;
    std::vector<std::array<std::int64_t, 2>> nodes_{{kEmpty, kEmpty}};
};

}  // namespace mmdb

}  // namespace neosocksd::ruleset
