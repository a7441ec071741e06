// Boot configurations: the input is a chunk of Lua whose table is read as options. What was read
// says the same again after --dump-config, and whether it makes sense is decided without harm.

#include "app/config_fields.h"
#include "app/options_check.h"
#include "lua_sandbox.h"
#include "shown_fields.h"

using namespace neosocksd;
using fuzz::require;

namespace {

// False: a Lua error, whose message is all there is then.
bool read(lua_State* lua, app::Options& options) {
    lua_pushcfunction(lua, [](lua_State* state) {
        auto& target = *static_cast<app::Options*>(lua_touserdata(state, 2));
        lua_settop(state, 1);
        app::read_config_fields(state, target);
        return 0;
    });
    lua_insert(lua, -2);
    lua_pushlightuserdata(lua, &options);
    if (lua_pcall(lua, 2, 0, 0) == LUA_OK) return true;
    require(lua_type(lua, -1) == LUA_TSTRING);
    return false;
}

void check(fuzz::LuaSandbox& sandbox, lua_State* lua, std::string_view chunk) {
    if (!sandbox.run_chunk(chunk) || !lua_istable(lua, 1)) return;
    // A table that answers by functions may answer differently each time, or never end.
    if (lua_getmetatable(lua, 1)) return;
    lua_settop(lua, 1);
    app::Options options;
    if (!read(lua, options)) return;
    app::check(options, "fuzz");
    const std::string dump = app::dump_config(options);
    require(luaL_loadbufferx(lua, dump.data(), dump.size(), "=dump", "t") == LUA_OK);
    require(lua_pcall(lua, 0, 1, 0) == LUA_OK);
    app::Options again;
    require(read(lua, again));
    require(fuzz::shown_fields(again) == fuzz::shown_fields(options));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::Input input(data, size);
    fuzz::LuaSandbox sandbox;
    sandbox.run([&](lua_State* lua) { check(sandbox, lua, input.rest()); });
    return 0;
}
