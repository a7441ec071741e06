-- libruleset.md section 5: futures and await.callback.

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

require("libruleset")

test("async runs at once, up to the first await", function()
    local reached = {}
    local f = async(function(a, b)
        reached[1] = a + b
        await.sleep(0)
        reached[2] = true
    end, 1, 2)
    eq(reached, { 3 })
    eq(getmetatable(f).__name, "future")
    eq(type(f.co), "thread")
    f:get()
    eq(reached, { 3, true })
end)

test("a finished future answers at once, also outside of routines", function()
    local f = async(function() return "a", nil, "b" end)
    returns(table.pack(f:get()), true, "a", nil, "b")
    returns(table.pack(check.outside(f.get, f)), true, "a", nil, "b")
end)

test("nils in results are kept, at the end too", function()
    returns(table.pack(async(function() return nil, nil end):get()), true, nil, nil)
    returns(table.pack(async(function() end):get()), true)
end)

test("an error makes a failed future", function()
    local f = async(function() error({ code = 5 }) end)
    returns(table.pack(f:get()), false, { code = 5 })
    local ok, problem = async(function() error("boom") end):get()
    eq(ok, false)
    check.matches(problem, "lib_async%.lua:%d+: boom$")
    ok, problem = async(function() await.sleep(0) error("later", 0) end):get()
    returns({ ok, problem, n = 2 }, false, "later")
end)

test("starting never raises", function()
    local f = async(5)
    local ok, problem = f:get()
    eq(ok, false)
    check.matches(problem, "attempt to call a number value")
    check.matches(select(2, async(nil):get()), "attempt to call a nil value")
end)

test("callable tables can be started", function()
    local callable = setmetatable({}, { __call = function(_, a) return a end })
    returns(table.pack(async(callable, 7):get()), true, 7)
end)

test("an unfinished future can be asked in a routine only", function()
    local f = async(await.sleep, 0.01)
    raises("assertion failed!", check.outside, f.get, f)
    returns(table.pack(f:get()), true)
end)

test("any number of routines may wait for one future", function()
    local f = async(function() await.sleep(0.01) return "done" end)
    local waiting, woken = {}, 0
    for i = 1, 5 do
        waiting[i] = async(function()
            local ok, result = f:get()
            woken = woken + 1
            return ok, result
        end)
    end
    returns(table.pack(f:get()), true, "done")
    check.wait_for(function() return woken == 5 end)
    for i = 1, 5 do returns(table.pack(waiting[i]:get()), true, true, "done") end
end)

test("waiters are resumed when the routine ends", function()
    local order = {}
    local inner
    inner = async(function() await.sleep(0.01) order[#order + 1] = "ends" end)
    async(function() inner:get() order[#order + 1] = "woken" end)
    async(function() inner:get() order[#order + 1] = "woken" end)
    inner:get()
    check.wait_for(function() return #order == 3 end)
    eq(order, { "ends", "woken", "woken" })
end)

test("a waiter that was closed is not missed", function()
    local f = async(function() await.sleep(0.01) return 1 end)
    local waiter = async(function() f:get() end)
    coroutine.close(waiter.co)
    returns(table.pack(f:get()), true, 1)
end)

test("await.callback returns what the callback is given at once", function()
    returns(table.pack(await.callback(function(cb, a, b) cb(b, a) end, 1, 2)), 2, 1)
    returns(table.pack(await.callback(function(cb) cb(nil, 1, nil) end)), nil, 1, nil)
    returns(table.pack(await.callback(function(cb) cb() end)))
end)

test("await.callback waits for another coroutine", function()
    local later
    local f = async(function() return await.callback(function(cb) later = cb end) end)
    eq(f.result, nil)
    later("a", nil, "b", nil)
    returns(table.pack(f:get()), true, "a", nil, "b", nil)
    returns(table.pack(await.callback(function(cb)
        async(function() await.sleep(0) cb("slept") end)
    end)), "slept")
end)

test("await.callback: called from another coroutine before f returns", function()
    returns(table.pack(await.callback(function(cb) async(cb, "at once") end)), "at once")
end)

test("await.callback passes errors of f on", function()
    raises("boom", await.callback, function() error("boom") end)
end)

test("await.callback: a second call raises", function()
    local again
    await.callback(function(cb) again = cb cb(1) end)
    raises("", again, 2)
end)

test("await.callback needs a routine", function()
    raises("not in asynchronous routine", check.outside, await.callback, function() end)
end)
