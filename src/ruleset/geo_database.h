// A MaxMind database (.mmdb), mapped into memory: the country or the autonomous system (ASN) of an
// address. The file must be replaced by renaming a new one over it, as geoipupdate does: a file
// that is cut short while it is mapped ends every program that reads it.
//
// Rules name a database again and again; GeoDatabaseCache gives them the same mapping as long as
// one of them is in use and the file is still the same.

#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

#include <maxminddb.h>

#include "base/address.h"

namespace neosocksd::ruleset {

class GeoDatabase {
public:
    // Two letters of ISO 3166, as a number.
    using Country = std::uint16_t;

    static std::expected<std::shared_ptr<const GeoDatabase>, std::string> open(
        const std::string& path);
    ~GeoDatabase();
    GeoDatabase(const GeoDatabase&) = delete;
    GeoDatabase& operator=(const GeoDatabase&) = delete;

    // Nothing if the database does not say; the error is a text: the file is damaged. The country
    // is where the address is used, or else where it is registered. An IPv4-mapped address is the
    // IPv4 address it is.
    std::expected<std::optional<Country>, std::string> country(const IpAddress& address) const;
    std::expected<std::optional<std::uint32_t>, std::string> asn(const IpAddress& address) const;

    std::size_t file_bytes() const { return static_cast<std::size_t>(database_.file_size); }
    std::string_view type() const { return database_.metadata.database_type; }

    // From two letters in either case.
    static std::optional<Country> parse_country(std::string_view code);

private:
    GeoDatabase() = default;
    std::expected<std::optional<MMDB_entry_s>, std::string> find(const IpAddress& address) const;
    std::unexpected<std::string> damaged(int code) const;

    std::string path_;
    MMDB_s database_{};
    bool open_ = false;
};

class GeoDatabaseCache {
public:
    std::expected<std::shared_ptr<const GeoDatabase>, std::string> open(const std::string& path);

private:
    struct Entry {
        dev_t device = 0;
        ino_t inode = 0;
        off_t size = 0;
        std::int64_t changed_s = 0;
        long changed_ns = 0;
        std::weak_ptr<const GeoDatabase> database;
    };

    std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace neosocksd::ruleset
