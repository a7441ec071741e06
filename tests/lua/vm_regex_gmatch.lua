-- lua.md section 5: gmatch, and that it ends (section 10, Q6).

local check = require("check")
local test, eq, raises = check.test, check.eq, check.raises

local function all(pattern, subject, ...)
    local seen = {}
    for whole in regex.compile(pattern):gmatch(subject, ...) do
        seen[#seen + 1] = whole
        if #seen > 50 then check.fail("%q on %q does not end", pattern, subject) end
    end
    return seen
end

test("gmatch goes from match to match", function()
    eq(all("[a-z]", "abc"), { "a", "b", "c" })
    eq(all("[0-9]+", "a1bc23d456"), { "1", "23", "456" })
    eq(all("x", "abc"), {})
    eq(all("b", "abc"), { "b" })
    eq(all("c", "abc"), { "c" })
end)

test("gmatch gets past empty matches", function()
    eq(all("a*", "baac"), { "", "aa", "", "" })
    eq(all("", "ab"), { "", "", "" })
    eq(all("", ""), { "" })
    eq(all("$", "ab"), { "" })
end)

test("gmatch gives what match gives", function()
    local seen = {}
    for whole, key, value in regex.compile("([a-z])=([0-9])?"):gmatch("a=1,b=,c=3") do
        seen[#seen + 1] = { whole, key, value or "none" }
    end
    eq(seen, { { "a=1", "a", "1" }, { "b=", "b", "none" }, { "c=3", "c", "3" } })
end)

test("gmatch takes init", function()
    eq(all("[a-z]", "abc", 2), { "b", "c" })
    eq(all("[a-z]", "abc", -1), { "c" })
    eq(all("[a-z]", "abc", 9), {})
end)

test("an ended iterator stays at its end", function()
    local step = regex.compile("a"):gmatch("a")
    eq(step(), "a")
    eq(step(), nil)
    eq(step(), nil)
end)

test("the iterator keeps its subject alive", function()
    local step = regex.compile("[a-z]+"):gmatch(("word "):rep(100))
    local count = 0
    for _ in step do
        collectgarbage("step")
        count = count + 1
    end
    eq(count, 100)
end)

test("arguments are checked", function()
    raises("bad argument #1 to '[%a.]*gmatch' %(regex expected, got string%)",
        regex.gmatch, "a", "b")
end)
