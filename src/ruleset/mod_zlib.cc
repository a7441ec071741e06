// The Lua module `zlib`: strings to and from the zlib and gzip formats (base/compress.h).
// Tested by mod_zlib_test.cc.

#include "base/compress.h"
#include "base/limits.h"
#include "ruleset/bind.h"
#include "ruleset/lua_api.h"
#include "ruleset/modules.h"

namespace neosocksd::ruleset {
namespace {

template <Format kFormat>
int encode(lua_State* lua) {
    push(lua, deflate(check_string(lua, 1), kFormat));
    return 1;
}

// Scripts know failures by the numbers of 1.4.2.
int error_number(InflateError error) {
    switch (error) {
    case InflateError::checksum: return -2;
    case InflateError::truncated: return -4;
    default: return -1;
    }
}

template <Format kFormat>
int decode(lua_State* lua) {
    const auto result = inflate(check_string(lua, 1), kFormat, limits::kInflatedBytes);
    if (result) {
        push(lua, *result);
        return 1;
    }
    const char* name = kFormat == Format::gzip ? "gunzip" : "uncompress";
    if (result.error() == InflateError::too_large)
        return luaL_error(lua, "%s error: more than %d bytes", name,
                          static_cast<int>(limits::kInflatedBytes));
    // Later versions have one number for all that can be wrong with gzip.
    const int number = kFormat == Format::gzip ? -1 : error_number(result.error());
    return luaL_error(lua, "%s error: %d", name, number);
}

constexpr luaL_Reg kFunctions[] = {
    row<encode<Format::zlib>>("compress"),
    row<decode<Format::zlib>>("uncompress"),
    row<encode<Format::gzip>>("gzip"),
    row<decode<Format::gzip>>("gunzip"),
    {nullptr, nullptr},
};

}  // namespace

int open_zlib(lua_State* lua) {
    luaL_newlib(lua, kFunctions);
    return 1;
}

}  // namespace neosocksd::ruleset
