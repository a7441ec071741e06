// Lua values as Lua source: load("return " .. marshal(...)) gives them back. The language of RPC.

#pragma once

#include <string>

#include "ruleset/lua_api.h"

namespace neosocksd::ruleset {

// Appends the values from `first` to the top of the stack, separated by commas, and leaves the
// stack as it was. Raises a Lua error for what has no source text (functions, threads, userdata,
// cycles), for tables nested deeper than limits::kMarshalDepth, and when it would append more than
// limits::kMarshalBytes; `text` is then undefined. Runs no Lua code, except a __tostring of what
// it refuses.
void marshal_values(lua_State* lua, int first, std::string& text);

}  // namespace neosocksd::ruleset
