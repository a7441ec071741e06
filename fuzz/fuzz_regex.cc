// The module `regex`: find, match and gmatch agree with each other, and what they return lies in
// the subject. libc's engine takes exponential time for repetitions of repetitions and for
// back-references, which are the ruleset's author's affair: such patterns are left out.
// Input: flags, init, length of the pattern, the pattern, the subject.

#include <algorithm>
#include <string>

#include "lua_sandbox.h"
#include "ruleset/modules.h"

using namespace neosocksd;
using fuzz::require;

namespace {

constexpr const char* kCheck = R"(
local regex, pattern, flags, subject, init = ...
local ok, compiled = pcall(regex.compile, pattern, flags)
if not ok then return type(compiled) == "string" end
local first, last = compiled:find(subject, init)
local whole = compiled:match(subject, init)
if (first == nil) ~= (whole == nil) then return false end
if first and subject:sub(first, last) ~= whole then return false end
if first and (first < 1 or last > #subject or last < first - 1) then return false end
local count = 0
for found in compiled:gmatch(subject, init) do
    if count == 0 and found ~= whole then return false end
    count = count + 1
    if count > #subject + 1 then return false end
end
return (count > 0) == (whole ~= nil)
)";

bool too_costly(std::string_view pattern) {
    if (pattern.size() > 24) return true;
    if (std::ranges::count_if(pattern, [](char c) { return c == '*' || c == '+' || c == '{'; }) > 2)
        return true;
    const auto back = pattern.find('\\');
    return back != pattern.npos && pattern.find_first_of("123456789", back) != pattern.npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t flags = input.take_octet();
    const auto init = static_cast<std::int8_t>(input.take_octet());
    const std::string_view pattern = input.take(input.take_octet());
    const std::string_view subject = input.rest().substr(0, 64);
    if (too_costly(pattern)) return 0;
    fuzz::LuaSandbox sandbox;
    sandbox.run([&](lua_State* lua) {
        luaL_requiref(lua, "_G", luaopen_base, 1);
        luaL_requiref(lua, "string", luaopen_string, 1);
        lua_settop(lua, 0);
        require(luaL_loadstring(lua, kCheck) == LUA_OK);
        ruleset::open_regex(lua);
        ruleset::push(lua, pattern);
        lua_pushinteger(lua, flags % 16);
        ruleset::push(lua, subject);
        lua_pushinteger(lua, init);
        lua_call(lua, 5, 1);
        require(lua_toboolean(lua, -1) != 0);
    });
    return 0;
}
