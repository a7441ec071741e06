// The Lua module `regex`: the POSIX regular expressions of libc. Lua's own patterns have no
// alternatives and no repeated groups, which lists of names need.
//
// A subject is bytes, NUL included, thanks to REG_STARTEND; a pattern ends at a NUL for libc, and
// so may hold none. What stands before `init` does not exist for the match: `^` matches at init.
// Tested by mod_regex_test.cc.

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include <regex.h>

#include "base/limits.h"
#include "ruleset/bind.h"
#include "ruleset/lua_api.h"
#include "ruleset/modules.h"

namespace neosocksd::ruleset {
namespace {

constexpr const char* kTypeName = "regex";

// The flags as scripts know them, whatever their values in libc.
enum Flags : lua_Integer { kExtended = 1, kIgnoreCase = 2, kNewline = 4, kNoSubmatches = 8 };

// The userdata. `compiled` tells whether there is something to free.
struct Regex {
    regex_t code;
    bool compiled;
};

Regex& check_regex(lua_State* lua) {
    auto& regex = *static_cast<Regex*>(luaL_checkudata(lua, 1, kTypeName));
    // Only after a script called __gc by hand.
    if (!regex.compiled) luaL_argerror(lua, 1, "regex was collected");
    return regex;
}

std::string_view check_subject(lua_State* lua, int index) {
    const std::string_view subject = check_string(lua, index);
    // regoff_t is an int.
    if (subject.size() > static_cast<std::size_t>(std::numeric_limits<regoff_t>::max()))
        luaL_argerror(lua, index, "string too long");
    return subject;
}

// How many bytes of a subject `init` skips: counted from one, from the end if it is negative.
std::size_t check_init(lua_State* lua, int index, std::size_t size) {
    const lua_Integer init = luaL_optinteger(lua, index, 1);
    const auto length = static_cast<lua_Integer>(size);
    if (init > 0) return static_cast<std::size_t>(std::min(init - 1, length));
    if (init == 0 || init < -length) return 0;
    return static_cast<std::size_t>(length + init);
}

// Room for the groups of one match; few patterns have so many that it takes memory.
class Groups {
public:
    explicit Groups(std::size_t count) : many_(count > few_.size() ? count : 0), count_(count) {}
    std::span<regmatch_t> span() {
        return many_.empty() ? std::span(few_).first(count_) : std::span(many_);
    }

private:
    std::array<regmatch_t, 16> few_;
    std::vector<regmatch_t> many_;
    std::size_t count_;
};

// libc's words for `status`; they live as long as the value on the stack.
const char* push_message(lua_State* lua, int status, const regex_t& code) {
    std::array<char, 256> message;
    regerror(status, &code, message.data(), message.size());
    return lua_pushstring(lua, message.data());
}

// Looks for a match that begins at `from` or later. Group 0 is all of it.
bool search(lua_State* lua, const Regex& regex, std::string_view subject, std::size_t from,
            std::span<regmatch_t> groups) {
    groups[0].rm_so = static_cast<regoff_t>(from);
    groups[0].rm_eo = static_cast<regoff_t>(subject.size());
    const int status =
        regexec(&regex.code, subject.data(), groups.size(), groups.data(), REG_STARTEND);
    if (status == REG_NOMATCH) return false;
    if (status != 0) luaL_error(lua, "%s", push_message(lua, status, regex.code));
    return true;
}

// Pushes the whole match and every group; one that took no part is nil.
int push_groups(lua_State* lua, std::string_view subject, std::span<const regmatch_t> groups) {
    const int count = static_cast<int>(groups.size());
    luaL_checkstack(lua, count, "too many groups");
    for (const regmatch_t& group : groups) {
        if (group.rm_so < 0) {
            lua_pushnil(lua);
            continue;
        }
        const auto begin = static_cast<std::size_t>(group.rm_so);
        push(lua, subject.substr(begin, static_cast<std::size_t>(group.rm_eo) - begin));
    }
    return count;
}

int find(lua_State* lua) {
    const Regex& regex = check_regex(lua);
    std::string_view subject = check_subject(lua, 2);
    const std::size_t skipped = check_init(lua, 3, subject.size());
    subject.remove_prefix(skipped);
    std::array<regmatch_t, 1> whole;
    if (!search(lua, regex, subject, 0, whole)) return 0;
    const auto offset = static_cast<lua_Integer>(skipped);
    lua_pushinteger(lua, offset + whole[0].rm_so + 1);
    lua_pushinteger(lua, offset + whole[0].rm_eo);
    return 2;
}

int match(lua_State* lua) {
    const Regex& regex = check_regex(lua);
    std::string_view subject = check_subject(lua, 2);
    subject.remove_prefix(check_init(lua, 3, subject.size()));
    Groups groups(regex.code.re_nsub + 1);
    if (!search(lua, regex, subject, 0, groups.span())) return 0;
    return push_groups(lua, subject, groups.span());
}

// The iterator of gmatch. Upvalues: the regex, the subject, how many of its bytes init skips, and
// where to look next, counted from there.
int next_match(lua_State* lua) {
    const auto& regex = *static_cast<const Regex*>(lua_touserdata(lua, lua_upvalueindex(1)));
    std::string_view subject = to_string_view(lua, lua_upvalueindex(2));
    subject.remove_prefix(static_cast<std::size_t>(lua_tointeger(lua, lua_upvalueindex(3))));
    const auto from = static_cast<std::size_t>(lua_tointeger(lua, lua_upvalueindex(4)));
    if (from > subject.size() || !regex.compiled) return 0;
    Groups groups(regex.code.re_nsub + 1);
    const bool found = search(lua, regex, subject, from, groups.span());
    // An empty match would be found again: step over one byte. After the last, beyond the end.
    std::size_t next = subject.size() + 1;
    if (found) {
        const regmatch_t whole = groups.span()[0];
        next = static_cast<std::size_t>(whole.rm_eo) + (whole.rm_eo == whole.rm_so ? 1 : 0);
    }
    lua_pushinteger(lua, static_cast<lua_Integer>(next));
    lua_replace(lua, lua_upvalueindex(4));
    return found ? push_groups(lua, subject, groups.span()) : 0;
}

int gmatch(lua_State* lua) {
    check_regex(lua);
    const std::size_t skipped = check_init(lua, 3, check_subject(lua, 2).size());
    lua_settop(lua, 2);
    lua_pushinteger(lua, static_cast<lua_Integer>(skipped));
    lua_pushinteger(lua, 0);
    lua_pushcclosure(lua, bind<next_match>, 4);
    return 1;
}

// How deep groups stand in groups. Brackets and escapes are not looked at: a few too many counted
// do no harm.
bool nested_too_deeply(std::string_view pattern) {
    int depth = 0;
    for (const char c : pattern) {
        if (c == '(' && ++depth > limits::kRegexNesting) return true;
        if (c == ')' && depth > 0) depth--;
    }
    return false;
}

int libc_flags(lua_State* lua, int index) {
    constexpr lua_Integer kAll = kExtended | kIgnoreCase | kNewline | kNoSubmatches;
    const lua_Integer flags = luaL_optinteger(lua, index, kExtended | kNewline);
    luaL_argcheck(lua, (flags & ~kAll) == 0, index, "invalid flags");
    // NOSUB is ignored: it would leave match() without a result to give.
    return (flags & kExtended ? REG_EXTENDED : 0) | (flags & kIgnoreCase ? REG_ICASE : 0) |
           (flags & kNewline ? REG_NEWLINE : 0);
}

int compile(lua_State* lua) {
    const std::string_view pattern = check_string(lua, 1);
    const int flags = libc_flags(lua, 2);
    if (pattern.contains('\0')) luaL_argerror(lua, 1, "string contains an embedded NUL byte");
    if (nested_too_deeply(pattern))
        return luaL_error(lua, "`%s': more than %d groups within groups", pattern.data(),
                          limits::kRegexNesting);
    auto& regex = *static_cast<Regex*>(lua_newuserdatauv(lua, sizeof(Regex), 0));
    regex.compiled = false;
    luaL_setmetatable(lua, kTypeName);
    const int status = regcomp(&regex.code, pattern.data(), flags);
    if (status != 0)
        return luaL_error(lua, "`%s': %s", pattern.data(), push_message(lua, status, regex.code));
    regex.compiled = true;
    return 1;
}

int collect(lua_State* lua) {
    auto& regex = *static_cast<Regex*>(luaL_checkudata(lua, 1, kTypeName));
    if (regex.compiled) regfree(&regex.code);
    regex.compiled = false;
    return 0;
}

constexpr luaL_Reg kFunctions[] = {
    row<compile>("compile"), row<find>("find"),  row<match>("match"),
    row<gmatch>("gmatch"),   {nullptr, nullptr},
};

}  // namespace

int open_regex(lua_State* lua) {
    luaL_newlib(lua, kFunctions);
    const auto constant = [lua](const char* name, Flags value) {
        lua_pushinteger(lua, value);
        lua_setfield(lua, -2, name);
    };
    constant("EXTENDED", kExtended);
    constant("ICASE", kIgnoreCase);
    constant("NEWLINE", kNewline);
    constant("NOSUB", kNoSubmatches);
    // Its __name, which luaL_newmetatable sets, is what tostring() writes.
    luaL_newmetatable(lua, kTypeName);
    lua_pushcfunction(lua, bind<collect>);
    lua_setfield(lua, -2, "__gc");
    lua_pushvalue(lua, -2);
    lua_setfield(lua, -2, "__index");
    lua_pop(lua, 1);
    return 1;
}

}  // namespace neosocksd::ruleset
