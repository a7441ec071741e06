// A Lua state for targets whose input is Lua: memory and steps are bounded, the chunk runs in an
// empty environment, and whatever goes wrong is caught.

#pragma once

#include <cstdlib>
#include <functional>
#include <string_view>

#include "ruleset/lua_api.h"
#include "support.h"

namespace neosocksd::fuzz {

class LuaSandbox {
public:
    LuaSandbox() : lua_(lua_newstate(&LuaSandbox::allocate, this)) { require(lua_ != nullptr); }
    LuaSandbox(const LuaSandbox&) = delete;
    LuaSandbox& operator=(const LuaSandbox&) = delete;
    ~LuaSandbox() {
        lua_close(lua_);
        require(used_ == 0);
    }

    // Runs `work` protected. Only a lack of memory may end it early.
    void run(std::function<void(lua_State*)> work) {
        lua_pushcfunction(lua_, &LuaSandbox::enter);
        lua_pushlightuserdata(lua_, &work);
        const int status = lua_pcall(lua_, 1, 0, 0);
        require(status == LUA_OK || status == LUA_ERRMEM);
        lua_settop(lua_, 0);
    }

    // Leaves the results of the chunk on the stack, and lifts the limit of memory.
    bool run_chunk(std::string_view chunk) {
        if (luaL_loadbufferx(lua_, chunk.data(), chunk.size(), "=chunk", "t") != LUA_OK)
            return false;
        lua_newtable(lua_);
        lua_setupvalue(lua_, -2, 1);
        const auto stop = [](lua_State* state, lua_Debug*) { luaL_error(state, "too many steps"); };
        lua_sethook(lua_, stop, LUA_MASKCOUNT, kSteps);
        const int status = lua_pcall(lua_, 0, LUA_MULTRET, 0);
        lua_sethook(lua_, nullptr, 0, 0);
        limit_ = SIZE_MAX;
        return status == LUA_OK;
    }

private:
    static constexpr int kSteps = 20000;

    static int enter(lua_State* lua) {
        const auto& work = *static_cast<std::function<void(lua_State*)>*>(lua_touserdata(lua, 1));
        lua_settop(lua, 0);
        work(lua);
        return 0;
    }
    static void* allocate(void* pointer, void* block, std::size_t old_size, std::size_t new_size) {
        auto& self = *static_cast<LuaSandbox*>(pointer);
        if (block == nullptr) old_size = 0;
        if (new_size > old_size && self.used_ + (new_size - old_size) > self.limit_) return nullptr;
        self.used_ = self.used_ - old_size + new_size;
        if (new_size != 0) return std::realloc(block, new_size);
        std::free(block);
        return nullptr;
    }

    std::size_t used_ = 0;
    std::size_t limit_ = 8 << 20;
    lua_State* lua_;
};

}  // namespace neosocksd::fuzz
