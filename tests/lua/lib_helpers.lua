-- libruleset.md section 2: printf, format_timestamp, string and table helpers, package.replace,
-- unmarshal.

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

require("libruleset")

test("printf prints the formatted text", function()
    eq(check.printed(printf, "%s is %d", "a", 5), { "a is 5" })
    returns(table.pack(check.with(_G, { print = function() end }, printf, "x")))
end)

test("format_timestamp is local time with a colon in the offset", function()
    local text = format_timestamp(1700000000)
    eq(#text, 25)
    check.matches(text, "^2023%-11%-1%dT%d%d:%d%d:20[+-]%d%d:%d%d$")
    if os.date("%z") == "+0000" then eq(text, "2023-11-14T22:13:20+00:00") end
end)

test("format_timestamp takes floats, and floors them", function()
    eq(format_timestamp(1700000000.0), format_timestamp(1700000000))
    eq(format_timestamp(1700000000.9), format_timestamp(1700000000))
end)

test("startswith compares plainly", function()
    eq(("a.b"):startswith("a."), true)
    eq(("axb"):startswith("a."), false)
    eq(("a"):startswith("ab"), false)
    eq(("a"):startswith(""), true)
end)

test("endswith compares plainly; every text ends with the empty one", function()
    eq(("a.b"):endswith(".b"), true)
    eq(("axb"):endswith(".b"), false)
    eq(("b"):endswith("ab"), false)
    eq((""):endswith(""), true)
    eq(("a"):endswith(""), true)
end)

test("table.get follows keys as far as there is something", function()
    local t = { a = { b = { 7 } }, no = false }
    eq(table.get(t, "a", "b", 1), 7)
    eq(table.get(t, "a", "x", "y", "z"), nil)
    eq(table.get(nil, "a"), nil)
    eq(table.get(t), t)
    eq(table.get(nil), nil)
    eq(table.get(t, "no"), false)
    raises("attempt to index", table.get, t, "a", "b", 1, "x")
    raises("attempt to index", table.get, t, "no", "x")
    raises("attempt to index", table.get, true, "x")
end)

test("package.replace stores what the chunk returns", function()
    package.loaded.check_replaced = "old"
    local given
    package.replace("check_replaced", function(...) given = table.pack(...) return "new" end)
    returns(given, "check_replaced")
    eq(package.loaded.check_replaced, "new")
    eq(rawget(_G, "check_replaced"), nil)
    package.loaded.check_replaced = nil
end)

test("package.replace updates the global that was the old module", function()
    local old, new = {}, {}
    package.loaded.check_replaced, _G.check_replaced = old, old
    package.replace("check_replaced", function() return new end)
    eq(rawequal(package.loaded.check_replaced, new), true)
    eq(rawequal(_G.check_replaced, new), true)
    _G.check_replaced = "something else"
    package.replace("check_replaced", function() return 1 end)
    eq(_G.check_replaced, "something else")
    package.loaded.check_replaced, _G.check_replaced = nil, nil
end)

test("package.replace makes a module global that was neither loaded nor global", function()
    package.replace("check_replaced", function() return 5 end)
    eq(_G.check_replaced, 5)
    package.replace("check_replaced", function() return nil end)
    eq(package.loaded.check_replaced, nil)
    eq(rawget(_G, "check_replaced"), nil)
end)

test("unmarshal returns all values", function()
    returns(table.pack(unmarshal("1,nil,\"a\",{[\"b\"]=true,},nil")), 1, nil, "a", { b = true },
        nil)
    returns(table.pack(unmarshal("")))
    returns(table.pack(unmarshal("01,-05,0x1p-1")), 1, -5, 0.5)
end)

test("unmarshal knows no names", function()
    returns(table.pack(unmarshal("print, _G, x")), nil, nil, nil)
    raises("%(unmarshal%):1:", unmarshal, "os.exit()")
end)

test("unmarshal raises what does not compile, or is no text", function()
    raises("^%(unmarshal%):1:", unmarshal, "{")
    raises("", unmarshal, string.dump(function() end))
    raises("", unmarshal, nil)
end)
