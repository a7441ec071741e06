// The modules that scripts find: each open function leaves the module on the stack. Every one of
// them works in any lua_State, so that it can be tested in a bare one.

#pragma once

#include "ruleset/lua_api.h"

namespace neosocksd::ruleset {

int open_regex(lua_State* lua);    // regex: POSIX regular expressions, lua.md section 5
int open_time(lua_State* lua);     // time: clocks, lua.md section 6
int open_zlib(lua_State* lua);     // zlib: zlib and gzip, lua.md sections 6 and 11
int open_marshal(lua_State* lua);  // the function `marshal`, lua.md section 7
int open_set(lua_State* lua);      // neosocksd.set: native sets for long lists

// Adds to the table on top: parse_ipv4, parse_ipv6, splithostport (lua.md section 3.2).
void add_address_functions(lua_State* lua);

}  // namespace neosocksd::ruleset
