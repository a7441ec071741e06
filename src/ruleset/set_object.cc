// Tested by sets_test.cc.

#include "ruleset/set_object.h"

#include <algorithm>
#include <utility>

#include "ruleset/bind.h"

namespace neosocksd::ruleset {
namespace {

constexpr const char* kTypeName = "neosocksd.set";

using Box = std::unique_ptr<SetObject>;

int collect(lua_State* lua) {
    static_cast<Box*>(luaL_checkudata(lua, 1, kTypeName))->reset();
    return 0;
}

// Lua's collector sees the box and not the set: rules that build sets again and again would keep
// many dead ones. So it does the work that this much memory of its own would have made it do.
void report_memory(lua_State* lua, std::size_t bytes) {
    constexpr std::size_t kWorthIt = 64 * 1024, kMost = std::size_t{1} << 30;
    if (bytes >= kWorthIt && lua_gc(lua, LUA_GCISRUNNING))
        lua_gc(lua, LUA_GCSTEP, static_cast<int>(std::min(bytes, kMost) / 1024));
}

}  // namespace

void register_set_objects(lua_State* lua) {
    if (luaL_newmetatable(lua, kTypeName)) {
        lua_pushcfunction(lua, bind<collect>);
        lua_setfield(lua, -2, "__gc");
        lua_pushboolean(lua, 0);
        lua_setfield(lua, -2, "__metatable");
    }
    lua_pop(lua, 1);
}

int push_matcher(lua_State* lua, std::unique_ptr<SetObject> set, lua_CFunction ask) {
    const std::size_t bytes = set->bytes();
    void* memory = lua_newuserdatauv(lua, sizeof(Box), 0);
    // tidy: allow(new) into Lua's memory; collect() destroys what it holds
    ::new (memory) Box(std::move(set));
    luaL_setmetatable(lua, kTypeName);
    lua_pushcclosure(lua, ask, 1);
    report_memory(lua, bytes);
    return 1;
}

SetObject& upvalue_set(lua_State* lua) {
    return **static_cast<Box*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

int set_info(lua_State* lua) {
    luaL_checktype(lua, 1, LUA_TFUNCTION);
    const Box* box = nullptr;
    if (lua_getupvalue(lua, 1, 1)) box = static_cast<Box*>(luaL_testudata(lua, -1, kTypeName));
    luaL_argcheck(lua, box && *box, 1, "matcher of neosocksd.set expected");
    lua_createtable(lua, 0, 3);
    lua_pushstring(lua, (*box)->kind());
    lua_setfield(lua, -2, "kind");
    lua_pushinteger(lua, static_cast<lua_Integer>((*box)->entries()));
    lua_setfield(lua, -2, "entries");
    lua_pushinteger(lua, static_cast<lua_Integer>((*box)->bytes()));
    lua_setfield(lua, -2, "bytes");
    return 1;
}

void for_each_text(lua_State* lua, int index, const std::function<void(std::string_view)>& take) {
    if (!lua_istable(lua, index)) {
        if (!lua_isstring(lua, index))
            luaL_argerror(lua, index,
                          lua_pushfstring(lua, "string or table expected, got %s",
                                          luaL_typename(lua, index)));
        lua_pushvalue(lua, index);  // the argument itself is not converted
        take(to_string_view(lua, -1));
        lua_pop(lua, 1);
        return;
    }
    luaL_checkstack(lua, 4, "too many arguments");
    for (lua_Integer i = 1;; i++) {
        const int type = lua_rawgeti(lua, index, i);
        if (type == LUA_TNIL) break;
        if (type != LUA_TSTRING && type != LUA_TNUMBER)
            luaL_argerror(lua, index,
                          lua_pushfstring(lua, "string expected at index %I, got %s",
                                          static_cast<LUAI_UACINT>(i), luaL_typename(lua, -1)));
        take(to_string_view(lua, -1));
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
}

std::string_view check_host(lua_State* lua, int index) {
    const std::string_view address = check_string(lua, index);
    std::string_view host, port;
    if (!split_host_port(address, host, port))
        luaL_error(lua, "invalid address: `%s'", lua_tostring(lua, index));
    return host;
}

void raise(lua_State* lua, const std::string& text) {
    luaL_where(lua, 1);
    push(lua, text);
    lua_concat(lua, 2);
    lua_error(lua);
    std::unreachable();
}

}  // namespace neosocksd::ruleset
