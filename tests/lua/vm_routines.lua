-- lua.md section 2: asynchronous routines, and where they may await.

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

-- Starts f in a routine; the table is filled with what finish is given.
local function start(f, ...)
    local result = {}
    result.co = neosocksd.async(function(...) result.done = table.pack(...) end, f, ...)
    return result
end

local function finish(result)
    check.wait_for(function() return result.done end)
    return result.done
end

test("a routine runs at once to its first await", function()
    local steps = {}
    local routine = start(function()
        steps[#steps + 1] = "runs"
        await.sleep(0)
        steps[#steps + 1] = "goes on"
    end)
    steps[#steps + 1] = "started"
    finish(routine)
    eq(steps, { "runs", "started", "goes on" })
end)

test("await in pcall and xpcall", function()
    returns(finish(start(function()
        local ok, value = pcall(function() await.sleep(0) return "a" end)
        local ok2, value2 = xpcall(function() await.sleep(0) error("b", 0) end,
            function(message) return message .. "!" end)
        return ok, value, ok2, value2
    end)), true, true, "a", false, "b!")
end)

test("await in metamethods", function()
    local meta = setmetatable({}, {
        __index = function(_, key) await.sleep(0) return key .. "?" end,
        __add = function() await.sleep(0) return 5 end,
        __call = function(_, x) await.sleep(0) return x end,
        __eq = function() await.sleep(0) return true end,
        __lt = function() await.sleep(0) return true end,
        __concat = function() await.sleep(0) return "both" end,
        __len = function() await.sleep(0) return 3 end,
    })
    local other = setmetatable({}, getmetatable(meta))
    returns(finish(start(function()
        return meta.x, meta + 1, meta(7), meta == other, meta < other, meta .. "x", #meta
    end)), true, "x?", 5, 7, true, true, "both", 3)
end)

test("await in iterators of a generic for, and in __close", function()
    returns(finish(start(function()
        local seen = {}
        for i in function(_, n) await.sleep(0) if n < 3 then return n + 1 end end, nil, 0 do
            seen[#seen + 1] = i
        end
        do
            local guard <close> = setmetatable({}, {
                __close = function() await.sleep(0) seen[#seen + 1] = "closed" end })
        end
        return table.concat(seen, ",")
    end)), true, "1,2,3,closed")
end)

test("await where nothing can yield is refused", function()
    local refused = "^not in asynchronous routine$"
    local function try() await.sleep(0) end
    raises(refused, table.sort, { 1, 2 }, function() try() return false end)
    raises(refused, string.gsub, "a", "a", try)
    raises(refused, time.measure, try)
    raises(refused, check.outside, try)
    raises(refused, check.outside, await.idle)
    raises(refused, check.outside, await.resolve, "localhost")
    raises(refused, check.outside, await.execute, "true")
    raises(refused, check.outside, await.invoke, "", "127.0.0.1:1")
end)

test("that is checked before the arguments", function()
    raises("^not in asynchronous routine$", check.outside, await.sleep)
    raises("^not in asynchronous routine$", check.outside, await.invoke)
end)

test("no await in finish", function()
    local problem
    neosocksd.async(function() problem = table.pack(pcall(await.sleep, 0)) end, function() end)
    returns(problem, false, "not in asynchronous routine")
    neosocksd.async(function() problem = table.pack(pcall(coroutine.yield)) end, function() end)
    eq(problem[1], false)
    check.matches(problem[2], "attempt to yield")
end)

test("a plain yield waits for whoever resumes", function()
    local routine = start(function(...)
        local a, b = coroutine.yield(...)
        await.sleep(0)
        return a, b
    end, "started")
    eq(coroutine.status(routine.co), "suspended")
    await.sleep(0.01)
    eq(routine.done, nil)
    eq(coroutine.resume(routine.co, 1, 2), true)
    returns(finish(routine), true, 1, 2)
end)

test("await in a coroutine of one's own goes on in that", function()
    local steps = {}
    local routine = start(function()
        local inner = coroutine.wrap(function()
            steps[#steps + 1] = "before"
            await.sleep(0)
            steps[#steps + 1] = "after"
        end)
        returns(table.pack(inner()))
        steps[#steps + 1] = "yielded"
        check.wait_for(function() return steps[3] end)
    end)
    eq(finish(routine)[1], true)
    eq(steps, { "before", "yielded", "after" })
end)

test("a waiting routine is not collected", function()
    local routine = start(function() await.sleep(0.02) return "alive" end)
    collectgarbage()
    collectgarbage()
    returns(finish(routine), true, "alive")
end)

test("thousands of routines at a time", function()
    local count, total = 0, 5000
    for i = 1, total do
        neosocksd.async(function(ok) count = count + (ok and 1 or 0) end, function()
            await.sleep(i % 7 / 1000)
            await.sleep(0)
        end)
    end
    check.wait_for(function() return count == total end)
end)

test("a routine that never rests lets others run", function()
    local spinning, others = true, 0
    local spinner = start(function() while spinning do await.sleep(0) end end)
    for _ = 1, 10 do
        await.sleep(0.001)
        others = others + 1
    end
    eq(others, 10)
    spinning = false
    finish(spinner)
end)

test("deep recursion across awaits", function()
    local function deep(n)
        if n == 0 then await.sleep(0) return 0 end
        return 1 + deep(n - 1)
    end
    returns(finish(start(deep, 1000)), true, 1000)
end)

test("errors with any value reach finish unchanged", function()
    local value = { "table" }
    local done = finish(start(function() await.sleep(0) error(value) end))
    eq({ done[1], rawequal(done[2], value) }, { false, true })
    returns(finish(start(function() error() end)), false, nil)
    returns(finish(start(function() error(5) end)), false, 5)
end)
