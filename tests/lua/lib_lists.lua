-- libruleset.md section 2: list and rlist.

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

require("libruleset")

local function items(r)
    local all = {}
    for i, value in r:iter() do all[i] = value end
    return all
end

test("list:new adopts its table", function()
    local t = { 1, 2 }
    local l = list:new(t)
    eq(rawequal(l, t), true)
    eq(getmetatable(l).__name, "list")
    eq(#list:new(), 0)
end)

test("list insert, remove, unpack and concat are those of table", function()
    local l = list:new({ "a", "c" })
    returns(table.pack(l:insert(2, "b")))
    returns(table.pack(l:insert("d")))
    eq(l:concat(","), "a,b,c,d")
    eq(l:concat(",", 2, 3), "b,c")
    eq(l:remove(), "d")
    eq(l:remove(1), "a")
    returns(table.pack(l:unpack()), "b", "c")
    raises("wrong number of arguments", l.insert, l)
end)

test("list:iter is ipairs", function()
    local seen = {}
    for i, value in list:new({ "a", "b", nil, "d" }):iter() do seen[i] = value end
    eq(seen, { "a", "b" })
end)

test("list:insertf appends formatted text", function()
    local l = list:new()
    l:insertf("%s-%d", "a", 1)
    eq(l:totable(), { "a-1" })
end)

test("list:append appends an array part and returns self", function()
    local l = list:new({ 1 })
    eq(rawequal(l:append({ 2, 3, x = 9 }), l), true)
    eq(l:totable(), { 1, 2, 3 })
    l = list:new({ 1, 2 })
    eq(l:append(l):totable(), { 1, 2, 1, 2 })
end)

test("list:map works in place and stops at the first nil", function()
    local l = list:new({ 1, 2, nil, 4 })
    eq(rawequal(l:map(function(x) return x * 10 end), l), true)
    eq({ l[1], l[2], l[3], l[4] }, { 10, 20, nil, 4 })
    eq(list:new({ "10", "20" }):map(tonumber):totable(), { 10, 20 })
end)

test("list:reverse and sort work in place and return self", function()
    local l = list:new({ 3, 1, 2 })
    eq(rawequal(l:reverse(), l), true)
    eq({ l:unpack() }, { 2, 1, 3 })
    eq({ l:sort():unpack() }, { 1, 2, 3 })
    eq({ l:sort(function(a, b) return a > b end):unpack() }, { 3, 2, 1 })
    eq({ list:new({ 1, 2, 3, 4 }):reverse():unpack() }, { 4, 3, 2, 1 })
    eq(#list:new():reverse(), 0)
end)

test("list:totable removes the metatable", function()
    local l = list:new({ 1 })
    local t = l:totable()
    eq(rawequal(l, t), true)
    eq(getmetatable(t), nil)
end)

test("list:check knows lists of any generation", function()
    local l = list:new()
    eq(rawequal(list:check(l), l), true)
    eq(list:check({}), nil)
    eq(list:check(nil), nil)
    eq(list:check(5), nil)
    eq(list:check("text"), nil)
    eq(list:check(rlist:new(1)), nil)
    check.reload()
    eq(rawequal(list:check(l), l), true)
end)

test("rlist keeps the newest items", function()
    local r = rlist:new(3)
    eq({ r.cap, r.len }, { 3, 0 })
    eq(items(r), {})
    for i = 1, 5 do r:push(i) end
    eq({ r.cap, r.len }, { 3, 3 })
    eq(items(r), { 5, 4, 3 })
    eq(#r, 3)
end)

test("rlist:get counts from either end", function()
    local r = rlist:new(3)
    for i = 1, 4 do r:push(i) end
    eq({ r:get(1), r:get(2), r:get(3) }, { 4, 3, 2 })
    eq({ r:get(-1), r:get(-2), r:get(-3) }, { 2, 3, 4 })
    eq({ r:get(0), r:get(4), r:get(-4) }, {})
    r = rlist:new(5, { "a", "b" })
    eq({ r:get(1), r:get(2), r:get(3) }, { "b", "a" })
    eq({ r:get(-1), r:get(-2), r:get(-3) }, { "a", "b" })
end)

test("rlist:new adopts initial items, oldest first", function()
    local t = { 1, 2 }
    local r = rlist:new(3, t)
    eq(rawequal(r, t), true)
    eq({ r.cap, r.len }, { 3, 2 })
    r:push(3)
    r:push(4)
    eq(items(r), { 4, 3, 2 })
end)

test("rlist:new keeps the newest of too many items", function()
    local r = rlist:new(2, { 1, 2, 3, 4 })
    eq({ r.cap, r.len }, { 2, 2 })
    eq(items(r), { 4, 3 })
    r:push(5)
    eq(items(r), { 5, 4 })
end)

test("rlist:check", function()
    local r = rlist:new(1)
    eq(getmetatable(r).__name, "rlist")
    eq(rawequal(rlist:check(r), r), true)
    eq(rlist:check(list:new()), nil)
    eq(rlist:check(true), nil)
end)
