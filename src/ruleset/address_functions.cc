// neosocksd.parse_ipv4, parse_ipv6 and splithostport: addresses as numbers and as parts, for rules.
// They are as lenient as 1.4.2, which ended every string at its first NUL.
// Tested by address_functions_test.cc.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.h"
#include "base/limits.h"
#include "ruleset/bind.h"
#include "ruleset/lua_api.h"
#include "ruleset/modules.h"

namespace neosocksd::ruleset {
namespace {

std::string_view up_to_nul(std::string_view text) {
    return text.substr(0, text.find('\0'));
}

// The first argument as a literal address; a number is not one, whatever it looks like.
std::optional<IpAddress> parse_argument(lua_State* lua) {
    if (lua_type(lua, 1) != LUA_TSTRING) return std::nullopt;
    const std::string_view text = up_to_nul(to_string_view(lua, 1));
    if (text.contains('%')) return std::nullopt;  // integers have no room for a scope
    return IpAddress::parse(text);
}

// Integers wrap: the upper half of the numbers is negative.
lua_Integer to_integer(std::string_view octets) {
    lua_Unsigned value = 0;
    for (const char octet : octets) value = value << 8 | static_cast<std::uint8_t>(octet);
    return static_cast<lua_Integer>(value);
}

int parse_ipv4(lua_State* lua) {
    const auto address = parse_argument(lua);
    if (!address || !address->is_v4()) return 0;
    lua_pushinteger(lua, to_integer(address->octets()));
    return 1;
}

int parse_ipv6(lua_State* lua) {
    const auto address = parse_argument(lua);
    if (!address || !address->is_v6()) return 0;
    lua_pushinteger(lua, to_integer(address->octets().substr(0, 8)));
    lua_pushinteger(lua, to_integer(address->octets().substr(8)));
    return 2;
}

int splithostport(lua_State* lua) {
    const std::string_view text = up_to_nul(check_string(lua, 1));
    if (text.size() > limits::kAddressBytes)
        return luaL_error(lua, "address too long: %I bytes", static_cast<LUAI_UACINT>(text.size()));
    std::string_view host, port;
    if (!split_host_port(text, host, port))
        return luaL_error(lua, "invalid address: `%s'", text.data());
    push(lua, host);
    push(lua, port);
    return 2;
}

constexpr luaL_Reg kFunctions[] = {
    row<parse_ipv4>("parse_ipv4"),
    row<parse_ipv6>("parse_ipv6"),
    row<splithostport>("splithostport"),
    {nullptr, nullptr},
};

}  // namespace

void add_address_functions(lua_State* lua) {
    luaL_setfuncs(lua, kFunctions, 0);
}

}  // namespace neosocksd::ruleset
