// Vm: the one Lua state, and every way into it.
//
// It belongs to the control thread; no other touches it. What runs long is divided into routines
// (routines.h), which wait and go on; each entry here returns when Lua has nothing more to do now.
// Behaviour: spec/lua.md sections 1, 2 and 9.

#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/loop.h"
#include "io/task.h"
#include "ruleset/host.h"
#include "ruleset/lua_api.h"
#include "ruleset/memory.h"

namespace neosocksd::ruleset {

class Routines;
class Ticker;
class Watchdog;

struct VmOptions {
    std::size_t memory_limit = 0;  // bytes; 0: none. Soft: a full collection at the next entry
    bool traceback = false;        // error messages end in one
    io::Duration watchdog{};       // complain of a chunk that runs longer; 0: never
    // Directories in which `require` looks behind the current one.
    std::vector<std::string> library_path;
};

// Nothing, or the message of what Lua says is wrong.
using LuaResult = std::expected<void, std::string>;

class Vm {
public:
    Vm(Host& host, VmOptions options);
    // Every routine must have been stopped, if there was a loop: see stop().
    ~Vm();
    Vm(const Vm&) = delete;
    Vm& operator=(const Vm&) = delete;

    // What waits needs a loop. Routines that started before wait for this call. The calling thread
    // is from now on the one that runs Lua.
    void attach(io::Loop& loop);
    // Ends every wait and closes the Lua state: finalizers run, which may still ask the host. Then
    // nothing can be asked of the Vm, and it may be destroyed.
    io::Task<void> stop();

    // Loads the ruleset (-r): its result becomes the global `ruleset`. On failure the old one
    // stays. A gzip-compressed file is inflated, "-" is the standard input.
    LuaResult load_ruleset(const std::string& path);
    // Runs a boot configuration (-c), called with "config". It must return a table, which `read` is
    // given on top of the stack; `read` may raise Lua errors. A ruleset in it is installed.
    LuaResult load_config(const std::string& path, const std::function<void(lua_State*)>& read);

    // POST /ruleset/update. `module` is "ruleset" for the ruleset itself; `chunkname` as given to
    // the loader ("=ruleset" by default).
    LuaResult update(std::string_view module, const std::string& chunkname, std::string_view code);
    // POST /ruleset/invoke: runs the chunk at once, outside of any routine.
    LuaResult invoke(std::string_view code);
    // POST /ruleset/rpcall: runs the chunk in a routine. The body of the answer ("return true,..."
    // or "return false,..."), or the message if it does not compile. When the caller's scope is
    // cancelled the routine goes on, and nobody hears of it: "cancelled".
    io::Task<std::expected<std::string, std::string>> rpcall(std::string code);

    // A full collection.
    struct Memory {
        std::size_t bytes = 0;
        std::size_t objects = 0;
    };
    void collect();
    Memory memory() const;
    std::size_t memory_limit() const { return options_.memory_limit; }
    void set_memory_limit(std::size_t bytes) { options_.memory_limit = bytes; }
    void set_traceback(bool on) { options_.traceback = on; }
    // Whether the global `ruleset` is a table.
    bool has_ruleset();

    // ruleset.stats(dt, q): its text, or the error's. Empty if there is no such function.
    std::string stats(double dt, const std::optional<std::string>& q);
    // ruleset.metrics(): empty if there is none or it fails.
    std::string metrics();
    // ruleset.healthy(): why not, or empty.
    std::string healthy();

    // Routines in flight now, and the most there have been.
    std::size_t threads_active() const;
    std::size_t threads_peak() const;
    // Chunks that the watchdog complained of.
    std::uint64_t long_runs() const;

    // For the bindings and the rules.
    lua_State* state() { return state_; }
    static Vm& of(lua_State* lua);
    Host& host() { return host_; }
    Routines& routines() { return *routines_; }
    io::Loop* loop() { return loop_; }  // nullptr before attach()

    // To be held while Lua runs: collects if the memory limit asks for it, minds the watchdog.
    class Entry {
    public:
        explicit Entry(Vm& vm, bool may_collect = true);
        ~Entry();
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;

    private:
        Vm& vm_;
    };

    // Calls the function below `arguments` values on the stack of `state()`, protected; on failure
    // the error value is on the stack instead of the results, and is kept as `lasterror`.
    bool call(int arguments, int results);
    // The error value on top as text (nil: "(nil)"), popped.
    std::string pop_error();
    // Keeps the error value on top of `lua` as `lasterror`; the stack stays.
    void keep_error(lua_State* lua);
    void push_error(lua_State* lua);
    // Pushes the message handler: that of --traceback, or nil. Returns whether there is one.
    bool push_handler(lua_State* lua);
    // Pushes ruleset[name], nil if there is none. False: the error is on the stack instead. Where
    // nothing needs a ruleset, none is no error.
    bool push_callback(const char* name, bool needed = true);
    // Compiles text that came by the API, with an environment of its own over _G. False: the
    // message is on the stack instead of the function.
    static bool load_posted(lua_State* lua, std::string_view code, const char* chunkname);
    // The Unix time, the same for all that one entry runs.
    double now();
    Ticker& ticker() { return *ticker_; }
    bool traceback() const { return options_.traceback; }

private:
    LuaResult run_chunk(std::string_view code, const char* chunkname, const char* mode,
                        const char* argument, int results);
    LuaResult install_ruleset();
    static int read_config(lua_State* lua);
    void close();
    bool call_for_text(const char* name, int arguments, std::string& text);

    Host& host_;
    VmOptions options_;
    MemoryAccount account_;
    lua_State* state_ = nullptr;
    io::Loop* loop_ = nullptr;
    std::unique_ptr<Routines> routines_;
    std::unique_ptr<Ticker> ticker_;
    std::unique_ptr<Watchdog> watchdog_;
    const std::function<void(lua_State*)>* read_config_ = nullptr;  // while load_config() runs
    int depth_ = 0;                                                 // of entries
    double now_ = 0;                                                // 0: not read in this entry
};

// An error value as text, lua.md section 1.4.
std::string error_text(lua_State* lua, int index);

}  // namespace neosocksd::ruleset
