-- lua.md section 7: marshal, with correct numbers (section 10, Q3) and shared tables (Q4).

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

local function back(...)
    return table.pack(load("return " .. marshal(...), "=m", "t", {})())
end

local function text(want, ...)
    eq(marshal(...), want)
end

test("values are joined by commas, nils kept", function()
    text("")
    text("nil", nil)
    text("1,nil,true,false,nil", 1, nil, true, false, nil)
end)

test("strings", function()
    text([["a"]], "a")
    text([["\"\\"]], "\"\\")
    text("\"\\\n\"", "\n")
    text([["\000\001\009\013\127"]], "\0\1\t\r\127")
    text("\"\xff\xc3\xa9\"", "\xff\xc3\xa9")
    text([["\0001"]], "\0" .. "1")
    text([[""]], "")
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    local every = table.concat(all)
    returns(back(every), every)
end)

test("integers", function()
    text("0", 0)
    text("1", 1)
    text("-5", -5)
    text("999999999999", 999999999999)
    text("-999999999999", -999999999999)
    text("0xe8d4a51000", 1000000000000)
    text("-0xe8d4a51000", -1000000000000)
    text("0x7fffffffffffffff", math.maxinteger)
    text("0x8000000000000000", math.mininteger)
    for _, i in ipairs({ 0, 1, -1, 1 << 40, -(1 << 40), math.maxinteger, math.mininteger }) do
        returns(back(i), i)
    end
end)

test("floats", function()
    text("0x1.8p+0", 1.5)
    text("0x1p+0", 1.0)
    text("-0x1.8p+0", -1.5)
    text("0x1.999999999999ap-4", 0.1)
    text("0x1p-1074", 0x1p-1074)
    text("1/0,-1/0,0/0", 1 / 0, -1 / 0, 0 / 0)
    for _, x in ipairs({ 1.5, 1.0, 0.1, -1e300, 0x1p-1074, 0x1.fffffffffffffp+1023, 1 / 0,
        -1 / 0, 0 / 0, 2.0 ^ 53 }) do
        returns(back(x), x)
    end
end)

test("zero keeps its sign", function()
    eq(1 / back(0.0)[1], 1 / 0)
    eq(1 / back(-0.0)[1], -1 / 0)
end)

test("tables", function()
    text("{}", {})
    text([[{1,2,["a"]="x",}]], { 1, 2, a = "x" })
    text("{1,2,[4]=4,}", { 1, 2, nil, 4 })
    text("{[2]=2,}", { nil, 2 })
    text([["a",{"b",["c"]="d",}]], "a", { "b", c = "d" })
    text("{{{},},}", { { {} } })
    local zero = marshal({ [0] = "z", "a" })
    eq(zero == [[{"a",[0]="z",}]] or zero == [[{[0]="z","a",}]], true)
    returns(back({ 1, { x = { true, false } }, [1.5] = "f", [true] = 0 }),
        { 1, { x = { true, false } }, [1.5] = "f", [true] = 0 })
end)

test("keys may be tables", function()
    local copy = back({ [{ 1 }] = "v" })[1]
    local key, value = next(copy)
    eq({ key, value }, { { 1 }, "v" })
end)

test("shared tables are no cycle", function()
    local shared = { 1 }
    text("{1,},{1,}", shared, shared)
    text([[{{1,},{1,},}]], { shared, shared })
end)

test("cycles are refused", function()
    local cycle = {}
    cycle[1] = cycle
    raises("^circular referenced table is not marshallable$", marshal, cycle)
    local a, b = {}, {}
    a.b, b.a = b, a
    raises("^circular referenced table is not marshallable$", marshal, a)
end)

test("functions, threads and userdata are refused", function()
    raises("^function: 0x%x+ is not marshallable$", marshal, function() end)
    raises("^function: .* is not marshallable$", marshal, print)
    raises("^thread: 0x%x+ is not marshallable$", marshal, (coroutine.running()))
    raises("is not marshallable$", marshal, io.stdout)
    raises("is not marshallable$", marshal, { x = print })
    raises("is not marshallable$", marshal, { [print] = 1 })
end)

test("metatables do not count", function()
    local guarded = setmetatable({ 1 }, {
        __pairs = function() error("asked") end,
        __index = function() error("asked") end,
        __len = function() error("asked") end,
        __tostring = function() error("asked") end,
        __marshal = function() error("asked") end,
    })
    text("{1,}", guarded)
end)

local function nested(depth)
    local t = {}
    for _ = 2, depth do t = { t } end
    return t
end

test("nesting is bounded", function()
    returns(back(nested(190)), nested(190))
    raises("C stack overflow", marshal, nested(1000))
    raises("C stack overflow", marshal, nested(100000))
end)

test("many arguments, and large ones", function()
    local many = {}
    for i = 1, 250 do many[i] = i end
    returns(back(table.unpack(many)), table.unpack(many))
    local big = ("x"):rep(3000000)
    eq(#marshal(big), 3000002)
end)

local function random_value(depth)
    local kind = math.random(depth > 0 and 8 or 6)
    if kind == 1 then return math.random(0) end
    if kind == 2 then return math.random(-1000, 1000) end
    if kind == 3 then
        return string.unpack("d", string.pack("i8", math.random(0)))
    end
    if kind == 4 then return math.random() < 0.5 end
    if kind <= 6 then
        local bytes = {}
        for i = 1, math.random(0, 20) do bytes[i] = string.char(math.random(0, 255)) end
        return table.concat(bytes)
    end
    local t = {}
    for i = 1, math.random(0, 5) do t[i] = random_value(depth - 1) end
    for _ = 1, math.random(0, 5) do
        local key = random_value(0)
        if key == key then t[key] = random_value(depth - 1) end
    end
    return t
end

test("unmarshal(marshal(x)) is x, for random x", function()
    require("libruleset")
    local seed = math.random(0)
    math.randomseed(seed)
    for i = 1, 2000 do
        local value = random_value(4)
        local ok, problem = pcall(check.eq, unmarshal(marshal(value)), value)
        if not ok then check.fail("seed %d, value %d: %s", seed, i, problem.failure) end
    end
end)
