// Tested by vm_test.cc and tests/lua.

#include "ruleset/vm.h"

#include <cassert>
#include <new>

#include "base/log.h"
#include "ruleset/bind.h"
#include "ruleset/globals.h"
#include "ruleset/routines.h"
#include "ruleset/script_file.h"
#include "ruleset/ticker.h"
#include "ruleset/watchdog.h"

namespace neosocksd::ruleset {
namespace {

// Keys of the registry, by address.
const char kLastError = 0;
const char kHandler = 0;

int panic(lua_State* lua) {
    LOG_FATAL("Lua: unprotected error: {}", error_text(lua, -1));
    return 0;  // Lua aborts
}

// The global becomes the first argument, with whatever metamethods are in the way.
int set_ruleset(lua_State* lua) {
    lua_settop(lua, 1);
    lua_setglobal(lua, "ruleset");
    return 0;
}

// ruleset[name], the same; with false as second argument, nil if there is no ruleset.
int look_up(lua_State* lua) {
    if (lua_getglobal(lua, "ruleset") == LUA_TNIL && !lua_toboolean(lua, 2)) return 1;
    lua_pushvalue(lua, 1);
    lua_gettable(lua, -2);
    return 1;
}

}  // namespace

std::string error_text(lua_State* lua, int index) {
    switch (lua_type(lua, index)) {
    case LUA_TSTRING: return std::string(to_string_view(lua, index));
    case LUA_TNIL: return "(nil)";
    default: return "(error object is not a string)";
    }
}

Vm::Vm(Host& host, VmOptions options) : host_(host), options_(std::move(options)) {
    state_ = lua_newstate(&MemoryAccount::allocate, &account_);
    if (!state_) throw std::bad_alloc();
    lua_atpanic(state_, &panic);
    routines_ = std::make_unique<Routines>(*this);
    ticker_ = std::make_unique<Ticker>(*this);
    lua_pushcfunction(state_, bind<traceback_handler>);
    lua_rawsetp(state_, LUA_REGISTRYINDEX, &kHandler);
    lua_pushcfunction(state_, bind<open_globals>);
    if (lua_pcall(state_, 0, 0, 0) != LUA_OK) throw std::runtime_error(pop_error());
    set_library_path(state_, options_.library_path);
}

Vm::~Vm() {
    close();
}

void Vm::close() {
    if (!state_) return;
    const Entry entry(*this, false);
    ticker_->let_go();
    routines_->close();
    lua_close(state_);
    state_ = nullptr;
}

void Vm::attach(io::Loop& loop) {
    loop_ = &loop;
    if (options_.watchdog > io::Duration::zero())
        watchdog_ = std::make_unique<Watchdog>(*routines_, options_.watchdog);
    ticker_->attach(loop);
    routines_->attach(loop);
}

io::Task<void> Vm::stop() {
    ticker_->let_go();
    auto stopping = routines_->stop();
    co_await std::move(stopping);
    close();
}

Vm::Entry::Entry(Vm& vm, bool may_collect) : vm_(vm) {
    if (vm_.depth_++ > 0) return;
    vm_.now_ = 0;
    if (vm_.watchdog_) vm_.watchdog_->enter();
    const std::size_t limit = vm_.options_.memory_limit;
    if (may_collect && limit > 0 && vm_.account_.bytes >= limit) vm_.collect();
}

Vm::Entry::~Entry() {
    if (--vm_.depth_ > 0) return;
    // Each entry leaves the stack as it was.
    assert(!vm_.state_ || lua_gettop(vm_.state_) == 0);
    if (vm_.watchdog_) vm_.watchdog_->leave();
}

double Vm::now() {
    if (now_ == 0)
        now_ = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
                   .count();
    return now_;
}

Vm& Vm::of(lua_State* lua) {
    return routine_of(lua).vm;
}

bool Vm::push_handler(lua_State* lua) {
    if (!options_.traceback) {
        lua_pushnil(lua);
        return false;
    }
    lua_rawgetp(lua, LUA_REGISTRYINDEX, &kHandler);
    return true;
}

bool Vm::call(int arguments, int results) {
    const Entry entry(*this);
    const int base = lua_gettop(state_) - arguments;
    const bool handled = push_handler(state_);
    lua_insert(state_, base);
    lua_State* const before = routines_->running();
    routines_->set_running(state_);
    const int status = lua_pcall(state_, arguments, results, handled ? base : 0);
    routines_->set_running(before);
    lua_remove(state_, base);
    if (status == LUA_OK) return true;
    keep_error(state_);
    return false;
}

std::string Vm::pop_error() {
    std::string text = error_text(state_, -1);
    lua_pop(state_, 1);
    return text;
}

void Vm::keep_error(lua_State* lua) {
    lua_pushvalue(lua, -1);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &kLastError);
}

