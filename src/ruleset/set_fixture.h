// What the tests of native sets share: files that vanish, made-up data with a seed that is printed,
// and a Lua state with the sets in it.

#pragma once

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>

#include <unistd.h>
#include <zlib.h>

#include "ruleset/modules.h"

namespace neosocksd::ruleset {

// Printed, and taken from NEOSOCKSD_SEED to repeat a failure.
inline unsigned printed_seed() {
    const char* given = std::getenv("NEOSOCKSD_SEED");
    const auto seed = given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                            : static_cast<unsigned>(std::random_device{}());
    std::printf("NEOSOCKSD_SEED=%u\n", seed);
    return seed;
}

class Random {
public:
    explicit Random(unsigned seed) : engine_(seed) {}
    std::uint64_t bits() { return engine_(); }
    std::size_t below(std::size_t bound) { return engine_() % bound; }

private:
    std::mt19937_64 engine_;
};

class TemporaryFile {
public:
    explicit TemporaryFile(std::string_view content = {}) {
        ::close(::mkstemp(path_.data()));
        write(content);
    }
    TemporaryFile(const TemporaryFile&) = delete;
    ~TemporaryFile() { ::unlink(path_.c_str()); }

    const std::string& path() const { return path_; }
    void write(std::string_view content) const {
        std::FILE* file = std::fopen(path_.c_str(), "we");
        std::fwrite(content.data(), 1, content.size(), file);
        std::fclose(file);
    }
    void write_gzip(std::string_view content) const {
        const gzFile file = gzopen(path_.c_str(), "wb");
        gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
        gzclose(file);
    }

private:
    std::string path_ = "/tmp/neosocksd-test-XXXXXX";
};

// A bare state with the global `set`.
class SetState {
public:
    SetState() : lua_(luaL_newstate()) {
        luaL_openlibs(lua_);
        open_set(lua_);
        lua_setglobal(lua_, "set");
    }
    SetState(const SetState&) = delete;
    ~SetState() { lua_close(lua_); }

    // The text of what the chunk returns, or of its error. The chunk's name is "rules.lua".
    std::string run(const std::string& code) {
        if (luaL_loadbufferx(lua_, code.data(), code.size(), "@rules.lua", "t") == LUA_OK)
            lua_pcall(lua_, 0, 1, 0);
        std::size_t size = 0;
        const char* text = luaL_tolstring(lua_, -1, &size);
        const std::string result(text, size);
        lua_settop(lua_, 0);
        return result;
    }
    void set_global(const char* name, const std::string& value) {
        push(lua_, value);
        lua_setglobal(lua_, name);
    }
    lua_State* state() { return lua_; }

private:
    lua_State* lua_;
};

}  // namespace neosocksd::ruleset
