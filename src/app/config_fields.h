// The options as the fields that scripts know: neosocksd.config(), the table that a boot
// configuration (-c) returns, and --dump-config. Names and types: spec/lua.md section 11.

#pragma once

#include <string>

#include "app/options.h"
#include "ruleset/host.h"

namespace neosocksd::app {

ruleset::Fields config_fields(const Options& options);

// Takes over what the table on top of the stack sets; an absent field keeps its value, unknown ones
// are ignored. Raises a Lua error that names a field of the wrong type.
void read_config_fields(lua_State* lua, Options& options);

// Names of the settings in which these differ, in the order of the documents.
std::vector<std::string> differing_fields(const Options& one, const Options& other);

// "return { ... }", one field a line, and a comment for each option that is no field.
std::string dump_config(const Options& options);

}  // namespace neosocksd::app