void Vm::push_error(lua_State* lua) {
    lua_rawgetp(lua, LUA_REGISTRYINDEX, &kLastError);
}

bool Vm::push_callback(const char* name, bool needed) {
    // Nearly always two plain tables.
    lua_rawgeti(state_, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushliteral(state_, "ruleset");
    if (lua_rawget(state_, -2) == LUA_TTABLE) {
        lua_pushstring(state_, name);
        if (lua_rawget(state_, -2) != LUA_TNIL) {
            lua_replace(state_, -3);
            lua_pop(state_, 1);
            return true;
        }
        lua_pop(state_, 1);
    }
    lua_pop(state_, 2);
    lua_pushcfunction(state_, bind<look_up>);
    lua_pushstring(state_, name);
    lua_pushboolean(state_, needed);
    return call(2, 1);
}

bool Vm::has_ruleset() {
    lua_rawgeti(state_, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
    lua_pushliteral(state_, "ruleset");
    const bool is_table = lua_rawget(state_, -2) == LUA_TTABLE;
    lua_pop(state_, 2);
    return is_table;
}

LuaResult Vm::run_chunk(std::string_view code, const char* chunkname, const char* mode,
                        const char* argument, int results) {
    const Entry entry(*this);
    if (luaL_loadbufferx(state_, code.data(), code.size(), chunkname, mode) != LUA_OK) {
        if (options_.traceback) add_traceback(state_, state_);
        keep_error(state_);
        return std::unexpected(pop_error());
    }
    if (argument) lua_pushstring(state_, argument);
    if (!call(argument ? 1 : 0, results)) return std::unexpected(pop_error());
    return {};
}

LuaResult Vm::install_ruleset() {
    if (!lua_istable(state_, -1)) {
        lua_pushfstring(state_, "ruleset: expected table, got %s", luaL_typename(state_, -1));
        keep_error(state_);
        std::string message = pop_error();
        lua_pop(state_, 1);
        return std::unexpected(std::move(message));
    }
    lua_pushcfunction(state_, bind<set_ruleset>);
    lua_insert(state_, -2);
    if (!call(1, 0)) return std::unexpected(pop_error());
    return {};
}

LuaResult Vm::load_ruleset(const std::string& path) {
    const Entry entry(*this);
    auto script = read_script(path);
    if (!script) {
        push(state_, script.error());
        keep_error(state_);
        return std::unexpected(pop_error());
    }
    set_script_directory(state_, path, options_.library_path);
    auto done = run_chunk(*script, chunk_name(path).c_str(), "bt", "ruleset", 1);
    return done ? install_ruleset() : done;
}

LuaResult Vm::load_config(const std::string& path, const std::function<void(lua_State*)>& read) {
    const Entry entry(*this);
    auto script = read_script(path);
    if (!script) return std::unexpected(script.error());
    set_script_directory(state_, path, options_.library_path);
    auto done = run_chunk(*script, chunk_name(path).c_str(), "bt", "config", 1);
    if (!done) return done;
    if (!lua_istable(state_, -1)) {
        std::string message = "config: expected table, got ";
        message += luaL_typename(state_, -1);
        lua_pop(state_, 1);
        return std::unexpected(std::move(message));
    }
    read_config_ = &read;
    lua_pushcfunction(state_, bind<&Vm::read_config>);
    lua_insert(state_, -2);
    const bool well = call(1, 0);
    read_config_ = nullptr;
    if (!well) return std::unexpected(pop_error());
    return {};
}

int Vm::read_config(lua_State* lua) {
    (*of(lua).read_config_)(lua);
    switch (lua_getfield(lua, 1, "ruleset")) {
    case LUA_TTABLE: lua_setglobal(lua, "ruleset"); break;
    case LUA_TNIL:
        // One that the script has set by itself.
        if (lua_getglobal(lua, "ruleset") != LUA_TTABLE) {
            lua_pushnil(lua);
            lua_setglobal(lua, "ruleset");
        }
        break;
    default: return luaL_error(lua, "boot: field `ruleset' must be a table");
    }
    return 0;
}

LuaResult Vm::update(std::string_view module, const std::string& chunkname, std::string_view code) {
    const Entry entry(*this);
    const std::string name(module);
    if (name == "ruleset") {
        auto done = run_chunk(code, chunkname.c_str(), "t", "ruleset", 1);
        return done ? install_ruleset() : done;
    }
    // Compiled first: a chunk with a syntax error changes nothing.
    lua_pushcfunction(state_, bind<replace_module>);
    push(state_, name);
    if (luaL_loadbufferx(state_, code.data(), code.size(), chunkname.c_str(), "t") != LUA_OK) {
        if (options_.traceback) add_traceback(state_, state_);
        keep_error(state_);
        std::string message = pop_error();
        lua_pop(state_, 2);
        return std::unexpected(std::move(message));
    }
    if (!call(2, 0)) return std::unexpected(pop_error());
    return {};
}

bool Vm::load_posted(lua_State* lua, std::string_view code, const char* chunkname) {
    if (luaL_loadbufferx(lua, code.data(), code.size(), chunkname, "t") != LUA_OK) return false;
    set_fresh_environment(lua);
    return true;
}

LuaResult Vm::invoke(std::string_view code) {
    const Entry entry(*this);
    if (!load_posted(state_, code, "=(invoke)")) {
        if (options_.traceback) add_traceback(state_, state_);
        keep_error(state_);
        return std::unexpected(pop_error());
    }
    if (!call(0, 0)) return std::unexpected(pop_error());
    return {};
}

void Vm::collect() {
    lua_gc(state_, LUA_GCCOLLECT);
}

Vm::Memory Vm::memory() const {
    return {account_.bytes, account_.objects};
}

bool Vm::call_for_text(const char* name, int arguments, std::string& text) {
    // The arguments are on the stack.
    const int base = lua_gettop(state_) - arguments + 1;
    if (!push_callback(name, false)) {
        text = pop_error();
        lua_settop(state_, base - 1);
        return false;
    }
    if (lua_isnil(state_, -1)) {  // optional
        lua_settop(state_, base - 1);
        return true;
    }
    lua_insert(state_, base);
    if (!call(arguments, 1)) {
        text = pop_error();
        return false;
    }
    if (lua_isstring(state_, -1)) text = to_string_view(state_, -1);
    lua_pop(state_, 1);
    return true;
}

std::string Vm::stats(double dt, const std::optional<std::string>& q) {
    const Entry entry(*this);
    lua_pushnumber(state_, dt);
    if (q)
        push(state_, *q);
    else
        lua_pushnil(state_);
    std::string text;
    if (!call_for_text("stats", 2, text)) NEOSOCKSD_LOG_LINES(warning, "ruleset.stats: {}", text);
    return text;
}

std::string Vm::metrics() {
    const Entry entry(*this);
    std::string text;
    if (call_for_text("metrics", 0, text)) return text;
    NEOSOCKSD_LOG_LINES(warning, "ruleset.metrics: {}", text);
    return {};
}

std::string Vm::healthy() {
    const Entry entry(*this);
    std::string text;
    if (!call_for_text("healthy", 0, text))
        NEOSOCKSD_LOG_LINES(warning, "ruleset.healthy: {}", text);
    return text;
}

std::size_t Vm::threads_active() const {
    return routines_->active();
}
std::size_t Vm::threads_peak() const {
    return routines_->peak();
}
std::uint64_t Vm::long_runs() const {
    return watchdog_ ? watchdog_->complaints() : 0;
}

}  // namespace neosocksd::ruleset
