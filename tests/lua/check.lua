-- The test library of this folder: test(name, f) runs f at once, in the routine of run.lua, so that
-- tests may await. A failure is one line; the next test goes on.
--
--     local test, eq, raises = check.test, check.eq, check.raises
--     test("adds up", function() eq(1 + 1, 2) end)
--     test("refuses text", function() raises("arithmetic", function() return "a" + 1 end) end)

local check = { passed = 0, failed = 0, running = nil, file = "?" }

local function show(value, depth)
    if type(value) == "string" then return string.format("%q", value) end
    if type(value) ~= "table" or depth > 3 then return tostring(value) end
    local parts = {}
    for key, item in pairs(value) do
        parts[#parts + 1] = string.format("[%s]=%s", show(key, depth + 1), show(item, depth + 1))
    end
    table.sort(parts)
    return "{" .. table.concat(parts, ", ") .. "}"
end

-- Integers and floats differ, as they do to whoever prints or marshals them; NaN equals itself.
local function same(a, b)
    if type(a) ~= type(b) then return false end
    if type(a) == "number" then
        return math.type(a) == math.type(b) and (a == b or (a ~= a and b ~= b))
    end
    if type(a) ~= "table" or rawequal(a, b) then return a == b end
    for key, value in pairs(a) do
        if not same(value, b[key]) then return false end
    end
    for key in pairs(b) do
        if a[key] == nil then return false end
    end
    return true
end

function check.fail(format, ...)
    error({ failure = string.format(format, ...) }, 0)
end

-- The line of the test that called an assertion.
local function where()
    for level = 3, 10 do
        local info = debug.getinfo(level, "Sl")
        if not info then break end
        if info.currentline > 0 and not info.source:find("check.lua", 1, true) then
            return info.currentline
        end
    end
    return 0
end

function check.test(name, f, ...)
    check.running = name
    local ok, problem = xpcall(f, function(message)
        if type(message) == "table" and message.failure then return message.failure end
        return debug.traceback(tostring(message), 2):gsub("\n%s*", " | ")
    end, ...)
    check.running = nil
    if ok then
        check.passed = check.passed + 1
    else
        check.failed = check.failed + 1
        print(string.format("FAILED %s: %s: %s", check.file, name, problem))
    end
end

function check.eq(got, want)
    if not same(got, want) then
        check.fail("line %d: got %s, want %s", where(), show(got, 0), show(want, 0))
    end
end

-- All values of a call, nils and their number too: values({f()}, ...) cannot tell, this can:
--     returns(table.pack(f()), "a", nil)
function check.returns(got, ...)
    local want = table.pack(...)
    if got.n ~= want.n then
        check.fail("line %d: %d values %s, want %d %s", where(), got.n, show(got, 0), want.n,
            show(want, 0))
    end
    check.eq(got, want)
end

-- That f(...) raises an error whose text has the Lua pattern in it; returns the error.
function check.raises(pattern, f, ...)
    local result = table.pack(pcall(f, ...))
    if result[1] then check.fail("line %d: no error, got %s", where(), show(result, 0)) end
    if not tostring(result[2]):find(pattern) then
        check.fail("line %d: error %s, want %q", where(), show(result[2], 0), pattern)
    end
    return result[2]
end

function check.matches(text, pattern)
    if type(text) ~= "string" or not text:find(pattern) then
        check.fail("line %d: got %s, want %q", where(), show(text, 0), pattern)
    end
end

function check.near(got, want, tolerance)
    if type(got) ~= "number" or math.abs(got - want) > tolerance then
        check.fail("line %d: got %s, want %s within %s", where(), show(got, 0), want, tolerance)
    end
end

-- What f prints, line by line.
function check.printed(f, ...)
    local lines, original = {}, _G.print
    _G.print = function(...)
        local words = table.pack(...)
        for i = 1, words.n do words[i] = tostring(words[i]) end
        lines[#lines + 1] = table.concat(words, "\t")
    end
    local ok, problem = pcall(f, ...)
    _G.print = original
    if not ok then error(problem, 0) end
    return lines
end

-- Sets fields of a table (_G, await ...) while f runs.
function check.with(target, fields, f, ...)
    local before = {}
    for key, value in pairs(fields) do before[key], target[key] = target[key] or check, value end
    local result = table.pack(pcall(f, ...))
    for key, value in pairs(before) do
        if value == check then target[key] = nil else target[key] = value end
    end
    if not result[1] then error(result[2], 0) end
    return table.unpack(result, 2, result.n)
end

-- A fresh load of libruleset, as /ruleset/update?module=libruleset does it.
function check.reload()
    package.loaded.libruleset = nil
    return require("libruleset")
end

-- Waits, a turn of the loop at a time, until f() is true.
function check.wait_for(f)
    local ending = time.monotonic() + 10 * (tonumber(os.getenv("NEOSOCKSD_TIME_SCALE")) or 1)
    repeat
        if f() then return end
        await.sleep(0.002)
    until time.monotonic() > ending
    check.fail("line %d: it does not come true", where())
end

-- f(...) where no routine is: what awaits there must be refused.
function check.outside(f, ...)
    local arguments, results = table.pack(...), nil
    table.sort({ 1, 2 }, function()
        results = results or table.pack(pcall(f, table.unpack(arguments, 1, arguments.n)))
        return false
    end)
    if not results[1] then error(results[2], 0) end
    return table.unpack(results, 2, results.n)
end

return check
