#include "ruleset/geo_database.h"

#include <cstdio>

#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/descriptor.h"
#include "ruleset/mmdb_fixture.h"
#include "ruleset/set_fixture.h"

#ifndef __has_feature
#define __has_feature(feature) 0  // g++
#endif
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#endif

namespace neosocksd::ruleset {
namespace {

std::string countries(int ip_version = 6) {
    mmdb::Writer writer(ip_version);
    writer.add("10.0.0.0/8", mmdb::country("CN"));
    writer.add("10.1.0.0/16", mmdb::country("DE"));
    writer.add("192.0.2.0/24", mmdb::country("FR", "registered_country"));
    writer.add("198.51.100.0/24", mmdb::map({{"country", mmdb::map({})}}));
    if (ip_version == 6) writer.add("2001:db8::/32", mmdb::country("US"));
    return writer.bytes();
}

std::shared_ptr<const GeoDatabase> opened(const std::string& path) {
    auto database = GeoDatabase::open(path);
    EXPECT_TRUE(database) << database.error();
    return *database;
}

std::string country_of(const GeoDatabase& database, const char* address) {
    const auto country = database.country(*IpAddress::parse(address));
    if (!country) return country.error();
    if (!*country) return "";
    return {static_cast<char>(**country >> 8), static_cast<char>(**country & 0xff)};
}

// The library forgets memory when descriptions or languages are damaged.
auto open_leaking(const std::string& path) {
#if __has_feature(address_sanitizer)
    const __lsan::ScopedDisabler disabler;
#endif
    return GeoDatabase::open(path);
}

TEST(GeoDatabase, tells_the_country_of_an_address) {
    const TemporaryFile file(countries());
    const auto database = opened(file.path());
    EXPECT_EQ(database->type(), "Test-Country");
    EXPECT_EQ(country_of(*database, "10.255.0.1"), "CN");
    EXPECT_EQ(country_of(*database, "10.1.2.3"), "DE");
    EXPECT_EQ(country_of(*database, "192.0.2.200"), "FR");
    EXPECT_EQ(country_of(*database, "2001:db8::1"), "US");
    EXPECT_EQ(country_of(*database, "::ffff:10.1.2.3"), "DE");
    EXPECT_EQ(country_of(*database, "11.0.0.1"), "");
    EXPECT_EQ(country_of(*database, "198.51.100.1"), "");
    EXPECT_EQ(country_of(*database, "2001:db9::1"), "");
}

TEST(GeoDatabase, a_database_of_ipv4_knows_no_ipv6) {
    const TemporaryFile file(countries(4));
    const auto database = opened(file.path());
    EXPECT_EQ(country_of(*database, "10.255.0.1"), "CN");
    EXPECT_EQ(country_of(*database, "2001:db8::1"), "");
    EXPECT_EQ(country_of(*database, "::ffff:10.1.2.3"), "DE");
}

TEST(GeoDatabase, tells_the_autonomous_system_of_an_address) {
    mmdb::Writer writer(6, "Test-ASN");
    writer.add("10.0.0.0/8", mmdb::asn(4200000000));
    writer.add("192.0.2.0/24", mmdb::map({{"autonomous_system_number", mmdb::uint16(64500)}}));
    writer.add("198.51.100.0/24", mmdb::country("CN"));
    const TemporaryFile file(writer.bytes());
    const auto database = opened(file.path());
    EXPECT_EQ(database->asn(*IpAddress::parse("10.0.0.1")), 4200000000u);
    EXPECT_EQ(database->asn(*IpAddress::parse("192.0.2.1")), 64500u);
    EXPECT_EQ(database->asn(*IpAddress::parse("198.51.100.1")), std::nullopt);
    EXPECT_EQ(database->asn(*IpAddress::parse("11.0.0.1")), std::nullopt);
    EXPECT_EQ(country_of(*database, "10.0.0.1"), "");
}

TEST(GeoDatabase, files_that_are_none_are_errors) {
    EXPECT_EQ(GeoDatabase::open("/nowhere/x.mmdb").error(),
              "/nowhere/x.mmdb: No such file or directory");
    const TemporaryFile text("not a database"), empty;
    EXPECT_FALSE(GeoDatabase::open(text.path()));
    EXPECT_FALSE(GeoDatabase::open(empty.path()));
    GeoDatabaseCache cache;
    EXPECT_EQ(cache.open("/tmp").error(), "/tmp: not a regular file");
    EXPECT_FALSE(cache.open("/nowhere/x.mmdb"));
}

// The library must answer or fail, and never leave the file: ASan watches.
TEST(GeoDatabase, a_damaged_file_answers_or_fails) {
    Random random(printed_seed());
    const std::string sound = countries();
    const Descriptor file(::memfd_create("damaged", MFD_CLOEXEC));
    const std::string path = "/proc/self/fd/" + std::to_string(file.get());
    for (int round = 0; round < 3000; round++) {
        std::string bytes = sound;
        if (round % 4 == 0) bytes.resize(random.below(bytes.size()));
        for (std::size_t flips = 1 + random.below(8); flips > 0 && !bytes.empty(); flips--) {
            // The tree leads here only along few bits: aim at data and metadata as well.
            const std::size_t tail = std::min<std::size_t>(bytes.size(), 400);
            const std::size_t at = random.below(2) ? random.below(bytes.size())
                                                   : bytes.size() - 1 - random.below(tail);
            bytes[at] = static_cast<char>(random.bits());
        }
        ASSERT_EQ(::ftruncate(file.get(), static_cast<off_t>(bytes.size())), 0);
        ASSERT_EQ(::pwrite(file.get(), bytes.data(), bytes.size(), 0),
                  static_cast<ssize_t>(bytes.size()));
        const auto database = open_leaking(path);
        if (!database) continue;
        for (const char* address : {"10.1.2.3", "192.0.2.1", "2001:db8::1", "::", "255.0.0.0"}) {
            (void)(*database)->country(*IpAddress::parse(address));
            (void)(*database)->asn(*IpAddress::parse(address));
        }
    }
}

TEST(GeoDatabase, the_cache_shares_a_mapping_until_the_file_is_replaced) {
    const TemporaryFile file(countries());
    GeoDatabaseCache cache;
    auto first = *cache.open(file.path());
    EXPECT_EQ(first, *cache.open(file.path()));
    const TemporaryFile other;
    mmdb::Writer writer;
    writer.add("10.0.0.0/8", mmdb::country("JP"));
    other.write(writer.bytes());
    ASSERT_EQ(std::rename(other.path().c_str(), file.path().c_str()), 0);
    const auto second = *cache.open(file.path());
    EXPECT_NE(first, second);
    EXPECT_EQ(country_of(*first, "10.2.0.1"), "CN");
    EXPECT_EQ(country_of(*second, "10.2.0.1"), "JP");
}

TEST(GeoDatabase, countries_are_two_letters_in_either_case) {
    EXPECT_EQ(GeoDatabase::parse_country("cn"), GeoDatabase::parse_country("CN"));
    EXPECT_NE(GeoDatabase::parse_country("CN"), GeoDatabase::parse_country("NC"));
    for (const char* bad : {"", "C", "CHN", "C1", "中"})
        EXPECT_FALSE(GeoDatabase::parse_country(bad));
}

}  // namespace
}  // namespace neosocksd::ruleset
