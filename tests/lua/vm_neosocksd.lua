-- lua.md section 3: the table neosocksd, without addresses (vm_addresses.lua).

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

local async = neosocksd.async

test("async: finish gets true and the results", function()
    local got
    async(function(...) got = table.pack(...) end, function(...) return ... end, 1, nil, 3, nil)
    returns(got, true, 1, nil, 3, nil)
end)

test("async: finish gets false and the error", function()
    local got
    async(function(...) got = table.pack(...) end, function() error("x", 0) end)
    returns(got, false, "x")
end)

test("async: finish runs in the routine's coroutine", function()
    local inside, finishing
    async(function() finishing = coroutine.running() end,
        function() inside = coroutine.running() end)
    eq(rawequal(inside, finishing), true)
end)

test("async: finish must be a function", function()
    raises("bad argument #1 to '[%a.]*async' %(function expected, got nil%)", async, nil, print)
    raises("bad argument #1 to '[%a.]*async' %(function expected, got table%)", async, {}, print)
    raises("bad argument #1 to '[%a.]*async'", async)
end)

test("async: the second argument is required, and may be anything", function()
    raises("bad argument #2 to '[%a.]*async' %(value expected%)", async, print)
    local got
    local function finish(...) got = table.pack(...) end
    async(finish, nil)
    returns(got, false, "attempt to call a nil value")
    async(finish, 5)
    eq(got[1], false)
    check.matches(got[2], "attempt to call a number value")
    async(finish, setmetatable({}, { __call = function(_, x) return x end }), 9)
    returns(got, true, 9)
end)

test("async returns the coroutine", function()
    eq(type(async(function() end, function() end)), "thread")
    eq(type(async(function() end, function() await.sleep(0) end)), "thread")
end)

test("an error in finish is kept as lasterror", function()
    async(function() error("in finish", 0) end, function() end)
    eq(neosocksd.stats().lasterror, "in finish")
    async(function() await.sleep(0) end, function() end)
    eq(neosocksd.stats().lasterror, "not in asynchronous routine")
    async(function() coroutine.yield() end, function() end)
    check.matches(neosocksd.stats().lasterror, "attempt to yield across a C%-call boundary")
end)

test("an error in a routine is not", function()
    async(function() error("mark", 0) end, function() end)
    async(function() end, function() error("elsewhere", 0) end)
    eq(neosocksd.stats().lasterror, "mark")
end)

test("now is Unix time, the same during one callback", function()
    eq(math.type(neosocksd.now()), "float")
    check.near(neosocksd.now(), os.time(), 3)
    local before = neosocksd.now()
    local start = time.monotonic()
    while time.monotonic() - start < 0.005 do end
    eq(neosocksd.now(), before)
    await.sleep(0.01)
    eq(neosocksd.now() > before, true)
end)

test("setinterval wants a number", function()
    raises("bad argument #1 to '[%a.]*setinterval' %(number expected, got string%)",
        neosocksd.setinterval, "1")
    raises("bad argument #1 to '[%a.]*setinterval'", neosocksd.setinterval)
end)

-- Counts the ticks of an interval for a while, and until there are so many; also the time it took.
local function ticks(interval, seconds, least)
    local count, argument = 0, nil
    local before = time.monotonic()
    ruleset.tick = function(...) count, argument = count + 1, table.pack(...) end
    returns(table.pack(neosocksd.setinterval(interval)))
    await.sleep(seconds)
    check.wait_for(function() return count >= least end)
    neosocksd.setinterval(0)
    local passed = time.monotonic() - before
    await.sleep(0.02)
    ruleset.tick = nil
    return count, argument, passed
end

test("ruleset.tick is called every interval, with the time", function()
    local count, argument, passed = ticks(0.02, 0.15, 3)
    eq(count >= 3 and count <= passed / 0.02 + 1, true)
    eq(argument.n, 1)
    check.near(argument[1], os.time(), 3)
end)

test("0, NaN, infinity and the like stop the interval", function()
    for _, interval in ipairs({ 0, 0 / 0, 1 / 0, -1 / 0, 0x1p-1074 }) do
        eq((ticks(interval, 0.01, 0)), 0)
    end
end)

test("small and negative intervals are a millisecond", function()
    for _, interval in ipairs({ -1, 1e-9 }) do
        local count, _, passed = ticks(interval, 0.05, 5)
        eq(count >= 5 and count <= passed / 0.001 + 1, true)
    end
end)

test("an error in tick is kept, and ticking goes on", function()
    local count = 0
    ruleset.tick = function() count = count + 1 error("tick fails", 0) end
    neosocksd.setinterval(0.005)
    check.wait_for(function() return count >= 3 end)
    neosocksd.setinterval(0)
    ruleset.tick = nil
    eq(neosocksd.stats().lasterror, "tick fails")
end)

test("tick may not await", function()
    local problem
    ruleset.tick = function() problem = problem or table.pack(pcall(await.sleep, 0)) end
    neosocksd.setinterval(0.005)
    check.wait_for(function() return problem end)
    neosocksd.setinterval(0)
    ruleset.tick = nil
    returns(problem, false, "not in asynchronous routine")
end)

test("invoke returns nothing, and is not heard of again", function()
    returns(table.pack(neosocksd.invoke("x", "127.0.0.1:1")))
    returns(table.pack(neosocksd.invoke(5, "127.0.0.1:1", "socks5://127.0.0.1:1")))
end)

test("invoke checks code and target", function()
    raises("bad argument #1 to '[%a.]*invoke' %(string expected, got nil%)",
        neosocksd.invoke, nil, "a:1")
    raises("bad argument #1 to '[%a.]*invoke'", neosocksd.invoke, {}, "a:1")
    for _, target in ipairs({ {}, { "a" }, { "" }, { "a:99999" }, { "a:1", "foo://p:1" },
        { "a:1", 5 }, { "a:1", "" }, { 5 } }) do
        raises("^invalid invocation target", neosocksd.invoke, "x", table.unpack(target))
    end
    raises("^invalid invocation target", neosocksd.invoke, "x", nil)
    raises("^invalid invocation target", neosocksd.invoke, "x", "a:1", nil)
end)

test("traceback is a message handler", function()
    local function fails() error("deep", 0) end
    local ok, text = xpcall(fails, neosocksd.traceback)
    eq(ok, false)
    check.matches(text, "^deep\nstack traceback:\n\t")
    check.matches(text, "vm_neosocksd%.lua:")
    check.matches(select(2, xpcall(error, neosocksd.traceback, nil)), "^%(nil%)\nstack traceback:")
    check.matches(select(2, xpcall(error, neosocksd.traceback, 5)), "^5\nstack traceback:")
    check.matches(select(2, xpcall(error, neosocksd.traceback, {})),
        "^%(table: 0x%x+%)\nstack traceback:")
end)
