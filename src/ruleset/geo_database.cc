// Tested by geo_database_test.cc.

#include "ruleset/geo_database.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>

#include <fmt/format.h>

namespace neosocksd::ruleset {
namespace {

bool is_letter(char c) {
    return c >= 'A' && c <= 'Z';
}

char upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

// The value at a path of keys that ends with nullptr. That it is not there is no error.
std::expected<std::optional<MMDB_entry_data_s>, int> get(MMDB_entry_s entry,
                                                         const char* const* path) {
    MMDB_entry_data_s value;
    const int code = MMDB_aget_value(&entry, &value, path);
    if (code == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR ||
        code == MMDB_INVALID_LOOKUP_PATH_ERROR)
        return std::nullopt;
    if (code != MMDB_SUCCESS) return std::unexpected(code);
    if (!value.has_data) return std::nullopt;
    return value;
}

}  // namespace

std::expected<std::shared_ptr<const GeoDatabase>, std::string> GeoDatabase::open(
    const std::string& path) {
    // tidy: allow(new) the constructor is private
    std::shared_ptr<GeoDatabase> result(new GeoDatabase);
    result->path_ = path;
    errno = 0;
    const int code = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &result->database_);
    if (code != MMDB_SUCCESS) {
        const bool system = (code == MMDB_FILE_OPEN_ERROR || code == MMDB_IO_ERROR) && errno != 0;
        return std::unexpected(
            fmt::format("{}: {}", path, system ? std::strerror(errno) : MMDB_strerror(code)));
    }
    result->open_ = true;
    return result;
}

GeoDatabase::~GeoDatabase() {
    if (open_) MMDB_close(&database_);
}

std::unexpected<std::string> GeoDatabase::damaged(int code) const {
    return std::unexpected(fmt::format("{}: {}", path_, MMDB_strerror(code)));
}

std::expected<std::optional<MMDB_entry_s>, std::string> GeoDatabase::find(
    const IpAddress& address) const {
    const IpAddress plain = address.unmapped();
    if (plain.is_v6() && database_.metadata.ip_version == 4) return std::nullopt;
    sockaddr_storage storage;
    Endpoint{plain, 0}.to_sockaddr(storage);
    int code = MMDB_SUCCESS;
    const MMDB_lookup_result_s result =
        MMDB_lookup_sockaddr(&database_, reinterpret_cast<const sockaddr*>(&storage), &code);
    if (code != MMDB_SUCCESS) return damaged(code);
    if (!result.found_entry) return std::nullopt;
    return result.entry;
}

std::expected<std::optional<GeoDatabase::Country>, std::string> GeoDatabase::country(
    const IpAddress& address) const {
    const auto entry = find(address);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return std::nullopt;
    for (const char* which : {"country", "registered_country"}) {
        const char* const path[] = {which, "iso_code", nullptr};
        const auto value = get(**entry, path);
        if (!value) return damaged(value.error());
        if (!*value || (*value)->type != MMDB_DATA_TYPE_UTF8_STRING) continue;
        return parse_country({(*value)->utf8_string, (*value)->data_size});
    }
    return std::nullopt;
}

std::expected<std::optional<std::uint32_t>, std::string> GeoDatabase::asn(
    const IpAddress& address) const {
    const auto entry = find(address);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) return std::nullopt;
    const char* const path[] = {"autonomous_system_number", nullptr};
    const auto value = get(**entry, path);
    if (!value) return damaged(value.error());
    if (!*value) return std::nullopt;
    // Writers choose the smallest type that holds the number.
    switch ((*value)->type) {
    case MMDB_DATA_TYPE_UINT16: return (*value)->uint16;
    case MMDB_DATA_TYPE_UINT32: return (*value)->uint32;
    default: return std::nullopt;
    }
}

std::optional<GeoDatabase::Country> GeoDatabase::parse_country(std::string_view code) {
    if (code.size() != 2) return std::nullopt;
    const char first = upper(code[0]), second = upper(code[1]);
    if (!is_letter(first) || !is_letter(second)) return std::nullopt;
    return static_cast<Country>(first << 8 | second);
}

std::expected<std::shared_ptr<const GeoDatabase>, std::string> GeoDatabaseCache::open(
    const std::string& path) {
    std::erase_if(entries_, [](const auto& item) { return item.second.database.expired(); });
    struct stat status;
    if (::stat(path.c_str(), &status) != 0)
        return std::unexpected(fmt::format("{}: {}", path, std::strerror(errno)));
    // A pipe would be waited for.
    if (!S_ISREG(status.st_mode)) return std::unexpected(path + ": not a regular file");
    const auto known = entries_.find(path);
    if (known != entries_.end()) {
        const Entry& entry = known->second;
        if (entry.device == status.st_dev && entry.inode == status.st_ino &&
            entry.size == status.st_size && entry.changed_s == status.st_mtim.tv_sec &&
            entry.changed_ns == status.st_mtim.tv_nsec)
            if (auto database = entry.database.lock()) return database;
    }
    auto database = GeoDatabase::open(path);
    if (!database) return database;
    entries_[path] = {status.st_dev,         status.st_ino,          status.st_size,
                      status.st_mtim.tv_sec, status.st_mtim.tv_nsec, *database};
    return database;
}

}  // namespace neosocksd::ruleset
