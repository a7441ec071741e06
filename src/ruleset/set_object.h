// A matcher for Lua: a plain function with a native set behind it, as a closure's upvalue that Lua
// collects. neosocksd.set.info(matcher) shows what is behind one.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/address.h"
#include "ruleset/lua_api.h"

namespace neosocksd::ruleset {

class SetObject {
public:
    virtual ~SetObject() = default;
    virtual const char* kind() const = 0;
    virtual std::size_t entries() const = 0;
    virtual std::size_t bytes() const = 0;
};

// Pushes `ask`, a function made by bind<>, with the set as its upvalue.
int push_matcher(lua_State* lua, std::unique_ptr<SetObject> set, lua_CFunction ask);

// Within `ask`: the set, which is of the type that push_matcher() was given with this function.
SetObject& upvalue_set(lua_State* lua);
template <typename Set>
const Set& this_set(lua_State* lua) {
    return static_cast<const Set&>(upvalue_set(lua));
}

// Makes the metatable of sets: once in each state, before any matcher.
void register_set_objects(lua_State* lua);
// The function `info`.
int set_info(lua_State* lua);

// Calls `take` with each string of argument `index`: one, or an array of them (a number counts as
// its text). Anything else is an error of the argument. `take` raises errors itself.
void for_each_text(lua_State* lua, int index, const std::function<void(std::string_view)>& take);

// The address `host:port` in argument `index`: its host, which lives as long as the argument.
std::string_view check_host(lua_State* lua, int index);

// "file.lua:3: TEXT", where the position is the caller's.
[[noreturn]] void raise(lua_State* lua, const std::string& text);

// Constructors; the library's head (sets.cc) says what they are.
int set_domain(lua_State* lua);
int set_host(lua_State* lua);
int set_domaintree(lua_State* lua);
int set_domain_file(lua_State* lua);
int set_subnet(lua_State* lua);
int set_subnet6(lua_State* lua);
int set_subnet_file(lua_State* lua);
int set_subnet6_file(lua_State* lua);
// Two functions with a cache of databases in common, added to the table on top.
void add_geo_functions(lua_State* lua);

}  // namespace neosocksd::ruleset
