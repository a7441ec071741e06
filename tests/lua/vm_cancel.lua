-- lua.md section 2: closing and resuming routines that wait.

local check = require("check")
local test, eq, returns = check.test, check.eq, check.returns

local function start(f, ...)
    local result = {}
    result.co = neosocksd.async(function(...) result.done = table.pack(...) end, f, ...)
    return result
end

test("closing ends a sleep, without finish", function()
    local routine = start(function() await.sleep(0.01) end)
    returns(table.pack(coroutine.close(routine.co)), true)
    eq(coroutine.status(routine.co), "dead")
    await.sleep(0.03)
    eq(routine.done, nil)
end)

test("closing runs what is to be closed", function()
    local closed
    local routine = start(function()
        local guard <close> = setmetatable({}, { __close = function() closed = true end })
        await.sleep(100)
    end)
    coroutine.close(routine.co)
    eq(closed, true)
end)

test("closing kills the shell of execute", function()
    local path = os.tmpname()
    local routine = start(function()
        await.execute("echo $$ > " .. path .. "; exec sleep 100")
    end)
    local pid
    check.wait_for(function()
        local file = io.open(path)
        pid = file:read("n")
        file:close()
        return pid
    end)
    coroutine.close(routine.co)
    os.remove(path)
    check.wait_for(function()
        -- Dead, or a zombie for the moment.
        local file = io.open("/proc/" .. pid .. "/stat")
        local state = file and file:read("a"):match("%) (%a)")
        if file then file:close() end
        return not state or state == "Z"
    end)
    eq(routine.done, nil)
end)

test("closing drops a query", function()
    local routine = start(function() await.resolve("localhost") end)
    if not routine.done then
        coroutine.close(routine.co)
        await.sleep(0.02)
        eq(routine.done, nil)
    end
end)

test("closing drops a call", function()
    local routine = start(function() await.invoke("", "127.0.0.1:1") end)
    if not routine.done then
        coroutine.close(routine.co)
        await.sleep(0.02)
        eq(routine.done, nil)
    end
end)

test("resuming by hand ends a sleep early, once", function()
    local count = 0
    local routine = start(function()
        await.sleep(0.02)
        count = count + 1
        await.sleep(0.04)
        count = count + 1
    end)
    local before = time.monotonic()
    coroutine.resume(routine.co)
    eq(count, 1)
    check.wait_for(function() return routine.done end)
    eq(count, 2)
    eq(time.monotonic() - before >= 0.04, true)
end)

test("a closed routine does not spoil those after it", function()
    for _ = 1, 20 do
        local ended = start(function() end)
        coroutine.close(ended.co)
        local waiting = start(function() await.sleep(1) end)
        coroutine.close(waiting.co)
    end
    for i = 1, 20 do
        local routine = start(function() await.sleep(0) return i end)
        check.wait_for(function() return routine.done end)
        returns(routine.done, true, i)
    end
end)

test("a routine that closes itself is an error of its own", function()
    local routine = start(function() coroutine.close((coroutine.running())) end)
    check.wait_for(function() return routine.done end)
    eq(routine.done[1], false)
end)

test("routines close each other, in any order", function()
    local routines = {}
    for i = 1, 100 do
        routines[i] = start(function() await.sleep(i % 3 / 1000) end)
    end
    for i = 100, 1, -2 do
        if not routines[i].done then coroutine.close(routines[i].co) end
    end
    check.wait_for(function()
        for i = 1, 99, 2 do
            if not routines[i].done then return false end
        end
        return true
    end)
end)
