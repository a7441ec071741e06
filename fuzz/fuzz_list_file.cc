// List files of domains and subnets: what is accepted does not depend on where the bytes are cut,
// and the set that is built contains what the lines say.

#include "ruleset/list_file.h"

#include <string>
#include <vector>

#include "support.h"

using namespace neosocksd;
using namespace neosocksd::ruleset;
using fuzz::require;

namespace {

// The entries before the first bad one, and its error.
struct Reading {
    std::vector<std::string> entries;
    std::string error;
    bool operator==(const Reading&) const = default;
};

Reading read(std::string_view bytes, std::uint8_t seed, bool cut, const EntrySink& sink) {
    Reading reading;
    ListLines lines([&](std::string_view entry) {
        require(!entry.empty() && entry.find_first_of("#\n") == entry.npos);
        auto taken = sink(entry);
        if (taken) reading.entries.emplace_back(entry);
        return taken;
    });
    Parsed<void> result;
    const auto feed = [&](std::string_view segment) {
        if (result) result = lines.feed(segment);
    };
    if (cut)
        fuzz::cut(bytes, seed, feed);
    else
        feed(bytes);
    if (result) result = lines.finish();
    if (!result) reading.error = result.error();
    return reading;
}

void check_domains(const std::vector<std::string>& entries, const DomainSet& set) {
    require(set.contains("") == false);
    for (const std::string& entry : entries) {
        if (entry.find_first_of(": \t\r\f\v") != entry.npos) continue;
        if (entry.find_first_not_of('.') == entry.npos) continue;
        // One dot at either end is decoration; with more, names are odd but still themselves.
        const std::string name = entry.starts_with('.') ? entry.substr(1) : entry;
        require(set.contains(name));
        require(set.contains("x." + name));
    }
}

template <typename Set>
void check_subnets(const std::vector<std::string>& entries, const Set& set) {
    for (const std::string& entry : entries) {
        const auto subnet = Cidr::parse(entry);
        require(subnet.has_value());
        const std::string_view octets = subnet->ip.octets();
        if constexpr (std::is_same_v<Set, PrefixSet4>) {
            if (!subnet->ip.is_v4()) continue;
            require(set.contains(static_cast<std::uint32_t>(to_number(octets))));
        } else {
            if (subnet->ip.is_v4()) continue;
            require(set.contains(to_number(octets.substr(0, 8)), to_number(octets.substr(8))));
        }
    }
}

template <typename Set>
void fuzz_subnets(std::string_view bytes, std::uint8_t seed) {
    Set set, other;
    const Reading reading = read(bytes, seed, true, subnet_sink(set));
    require(reading == read(bytes, seed, false, subnet_sink(other)));
    set.seal();
    check_subnets(reading.entries, set);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t kind = input.take_octet(), seed = input.take_octet();
    if (kind % 3 == 1) {
        fuzz_subnets<PrefixSet4>(input.rest(), seed);
    } else if (kind % 3 == 2) {
        fuzz_subnets<PrefixSet6>(input.rest(), seed);
    } else {
        DomainSet::Builder builder, other;
        const Reading reading = read(input.rest(), seed, true, domain_sink(builder));
        require(reading == read(input.rest(), seed, false, domain_sink(other)));
        check_domains(reading.entries, builder.build());
    }
    return 0;
}
