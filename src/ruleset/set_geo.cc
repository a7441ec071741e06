// Matchers by country and by autonomous system: neosocksd.set.geoip and asn. They take the address
// in each of the forms in which rules have it. Tested by sets_test.cc.

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "ruleset/bind.h"
#include "ruleset/geo_database.h"
#include "ruleset/list_entry.h"
#include "ruleset/set_object.h"

namespace neosocksd::ruleset {
namespace {

constexpr const char* kCacheName = "neosocksd.set.databases";

using Database = std::shared_ptr<const GeoDatabase>;

template <typename Value>
class GeoObject : public SetObject {
public:
    GeoObject(Database database, std::vector<Value> values)
        : database_(std::move(database)), values_(std::move(values)) {
        std::ranges::sort(values_);
        const auto repeated = std::ranges::unique(values_);
        values_.erase(repeated.begin(), repeated.end());
    }

    const char* kind() const override { return kCountry ? "geoip" : "asn"; }
    std::size_t entries() const override { return values_.size(); }
    // Of the database, nothing: it is mapped, and several sets may have it in common.
    std::size_t bytes() const override { return values_.capacity() * sizeof(Value); }

    Parsed<bool> contains(const IpAddress& address) const {
        const auto value = look_up(address);
        if (!value) return std::unexpected(value.error());
        return *value && std::ranges::binary_search(values_, **value);
    }

private:
    static constexpr bool kCountry = std::is_same_v<Value, GeoDatabase::Country>;

    Parsed<std::optional<Value>> look_up(const IpAddress& address) const {
        if constexpr (kCountry)
            return database_->country(address);
        else
            return database_->asn(address);
    }

    Database database_;
    std::vector<Value> values_;
};

using CountryObject = GeoObject<GeoDatabase::Country>;
using AsnObject = GeoObject<std::uint32_t>;

void put_number(std::uint8_t* octets, std::uint64_t number, int count) {
    for (int i = count; i-- > 0; number >>= 8) octets[i] = static_cast<std::uint8_t>(number);
}

// From "ip:port", or one integer (IPv4), or two (IPv6); nothing if the host is a name.
std::optional<IpAddress> check_address(lua_State* lua) {
    if (lua_type(lua, 1) == LUA_TSTRING) return IpAddress::parse(check_host(lua, 1));
    const lua_Integer first = luaL_checkinteger(lua, 1);
    if (lua_type(lua, 2) == LUA_TNUMBER) {
        std::array<std::uint8_t, 16> octets;
        put_number(octets.data(), static_cast<std::uint64_t>(first), 8);
        put_number(octets.data() + 8, static_cast<std::uint64_t>(luaL_checkinteger(lua, 2)), 8);
        return IpAddress::v6(octets);
    }
    if (first < 0 || first > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    std::array<std::uint8_t, 4> octets;
    put_number(octets.data(), static_cast<std::uint64_t>(first), 4);
    return IpAddress::v4(octets);
}

template <typename Object>
int ask(lua_State* lua) {
    const auto address = check_address(lua);
    Parsed<bool> found = false;
    if (address) found = this_set<Object>(lua).contains(*address);
    if (!found) raise(lua, found.error());
    lua_pushboolean(lua, *found);
    return 1;
}

Database open_database(lua_State* lua) {
    auto& cache = *static_cast<GeoDatabaseCache*>(lua_touserdata(lua, lua_upvalueindex(1)));
    auto database = cache.open(luaL_checkstring(lua, 1));
    if (!database) raise(lua, database.error());
    return std::move(*database);
}

int set_geoip(lua_State* lua) {
    Database database = open_database(lua);
    std::vector<GeoDatabase::Country> countries;
    for (int index = 2; index == 2 || index <= lua_gettop(lua); index++)
        for_each_text(lua, index, [lua, index, &countries](std::string_view code) {
            const auto country = GeoDatabase::parse_country(code);
            if (!country) luaL_argerror(lua, index, "country code of two letters expected");
            countries.push_back(*country);
        });
    auto object = std::make_unique<CountryObject>(std::move(database), std::move(countries));
    return push_matcher(lua, std::move(object), bind<ask<CountryObject>>);
}

std::uint32_t check_asn(lua_State* lua, int index, int argument) {
    int exact = 0;
    const lua_Integer number = lua_tointegerx(lua, index, &exact);
    if (!exact || number < 0 || number > std::numeric_limits<std::uint32_t>::max())
        luaL_argerror(lua, argument, "AS number expected");
    return static_cast<std::uint32_t>(number);
}

int set_asn(lua_State* lua) {
    Database database = open_database(lua);
    std::vector<std::uint32_t> numbers;
    for (int index = 2; index == 2 || index <= lua_gettop(lua); index++) {
        if (!lua_istable(lua, index)) {
            numbers.push_back(check_asn(lua, index, index));
            continue;
        }
        for (lua_Integer i = 1; lua_rawgeti(lua, index, i) != LUA_TNIL; i++) {
            numbers.push_back(check_asn(lua, -1, index));
            lua_pop(lua, 1);
        }
        lua_pop(lua, 1);
    }
    auto object = std::make_unique<AsnObject>(std::move(database), std::move(numbers));
    return push_matcher(lua, std::move(object), bind<ask<AsnObject>>);
}

int collect_cache(lua_State* lua) {
    std::destroy_at(static_cast<GeoDatabaseCache*>(luaL_checkudata(lua, 1, kCacheName)));
    return 0;
}

}  // namespace

void add_geo_functions(lua_State* lua) {
    void* memory = lua_newuserdatauv(lua, sizeof(GeoDatabaseCache), 0);
    // tidy: allow(new) into Lua's memory; collect_cache() destroys it
    ::new (memory) GeoDatabaseCache;
    if (luaL_newmetatable(lua, kCacheName)) {
        lua_pushcfunction(lua, bind<collect_cache>);
        lua_setfield(lua, -2, "__gc");
        lua_pushboolean(lua, 0);
        lua_setfield(lua, -2, "__metatable");
    }
    lua_setmetatable(lua, -2);
    const luaL_Reg functions[] = {row<set_geoip>("geoip"), row<set_asn>("asn"), {}};
    lua_insert(lua, -2);  // the table above the cache
    lua_pushvalue(lua, -2);
    luaL_setfuncs(lua, functions, 1);
    lua_remove(lua, -2);
}

}  // namespace neosocksd::ruleset
