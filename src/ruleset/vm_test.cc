// The ways into the Lua state: loading, updating, invoking, calling; what becomes of errors.

#include "ruleset/vm_fixture.h"

namespace neosocksd::ruleset {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string failure_of(const LuaResult& result) {
    return result ? "no failure" : result.error();
}

TEST_F(VmTest, the_result_of_the_file_becomes_the_ruleset) {
    const TemporaryFile file("#!/usr/bin/lua\nlocal name = ...\nreturn {name = name}");
    ASSERT_TRUE(vm->load_ruleset(file.path()));
    EXPECT_EQ(text("ruleset.name"), "ruleset");
    EXPECT_TRUE(vm->has_ruleset());
}

TEST_F(VmTest, a_failed_load_keeps_the_old_ruleset_and_the_error) {
    run("_G.ruleset = {old = true}");
    const TemporaryFile file("\n\nerror('bad at load')");
    EXPECT_EQ(failure_of(vm->load_ruleset(file.path())), file.path() + ":3: bad at load");
    EXPECT_EQ(lasterror(), file.path() + ":3: bad at load");
    file.write("return 5");
    EXPECT_EQ(failure_of(vm->load_ruleset(file.path())), "ruleset: expected table, got number");
    file.write("local x");
    EXPECT_EQ(failure_of(vm->load_ruleset(file.path())), "ruleset: expected table, got nil");
    file.write("x = ");
    EXPECT_THAT(failure_of(vm->load_ruleset(file.path())), HasSubstr(":1: unexpected symbol"));
    EXPECT_THAT(failure_of(vm->load_ruleset("/nonexistent.lua")),
                StartsWith("cannot open /nonexistent.lua"));
    EXPECT_EQ(text("ruleset.old"), "true");
}

TEST_F(VmTest, a_global_table_that_refuses_the_ruleset_is_an_error_like_any_other) {
    const TemporaryFile file(
        "setmetatable(_G, {__newindex = function(_, k) error('no ' .. k, 0) end}) return {}");
    EXPECT_EQ(failure_of(vm->load_ruleset(file.path())), "no ruleset");
}

TEST_F(VmTest, files_are_found_beside_the_ruleset) {
    char directory[] = "/tmp/neosocksd-test-XXXXXX";
    ASSERT_TRUE(::mkdtemp(directory));
    const std::string path = std::string(directory) + "/rules.lua";
    const std::string module = std::string(directory) + "/beside_it.lua";
    for (const auto& [name, content] :
         {std::pair(path, "return require('beside_it')"), std::pair(module, "return {it = 3}")}) {
        std::FILE* file = std::fopen(name.c_str(), "w");
        std::fputs(content, file);
        std::fclose(file);
    }
    const auto loaded = vm->load_ruleset(path);
    for (const auto& name : {path, module}) ::unlink(name.c_str());
    ::rmdir(directory);
    ASSERT_TRUE(loaded) << loaded.error();
    EXPECT_EQ(text("ruleset.it"), "3");
}

TEST_F(VmTest, nothing_awaits_while_a_file_loads) {
    const TemporaryFile file("await.sleep(0)");
    EXPECT_EQ(failure_of(vm->load_ruleset(file.path())), "not in asynchronous routine");
}

TEST_F(VmTest, a_configuration_is_read_and_may_bring_the_ruleset) {
    std::string seen;
    const auto read = [&](lua_State* lua) {
        lua_getfield(lua, -1, "timeout");
        seen = error_text(lua, -1);
        lua_pop(lua, 1);
    };
    const TemporaryFile file("return {timeout = '5', ruleset = {from = ...}}");
    ASSERT_TRUE(vm->load_config(file.path(), read));
    EXPECT_EQ(seen, "5");
    EXPECT_EQ(text("ruleset.from"), "config");
    file.write("ruleset = {own = true} return {}");
    ASSERT_TRUE(vm->load_config(file.path(), read));
    EXPECT_EQ(text("ruleset.own"), "true");
    file.write("ruleset = 'ignored' return {}");
    ASSERT_TRUE(vm->load_config(file.path(), read));
    EXPECT_FALSE(vm->has_ruleset());
}

TEST_F(VmTest, a_configuration_that_is_none_is_refused) {
    const auto read = [](lua_State* lua) { luaL_error(lua, "boot: not this"); };
    const TemporaryFile file("");
    EXPECT_EQ(failure_of(vm->load_config(file.path(), read)), "config: expected table, got nil");
    file.write("return {}");
    EXPECT_EQ(failure_of(vm->load_config(file.path(), read)), "boot: not this");
    file.write("return {ruleset = 5}");
    EXPECT_EQ(failure_of(vm->load_config(file.path(), [](lua_State*) {})),
              "boot: field `ruleset' must be a table");
}

TEST_F(VmTest, update_replaces_the_ruleset) {
    ASSERT_TRUE(vm->update("ruleset", "=ruleset", "return {name = ...}"));
    EXPECT_EQ(text("ruleset.name"), "ruleset");
    EXPECT_EQ(text("package.loaded.ruleset"), "nil");
    EXPECT_EQ(failure_of(vm->update("ruleset", "=ruleset", "return 1")),
              "ruleset: expected table, got number");
    EXPECT_EQ(text("ruleset.name"), "ruleset");
}

TEST_F(VmTest, update_of_a_module_sets_its_global_only_if_that_was_the_module) {
    ASSERT_TRUE(vm->update("m", "=m", "return {1}"));
    EXPECT_EQ(text("m"), "nil");
    EXPECT_EQ(text("package.loaded.m[1]"), "1");
    run("_G.m = package.loaded.m");
    ASSERT_TRUE(vm->update("m", "=m", "return {2}"));
    EXPECT_EQ(text("m == package.loaded.m and m[1]"), "2");
    ASSERT_TRUE(vm->update("m", "=m", ""));
    EXPECT_EQ(text("package.loaded.m"), "true");
    EXPECT_EQ(text("m"), "nil");
}

TEST_F(VmTest, a_failed_update_changes_nothing) {
    run("package.loaded.m = {1} _G.m = package.loaded.m");
    EXPECT_EQ(failure_of(vm->update("m", "@foo.lua", "error('x')")), "foo.lua:1: x");
    EXPECT_EQ(failure_of(vm->update("m", "=foo", "error('x')")), "foo:1: x");
    EXPECT_EQ(failure_of(vm->update("m", "foo", "error('x')")), "[string \"foo\"]:1: x");
    EXPECT_EQ(failure_of(vm->update("m", "", "error('x')")), "[string \"\"]:1: x");
    EXPECT_EQ(failure_of(vm->update("m", "=m", "\n\n =")), "m:3: unexpected symbol near '='");
    EXPECT_EQ(failure_of(vm->update("m", "=m", "\x1bLua")),
              "attempt to load a binary chunk (mode is 't')");
    EXPECT_EQ(text("m[1]"), "1");
}

TEST_F(VmTest, an_invoked_chunk_has_globals_of_its_own) {
    run("x = 1 _G.y = 2 await = nil");
    EXPECT_EQ(text("x"), "nil");
    EXPECT_EQ(text("y"), "2");
    EXPECT_EQ(text("type(await)"), "table");
    EXPECT_EQ(error("error('bad')"), "(invoke):1: bad");
    EXPECT_EQ(error("\x1bLua"), "attempt to load a binary chunk (mode is 't')");
    EXPECT_EQ(error("await.sleep(0)"), "not in asynchronous routine");
}

TEST_F(VmTest, errors_as_text) {
    EXPECT_EQ(error("error()"), "(nil)");
    EXPECT_EQ(error("error(5)"), "(error object is not a string)");
    EXPECT_EQ(error("error({})"), "(error object is not a string)");
    EXPECT_THAT(lasterror(), StartsWith("table: "));
    EXPECT_EQ(error("error('text', 0)"), "text");
}

TEST_F(VmTest, with_traceback_errors_become_text_that_ends_in_one) {
    start_with([](VmOptions& options) { options.traceback = true; });
    EXPECT_THAT(error("error('bad')"), StartsWith("(invoke):1: bad\nstack traceback:\n\t"));
    EXPECT_THAT(error("error()"), StartsWith("(nil)\nstack traceback:\n\t"));
    EXPECT_THAT(error("error(5)"), StartsWith("5\nstack traceback:\n\t"));
    EXPECT_THAT(error("error({})"), StartsWith("(table: 0x"));
    EXPECT_THAT(error("x ="), testing::ContainsRegex("\nstack traceback:\n\t\\[C\\]: in \\?"));
    EXPECT_EQ(text("select(2, pcall(error, 'inside', 0))"), "inside");
}

TEST_F(VmTest, optional_callbacks_are_absent_silently) {
    EXPECT_EQ(vm->stats(1, std::nullopt), "");
    EXPECT_EQ(vm->metrics(), "");
    EXPECT_EQ(vm->healthy(), "");
    run("_G.ruleset = setmetatable({}, {__index = function(_, k) error('no ' .. k, 0) end})");
    EXPECT_EQ(vm->stats(1, std::nullopt), "no stats");
    EXPECT_EQ(vm->healthy(), "no healthy");
}

TEST_F(VmTest, stats_metrics_and_health_give_text) {
    run("_G.ruleset = {stats = function(dt, q) return dt .. tostring(q) end,"
        " metrics = function() return 5 end, healthy = function() end}");
    EXPECT_EQ(vm->stats(1.5, std::nullopt), "1.5nil");
    EXPECT_EQ(vm->stats(1.5, "q"), "1.5q");
    EXPECT_EQ(vm->metrics(), "5");
    EXPECT_EQ(vm->healthy(), "");
    run("function ruleset.stats() return true end function ruleset.metrics() error('m') end "
        "function ruleset.healthy() error('ill', 0) end");
    EXPECT_EQ(vm->stats(1, "q"), "");
    EXPECT_EQ(vm->metrics(), "");
    EXPECT_EQ(vm->healthy(), "ill");
    EXPECT_EQ(lasterror(), "ill");
}

TEST_F(VmTest, a_full_collection_comes_with_an_entry_above_the_memory_limit) {
    start_with([](VmOptions& options) { options.memory_limit = 4 << 20; });
    run("collectgarbage('stop') _G.t = setmetatable({}, {__mode = 'v'})"
        " for i = 1, 6 do t[i] = {('x'):rep(1 << 20) .. i} end t[7] = {}");
    EXPECT_EQ(text("t[7]"), "nil");  // this entry has collected
    EXPECT_LT(vm->memory().bytes, 4u << 20);
    EXPECT_GT(vm->memory().objects, 100u);
}

TEST_F(VmTest, finalizers_may_still_ask_the_host_when_the_state_is_closed) {
    run(R"(
        _G.kept = setmetatable({}, {__gc = function()
            neosocksd.stats()
            neosocksd.setinterval(1)
            neosocksd.invoke("bye", "h:1")
            neosocksd.async(function() end, function() await.sleep(1) end)
            neosocksd.async(function() end, function() coroutine.yield() end)
        end}))");
    stop();
    EXPECT_EQ(host.invoked, std::vector<std::string>{"bye at h:1"});
}

TEST_F(VmTest, finalizers_may_resume_and_close_what_waits_when_the_state_is_closed) {
    run(R"(
        local function wait() await.sleep(100) await.resolve("slow") end
        local first = setmetatable({}, {__gc = function(t)
            for i, co in ipairs(t) do
                coroutine.resume(co)
                if i % 2 == 0 then coroutine.close(co) end
            end
        end})
        for i = 1, 10 do first[i] = neosocksd.async(function() end, wait) end
        _G.first = first)");
    stop();
}

TEST_F(VmTest, a_vm_that_never_had_a_loop_can_be_destroyed) {
    Vm other(host, {});
    EXPECT_TRUE(other.invoke("neosocksd.async(function() end, function() await.sleep(1) end)"));
}

TEST_F(VmTest, a_routine_of_the_load_goes_on_when_the_loop_comes) {
    Vm other(host, {});
    EXPECT_TRUE(other.invoke("neosocksd.async(function() _G.done = true end, await.sleep, 0)"));
    other.attach(loop);
    const auto done = [&] {
        lua_State* lua = other.state();
        const bool set = lua_getglobal(lua, "done") == LUA_TBOOLEAN;
        lua_pop(lua, 1);
        return set;
    };
    EXPECT_FALSE(done());
    EXPECT_TRUE(io::run_until(loop, done));
    io::TaskGroup group;
    group.spawn(other.stop());
    EXPECT_TRUE(io::run_until(loop, [&] { return group.empty(); }));
}

TEST_F(VmTest, ticks_come_until_they_are_stopped) {
    run("_G.n = 0 _G.ruleset = {tick = function(now) _G.n = n + 1 _G.now = now end}"
        " neosocksd.setinterval(0.001)");
    EXPECT_TRUE(until("n >= 3 and now > 1e9"));
    run("neosocksd.setinterval(0) _G.n = 0");
    for (int i = 0; i < 3; i++) loop.run_once(5ms);
    EXPECT_EQ(text("n"), "0");
}

}  // namespace
}  // namespace neosocksd::ruleset
