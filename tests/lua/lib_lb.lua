-- libruleset.md section 8: load balancing.

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

require("libruleset")

local function named(name)
    return function() return name end
end

local function sequence(action, count)
    local names = {}
    for i = 1, count do names[i] = tostring(action("x:1")) end
    return table.concat(names)
end

local function times(text, letter)
    return select(2, text:gsub(letter, ""))
end

test("roundrobin begins with the first", function()
    eq(sequence(lb.roundrobin({ named("a"), named("b"), named("c") }), 7), "abcabca")
    eq(sequence(lb.roundrobin({ named("a") }), 3), "aaa")
end)

test("roundrobin passes the address on, and the whole decision back", function()
    local action = lb.roundrobin({ rule.proxy("p1", "p2"), rule.redirect(":9") })
    returns(table.pack(action("a:1")), "a:1", "p2", "p1")
    returns(table.pack(action("a:1")), "a:9")
end)

test("an empty roundrobin raises when used", function()
    local action = lb.roundrobin({})
    raises("", action, "a:1")
end)

test("iwrr keeps to the weights: 100 to 50", function()
    local text = sequence(lb.iwrr({ { 100, named("a") }, { 50, named("b") } }), 150)
    eq(text:sub(1, 8), "abababab")
    eq({ times(text, "a"), times(text, "b") }, { 100, 50 })
end)

test("iwrr with 3 to 1 and a cycle of 4", function()
    eq(sequence(lb.iwrr({ { 3, named("a") }, { 1, named("b") } }, 4), 16), "abaabaaabaaabaaa")
end)

test("iwrr with equal weights is roundrobin", function()
    eq(sequence(lb.iwrr({ { 7, named("a") }, { 7, named("b") }, { 7, named("c") } }), 7),
        "abcabca")
end)

test("iwrr with one entry", function()
    eq(sequence(lb.iwrr({ { 0.1, named("a") } }), 3), "aaa")
end)

test("iwrr leaves the caller's table as it is", function()
    local entries = { { 100, named("a") }, { 50, named("b") } }
    lb.iwrr(entries)("x:1")
    eq({ entries[1][1], entries[2][1] }, { 100, 50 })
end)

test("weights of zero and less are left out", function()
    eq(sequence(lb.iwrr({ { 0, named("a") }, { 5, named("b") }, { -1, named("c") } }), 4), "bbbb")
    eq(sequence(lb.iwrr({ { 0 / 0, named("a") }, { 5, named("b") } }), 3), "bbb")
end)

test("without a positive weight, or empty, it rejects", function()
    returns(table.pack(lb.iwrr({ { 0, named("a") } })("a:1")), nil)
    returns(table.pack(lb.iwrr({})("a:1")), nil)
end)

test("iwrr returns whole decisions", function()
    returns(table.pack(lb.iwrr({ { 1, rule.proxy("p1", "p2") } })("a:1")), "a:1", "p2", "p1")
end)
