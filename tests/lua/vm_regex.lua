-- lua.md section 5, with the recommendations of section 10 (Q7 to Q9) and flags (section 11).

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

local function found(pattern, subject, ...)
    return table.pack(regex.compile(pattern):find(subject, ...))
end

local function matched(pattern, subject, ...)
    return table.pack(regex.compile(pattern):match(subject, ...))
end

test("an object", function()
    local reg = regex.compile("a")
    eq(type(reg), "userdata")
    check.matches(tostring(reg), "^regex: 0x%x+$")
    eq(getmetatable(reg).__name, "regex")
    eq(rawequal(getmetatable(reg).__index, regex), true)
    returns(table.pack(regex.find(reg, "xa")), 2, 2)
end)

test("find gives start and end", function()
    returns(found("b+", "abbc"), 2, 3)
    returns(found("x", "abc"))
    returns(found("", "abc"), 1, 0)
    returns(found("a*", "xaay"), 1, 0)
    returns(found("a{2,3}", "aaaa"), 1, 3)
end)

test("match gives the whole match and every group", function()
    returns(matched("(.)=(.)", "a=b"), "a=b", "a", "b")
    returns(matched("b", "abc"), "b")
    returns(matched("x", "abc"))
    returns(matched("a|ab|abc", "abcd"), "abc")
end)

test("a group that took no part is nil", function()
    returns(matched("(a)|(b)", "b"), "b", nil, "b")
    returns(matched("x(a)?", "x"), "x", nil)
    returns(matched("x(a*)", "x"), "x", "")
end)

test("the syntax is extended", function()
    for _, bad in ipairs({ "*a", "+", "[", "(", "a{2,1}" }) do
        eq({ bad, (pcall(regex.compile, bad)) }, { bad, false })
    end
    returns(found(")", "a)"), 2, 2)
    returns(found([[\.]], "a.b"), 2, 2)
    returns(found([[\w+]], "-ab-"), 2, 3)
    returns(found([[\bfoo\b]], "a foo b"), 3, 5)
    returns(found([[(.)\1]], "abccd"), 3, 4)
    returns(found("[[:digit:]]+", "ab123"), 3, 5)
end)

test("it is case-sensitive, and lines count", function()
    returns(found("A", "a"))
    returns(found("a.b", "a\nb"))
    returns(found("a[^x]b", "a\nb"))
    returns(found("^b$", "a\nb\nc"), 3, 3)
end)

test("numbers are accepted as pattern and subject", function()
    returns(table.pack(regex.compile(5):find(1515)), 2, 2)
end)

test("init", function()
    returns(found("a", "aaa", 2), 2, 2)
    returns(found("a", "aaa", 0), 1, 1)
    returns(found("a", "aab", -2), 2, 2)
    returns(found("a", "aab", -9), 1, 1)
    returns(found("^a", "xaay", 2), 2, 2)
    returns(found("a", "aaa", 3), 3, 3)
    returns(matched("a(.)", "abac", 2), "ac", "c")
end)

test("init beyond the end is the end", function()
    returns(found("y", "xaay", 5))
    returns(found("", "xaay", 5), 5, 4)
    returns(found("y", "xaay", 99))
    returns(found("", "", 1), 1, 0)
    returns(found("", "", 7), 1, 0)
end)

test("subjects may have bytes of any value, NUL too", function()
    returns(found("c", "a\0b\0c"), 5, 5)
    returns(matched("b([^x])c", "b\0c"), "b\0c", "\0")
    returns(found("b", "\255\254b"), 3, 3)
end)

test("a pattern with NUL is refused, not cut in silence", function()
    raises("string contains an embedded NUL byte", regex.compile, "a\0b")
end)

test("a bad pattern is told with its text and libc's message", function()
    raises("^rules:1: `%(': Unmatched %( or \\%(",
        load("regex.compile('(')", "=rules"))
    raises("`%['", regex.compile, "[")
end)

test("arguments are checked", function()
    raises("bad argument #1 to '[%a.]*find' %(regex expected, got string%)", regex.find, "a", "b")
    raises("bad argument #1 to '[%a.]*match' %(regex expected, got no value%)", regex.match)
    raises("bad argument #1 to '[%a.]*compile' %(string expected, got table%)", regex.compile, {})
    raises("string expected", regex.find, regex.compile("a"), {})
    raises("string expected", regex.find, regex.compile("a"), nil)
end)

test("flags", function()
    for _, name in ipairs({ "EXTENDED", "ICASE", "NEWLINE", "NOSUB" }) do
        eq({ name, math.type(regex[name]) }, { name, "integer" })
    end
    eq({ regex.EXTENDED, regex.ICASE, regex.NEWLINE, regex.NOSUB }, { 1, 2, 4, 8 })
    returns(table.pack(regex.compile("AB+", regex.EXTENDED | regex.ICASE):find("xabb")), 2, 4)
    -- Flags replace the default: this one is basic syntax, where + is a plus.
    returns(table.pack(regex.compile("b+", regex.ICASE):find("abB+")), 3, 4)
    returns(table.pack(regex.compile("a.b", regex.EXTENDED):find("a\nb")), 1, 3)
    returns(table.pack(regex.compile("(a)", regex.EXTENDED | regex.NOSUB):match("a")), "a", "a")
end)

test("objects are collected", function()
    for _ = 1, 2000 do regex.compile("a(b|c)*d") end
    collectgarbage()
end)
