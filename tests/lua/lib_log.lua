-- libruleset.md section 3: log lines and recent events.

local check = require("check")
local test, eq, returns, matches = check.test, check.eq, check.returns, check.matches

require("libruleset")

local STAMP = "^D %d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d[+-]%d%d:%d%d "

local function at_level(level, f, ...)
    return check.with(config, { loglevel = level }, f, ...)
end

local function fresh_events(f)
    return check.with(_G, { recent_events = rlist:new(100) }, f)
end

test("log joins with tabs and says where it was called", function()
    local lines = at_level(6, check.printed, function() log("a", 1, true) end)
    local line = debug.getinfo(1, "l").currentline - 1
    eq(#lines, 1)
    matches(lines[1], STAMP .. "lib_log%.lua:" .. line .. " a\t1\ttrue$")
end)

test("log prints nil, wherever it stands", function()
    local lines = at_level(6, check.printed, function()
        log("a", nil, "b")
        log(nil)
        log("a", nil)
    end)
    matches(lines[1], " a\tnil\tb$")
    matches(lines[2], " nil$")
    matches(lines[3], " a\tnil$")
end)

test("log calls tostring", function()
    local named = setmetatable({}, { __tostring = function() return "named" end })
    matches(at_level(6, check.printed, function() log(named) end)[1], " named$")
end)

test("logf formats", function()
    local lines = at_level(6, check.printed, function() logf("%s=%02d", "x", 7) end)
    matches(lines[1], STAMP .. "lib_log%.lua:%d+ x=07$")
end)

test("the log level is read at each call", function()
    local lines = check.printed(function()
        at_level(5, function() log("no") logf("no") end)
        at_level(6, function() log("yes") end)
        at_level(8, function() log("yes") end)
        at_level(0, function() evlog("no") end)
    end)
    eq(#lines, 2)
end)

test("a chunk that is no file shows its short name", function()
    local lines = at_level(6, check.printed, load("log('x')", "=(invoke)"))
    matches(lines[1], STAMP .. "%(invoke%):1 x$")
    lines = at_level(6, check.printed, load("\nlog('x')", "@some/where/rules.lua"))
    matches(lines[1], STAMP .. "rules%.lua:2 x$")
end)

test("logging returns nothing", function()
    fresh_events(function()
        check.printed(function()
            at_level(6, function()
                for _, f in ipairs({ log, logf, evlog, evlogf }) do returns(table.pack(f("x"))) end
            end)
        end)
    end)
end)

test("events are recorded at any log level", function()
    fresh_events(function()
        at_level(4, function()
            eq(check.printed(function() evlog("a", 1) evlogf("%d", 2) end), {})
        end)
        eq(recent_events:get(2).msg, "a\t1")
        eq(recent_events:get(1).msg, "2")
        eq(recent_events:get(1).count, 1)
        check.near(recent_events:get(1).tstamp, os.time(), 2)
        local lines = at_level(6, check.printed, function() evlogf("%s", "shown") end)
        matches(lines[1], STAMP .. "lib_log%.lua:%d+ shown$")
    end)
end)

test("the same event again is counted", function()
    fresh_events(function()
        evlog("a")
        recent_events:get(1).tstamp = 0
        evlog("a")
        evlogf("%s", "a")
        eq(recent_events.len, 1)
        eq(recent_events:get(1).count, 3)
        check.near(recent_events:get(1).tstamp, os.time(), 2)
        evlog("b")
        evlog("a")
        eq(recent_events.len, 3)
        eq(recent_events:get(1).count, 1)
    end)
end)

test("a hundred events are kept", function()
    eq(recent_events.cap, 100)
    fresh_events(function()
        for i = 1, 105 do evlog(i) end
        eq(recent_events.len, 100)
        eq(recent_events:get(-1).msg, "6")
    end)
end)
