// Measures the native sets of rules (src/ruleset): a million made-up entries each, the same ones
// in every run. Prints one line of JSON a set; bench/sets.py makes a table of them.
//
//     sets_bench [--entries N] [--directory DIR] [--geoip FILE.mmdb]
//
// Each set is built from a text file, from a compressed one, and from a table in Lua; it is asked
// from C++, where the name or entry is in it and where it is not, and through Lua, half and half.
// Files go to DIR (/tmp), and are removed.

#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ruleset/geo_database.h"
#include "ruleset/list_file.h"
#include "sets_bench/lua.h"
#include "sets_bench/made_up.h"
#include "sets_bench/measure.h"

namespace {

using namespace neosocksd;
using namespace neosocksd::ruleset;

constexpr std::size_t kQuestions = 200'000;

struct Options {
    std::size_t entries = 1'000'000;
    std::string directory = "/tmp";
    std::string geoip;
};

void write_file(const std::string& path, const std::vector<std::string>& lines, bool compressed) {
    // 'T' writes what it gets, without compressing.
    const gzFile file = gzopen(path.c_str(), compressed ? "wb" : "wbT");
    if (!file) {
        std::fprintf(stderr, "sets_bench: cannot write %s\n", path.c_str());
        std::exit(1);
    }
    for (const std::string& line : lines) gzputs(file, (line + '\n').c_str());
    gzclose(file);
}

template <typename Set>
Set loaded(Parsed<Set> set) {
    if (set) return std::move(*set);
    std::fprintf(stderr, "sets_bench: %s\n", set.error().c_str());
    std::exit(1);
}

struct Figures {
    const char* set;
    std::size_t given = 0, kept = 0, text_bytes = 0, bytes = 0, heap = 0, peak = 0;
    double file_s = 0, gzip_s = 0, table_s = 0;
    double hit_ns = 0, miss_ns = 0, lua_ns = 0;
};

void print(const Figures& f) {
    fmt::print(
        "{{\"set\": \"{}\", \"given\": {}, \"kept\": {}, \"text_bytes\": {}, \"bytes\": {}, "
        "\"heap_bytes\": {}, \"build_peak_bytes\": {}, \"file_s\": {:.3f}, \"gzip_s\": {:.3f}, "
        "\"table_s\": {:.3f}, \"hit_ns\": {:.1f}, \"miss_ns\": {:.1f}, \"lua_ns\": {:.1f}}}\n",
        f.set, f.given, f.kept, f.text_bytes, f.bytes, f.heap, f.peak, f.file_s, f.gzip_s,
        f.table_s, f.hit_ns, f.miss_ns, f.lua_ns);
    std::fflush(stdout);
}

// Times of loading, and the set, from a file of these lines.
template <typename Load>
auto load_set(const Options& options, const std::vector<std::string>& lines, Load load,
              Figures& figures) {
    const std::string path = fmt::format("{}/neosocksd-sets-{}", options.directory, ::getpid());
    write_file(path, lines, false);
    write_file(path + ".gz", lines, true);
    for (const std::string& line : lines) figures.text_bytes += line.size();
    figures.given = lines.size();
    figures.gzip_s = seconds([&] { loaded(load(path + ".gz")); });
    reset_peak();
    const std::size_t peak = peak_kib(), heap = heap_bytes();
    const auto start = std::chrono::steady_clock::now();
    auto set = loaded(load(path));
    figures.file_s = seconds_since(start);
    figures.heap = heap_bytes() - heap;
    figures.peak = (peak_kib() - peak) * 1024;
    figures.kept = set.size();
    figures.bytes = set.bytes();
    ::unlink(path.c_str());
    ::unlink((path + ".gz").c_str());
    return set;
}

void bench_domains(const Options& options) {
    Random random(1);
    std::vector<std::string> names(options.entries);
    for (std::string& name : names) name = made_up_domain(random);
    Figures figures{.set = "domain"};
    const DomainSet set = load_set(options, names, load_domain_file, figures);
    std::vector<std::string> hits(kQuestions), misses(kQuestions), mixed;
    for (std::string& name : hits) {
        name = names[random.below(names.size())];
        if (random.below(2) == 0) name = "www." + name;
    }
    for (std::string& name : misses) name = made_up_domain(random);
    const auto ask = [&set](const std::string& name) { return set.contains(name); };
    figures.hit_ns = asked(hits, ask);
    figures.miss_ns = asked(misses, ask);
    for (std::size_t i = 0; i < kQuestions; i++)
        mixed.push_back((i % 2 ? hits[i] : misses[i]) + ":443");
    Lua lua;
    figures.table_s = lua.build("set.domain", names);
    figures.lua_ns = lua.ask(mixed, "text");
    print(figures);
}

void bench_subnets(const Options& options) {
    Random random(2);
    std::vector<std::string> lines(options.entries);
    for (std::string& line : lines) line = made_up_prefix4(random);
    Figures figures{.set = "subnet"};
    const PrefixSet4 set = load_set(options, lines, load_subnet_file, figures);
    std::vector<std::uint32_t> hits, misses;
    while (misses.size() < kQuestions)
        if (const auto address = static_cast<std::uint32_t>(random.bits()); !set.contains(address))
            misses.push_back(address);
    while (hits.size() < kQuestions) {
        const auto subnet = Cidr::parse(lines[random.below(lines.size())]);
        hits.push_back(static_cast<std::uint32_t>(to_number(subnet->ip.octets())));
    }
    const auto ask = [&set](std::uint32_t address) { return set.contains(address); };
    figures.hit_ns = asked(hits, ask);
    figures.miss_ns = asked(misses, ask);
    Lua lua;
    figures.table_s = lua.build("set.subnet", lines);
    std::vector<std::string> mixed;
    for (std::size_t i = 0; i < kQuestions; i++)
        mixed.push_back(std::to_string(i % 2 ? hits[i] : misses[i]));
    figures.lua_ns = lua.ask(mixed, "math.tointeger(text)");
    print(figures);
}

void bench_subnets6(const Options& options) {
    Random random(3);
    std::vector<std::string> lines(options.entries);
    for (std::string& line : lines) line = made_up_prefix6(random);
    Figures figures{.set = "subnet6"};
    const PrefixSet6 set = load_set(options, lines, load_subnet6_file, figures);
    using Address = std::pair<std::uint64_t, std::uint64_t>;
    std::vector<Address> hits, misses;
    while (misses.size() < kQuestions)
        if (const std::uint64_t high = 0x2000'0000'0000'0000 | random.bits() >> 3;
            !set.contains(high, 1))
            misses.emplace_back(high, 1);
    while (hits.size() < kQuestions) {
        const auto subnet = Cidr::parse(lines[random.below(lines.size())]);
        hits.emplace_back(to_number(subnet->ip.octets().substr(0, 8)), 1);
    }
    const auto ask = [&set](const Address& a) { return set.contains(a.first, a.second); };
    figures.hit_ns = asked(hits, ask);
    figures.miss_ns = asked(misses, ask);
    Lua lua;
    figures.table_s = lua.build("set.subnet6", lines);
    std::vector<std::string> mixed;
    for (std::size_t i = 0; i < kQuestions; i++)
        mixed.push_back(fmt::format("0x{:x}", (i % 2 ? hits[i] : misses[i]).first));
    figures.lua_ns = lua.ask(mixed, "math.tointeger(text), 1");
    print(figures);
}

// Random addresses. A database has no entries of ours: how many were found is what is kept.
void bench_geoip(const Options& options) {
    Random random(4);
    Figures figures{.set = "geoip", .given = kQuestions};
    const auto start = std::chrono::steady_clock::now();
    const auto opened = GeoDatabase::open(options.geoip);
    figures.file_s = seconds_since(start);
    if (!opened) {
        std::fprintf(stderr, "sets_bench: %s\n", opened.error().c_str());
        std::exit(1);
    }
    const GeoDatabase& database = **opened;
    std::vector<IpAddress> hits, misses;
    std::vector<std::string> mixed;
    for (std::size_t i = 0; i < kQuestions; i++) {
        const std::uint64_t bits = random.bits();
        const auto address = IpAddress::v4(
            {static_cast<std::uint8_t>(bits >> 24), static_cast<std::uint8_t>(bits >> 16),
             static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)});
        const auto country = database.country(address);
        (country && *country ? hits : misses).push_back(address);
        mixed.push_back(address.to_string() + ":443");
    }
    const auto ask = [&database](const IpAddress& address) {
        const auto country = database.country(address);
        return country && country->has_value();
    };
    figures.kept = hits.size();
    figures.hit_ns = hits.empty() ? 0 : asked(hits, ask);
    figures.miss_ns = misses.empty() ? 0 : asked(misses, ask);
    Lua lua;
    lua.set_list("database", {options.geoip});
    lua.run("matcher = set.geoip(database[1], 'CN', 'DE')");
    figures.lua_ns = lua.ask(mixed, "text");
    print(figures);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name = argv[i];
        if (name == "--entries") options.entries = std::strtoul(argv[i + 1], nullptr, 10);
        if (name == "--directory") options.directory = argv[i + 1];
        if (name == "--geoip") options.geoip = argv[i + 1];
    }
    bench_domains(options);
    bench_subnets(options);
    bench_subnets6(options);
    if (!options.geoip.empty()) bench_geoip(options);
}
