-- lua.md section 1: what a script finds. at_start is filled by run.lua, before anything else.

local check = require("check")
local test, eq, raises = check.test, check.eq, check.raises

test("the language is Lua 5.4, with all of its libraries", function()
    eq(_VERSION, "Lua 5.4")
    for _, name in ipairs({ "package", "coroutine", "table", "io", "os", "string", "math", "utf8",
        "debug" }) do
        eq({ name, type(at_start.globals[name]) }, { name, "table" })
    end
    for _, f in ipairs({ os.execute, io.popen, debug.getinfo, load, loadfile, dofile }) do
        eq(type(f), "function")
    end
    eq(0xFFFFFFFFFFFFFFFF, -1)
end)

test("our own globals can be required, too", function()
    for _, name in ipairs({ "await", "neosocksd", "regex", "time", "zlib" }) do
        eq({ name, type(at_start.globals[name]) }, { name, "table" })
        eq({ name, rawequal(require(name), at_start.globals[name]) }, { name, true })
    end
    eq(type(at_start.globals.marshal), "function")
    eq(require("marshal"), at_start.globals.marshal)
end)

test("what libruleset defines is not there before", function()
    for _, name in ipairs({ "config", "async", "log", "rpc", "ruleset", "match", "libruleset" }) do
        eq({ name, type(at_start.globals[name]) }, { name, "nil" })
    end
end)

test("modules are looked for in the current directory first", function()
    check.matches(at_start.path, "^%?%.lua")
    eq(at_start.cpath, "./?.so")
    eq(at_start.path:find("nonexistent", 1, true), nil) -- LUA_PATH of test_lua_suite.py
end)

test("strings have methods", function() eq(("x"):rep(2), "xx") end)

test("warnings go nowhere", function()
    warn("@on")
    warn("unheard")
end)

test("the ruleset is called with its name, in no routine", function()
    check.returns(at_start.arguments, "ruleset")
    eq(at_start.yieldable, false)
    check.returns(at_start.await, false, "not in asynchronous routine")
end)

test("what it returns is the global `ruleset`", function()
    eq(type(ruleset), "table")
end)

test("the counters of the server are zero while the ruleset is loaded first", function()
    for _, name in ipairs({ "num_halfopen", "num_sessions", "byt_up", "byt_down" }) do
        eq({ name, at_start.stats[name] }, { name, 0 })
    end
end)

test("print writes tostring of its arguments, with tabs", function()
    eq(check.printed(function() print(1, nil, "x") end), { "1\tnil\tx" })
end)

test("load knows text and binary chunks, as in the manual", function()
    local binary = string.dump(function() return 5 end)
    eq(load(binary, "x", "b")(), 5)
    raises("mode is 't'", function() assert(load(binary, "x", "t")) end)
end)
