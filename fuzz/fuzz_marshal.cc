// The input is a chunk of Lua, run in an empty environment. What marshal() makes of its results
// loads again, to values that are the same. Steps and memory of the chunk are bounded.

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "ruleset/marshal.h"
#include "ruleset/modules.h"
#include "support.h"

using namespace neosocksd;
using fuzz::require;

namespace {

constexpr int kSteps = 20000;
constexpr std::size_t kMemoryBytes = 8 << 20;
// More values than this need more registers than a Lua function has.
constexpr int kValues = 200;
// Longer texts take long and show nothing new.
constexpr std::size_t kTextBytes = 1 << 20;

struct Memory {
    std::size_t used = 0;
    std::size_t limit = kMemoryBytes;
};

void* allocate(void* pointer, void* block, std::size_t old_size, std::size_t new_size) {
    auto& memory = *static_cast<Memory*>(pointer);
    if (block == nullptr) old_size = 0;
    if (new_size > old_size && memory.used + (new_size - old_size) > memory.limit) return nullptr;
    memory.used = memory.used - old_size + new_size;
    if (new_size != 0) return std::realloc(block, new_size);
    std::free(block);
    return nullptr;
}

// The value in words that do not depend on the order of a table.
std::string canonical(lua_State* lua, int index) {
    switch (lua_type(lua, index)) {
    case LUA_TNIL: return "nil";
    case LUA_TBOOLEAN: return lua_toboolean(lua, index) ? "true" : "false";
    case LUA_TNUMBER: {
        const double number = lua_tonumber(lua, index);
        if (lua_isinteger(lua, index)) return "i" + std::to_string(lua_tointeger(lua, index));
        const auto bits = std::bit_cast<std::uint64_t>(number);
        if (bits == 0) return "i0";  // 0.0 becomes 0
        return number != number ? "nan" : "f" + std::to_string(bits);
    }
    case LUA_TSTRING: {
        const auto text = ruleset::to_string_view(lua, index);
        return "s" + std::to_string(text.size()) + ":" + std::string(text);
    }
    default: break;
    }
    require(lua_istable(lua, index) && lua_checkstack(lua, 4));
    std::vector<std::string> entries;
    lua_pushnil(lua);
    while (lua_next(lua, index) != 0) {
        const int entry = lua_gettop(lua);
        entries.push_back(canonical(lua, entry - 1) + "=" + canonical(lua, entry));
        lua_pop(lua, 1);
    }
    std::sort(entries.begin(), entries.end());
    std::string result = "{";
    for (const auto& entry : entries) result += entry + ",";
    return result + "}";
}

std::string canonical_values(lua_State* lua, int first) {
    std::string result;
    for (int i = first; i <= lua_gettop(lua); i++) result += canonical(lua, i) + ";";
    return result;
}

bool load_in_empty_environment(lua_State* lua, std::string_view chunk) {
    if (luaL_loadbufferx(lua, chunk.data(), chunk.size(), "=chunk", "t") != LUA_OK) return false;
    lua_newtable(lua);
    lua_setupvalue(lua, -2, 1);
    return true;
}

// Leaves the results of the chunk on the stack, and lifts the limits again.
bool run_chunk(lua_State* lua, std::string_view chunk, Memory& memory) {
    if (!load_in_empty_environment(lua, chunk)) return false;
    const auto stop = [](lua_State* state, lua_Debug*) { luaL_error(state, "too many steps"); };
    lua_sethook(lua, stop, LUA_MASKCOUNT, kSteps);
    const int status = lua_pcall(lua, 0, LUA_MULTRET, 0);
    lua_sethook(lua, nullptr, 0, 0);
    memory.limit = SIZE_MAX;
    return status == LUA_OK;
}

void check(lua_State* lua, std::string_view chunk, Memory& memory) {
    if (!run_chunk(lua, chunk, memory)) return;
    const int count = std::min(lua_gettop(lua), kValues);
    lua_settop(lua, count);
    luaL_checkstack(lua, count + 10, nullptr);
    ruleset::open_marshal(lua);
    for (int i = 1; i <= count; i++) lua_pushvalue(lua, i);
    if (lua_pcall(lua, count, 1, 0) != LUA_OK) {
        // Functions, cycles, depth or length; never anything but a message.
        require(lua_isstring(lua, -1));
        return;
    }
    const std::string text(ruleset::to_string_view(lua, -1));
    lua_pop(lua, 1);
    if (text.size() > kTextBytes) return;
    const std::string before = canonical_values(lua, 1);
    lua_settop(lua, 0);

    const std::string again = "return " + text;
    require(luaL_loadbufferx(lua, again.data(), again.size(), "=text", "t") == LUA_OK);
    require(lua_pcall(lua, 0, LUA_MULTRET, 0) == LUA_OK);
    require(lua_gettop(lua) == count);
    require(canonical_values(lua, 1) == before);
}

struct Job {
    std::string_view chunk;
    Memory memory;
};

int run(lua_State* lua) {
    auto& job = *static_cast<Job*>(lua_touserdata(lua, 1));
    lua_settop(lua, 0);
    check(lua, job.chunk, job.memory);
    return 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Job job{fuzz::Input(data, size).rest(), {}};
    lua_State* lua = lua_newstate(allocate, &job.memory);
    require(lua != nullptr);
    lua_pushcfunction(lua, run);
    lua_pushlightuserdata(lua, &job);
    const int status = lua_pcall(lua, 1, 0, 0);
    require(status == LUA_OK || status == LUA_ERRMEM);
    lua_close(lua);
    require(job.memory.used == 0);
    return 0;
}
