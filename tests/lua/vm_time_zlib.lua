-- lua.md section 6: time and zlib; section 11: time.unix, gzip.

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

test("clocks are float seconds", function()
    for _, name in ipairs({ "monotonic", "process", "thread", "wall", "unix" }) do
        eq({ name, math.type(time[name]()) }, { name, "float" })
        eq({ name, time[name]() >= 0 }, { name, true })
    end
    check.near(time.wall(), os.time(), 2)
    check.near(time.unix(), os.time(), 2)
    local before = time.monotonic()
    eq(time.monotonic() >= before, true)
    eq(math.type(time.wall("ignored", 5)), "float")
end)

test("measure gives seconds, then the results", function()
    local got = table.pack(time.measure(function(...) return ... end, 1, nil, 3, nil))
    eq({ got.n, math.type(got[1]), got[1] >= 0 }, { 5, "float", true })
    eq({ got[2], got[3], got[4], got[5] }, { 1, nil, 3, nil })
    eq(time.measure(function()
        local start = time.monotonic()
        while time.monotonic() - start < 0.01 do end
    end) >= 0.01, true)
end)

test("measure takes callable tables, and passes errors on", function()
    local callable = setmetatable({}, { __call = function(_, x) return x end })
    eq(select(2, time.measure(callable, 5)), 5)
    raises("^boom$", time.measure, error, "boom", 0)
    raises("", time.measure, 5)
    raises("", time.measure)
end)

local TEXTS = { "", "a", ("x"):rep(100000), "\0\1\2\255", ("neosocksd "):rep(3000) }

test("compress and uncompress", function()
    for _, text in ipairs(TEXTS) do eq(zlib.uncompress(zlib.compress(text)), text) end
    eq(#zlib.compress(""), 8)
    eq(zlib.uncompress(zlib.compress(5)), "5")
    eq(zlib.compress("a"):byte(), 0x78)
    eq(#zlib.compress(("x"):rep(100000)) < 1000, true)
end)

test("uncompress takes what others compressed", function()
    local z = "\x78\x9c\xe5\xc0\x81\x00\x00\x00\x00\x80\x20\xed\xf0\x07\x39\xde\x02\x40\x84"
        .. "\x78\x01"
    eq(pcall(zlib.uncompress, z) and #zlib.uncompress(z) or 256, 256)
    eq(zlib.uncompress("\x78\x9c\x4b\x04\x00\x00\x62\x00\x62"), "a")
end)

test("bytes after the stream do not matter", function()
    eq(zlib.uncompress(zlib.compress("text") .. "garbage"), "text")
end)

test("what is no stream is an error", function()
    local z = zlib.compress(("text"):rep(100))
    local checksum = z:sub(1, -2) .. string.char(z:byte(-1) ~ 1)
    for _, bad in ipairs({ "", "garbage", "x", z:sub(1, -5), z:sub(1, 5), checksum }) do
        raises("uncompress error: %-?%d+$", zlib.uncompress, bad)
    end
    raises("^rules:1: uncompress error: ", load("zlib.uncompress('garbage')", "=rules"))
    raises("bad argument #1 to '[%a.]*compress' %(string expected, got table%)", zlib.compress, {})
    raises("bad argument #1 to '[%a.]*uncompress' %(string expected, got nil%)",
        zlib.uncompress, nil)
end)

test("gzip and gunzip", function()
    for _, text in ipairs(TEXTS) do eq(zlib.gunzip(zlib.gzip(text)), text) end
    eq(zlib.gzip("a"):sub(1, 2), "\x1f\x8b")
    eq(zlib.gunzip(""), "")
    eq(zlib.gunzip(zlib.gzip("one ") .. zlib.gzip("two")), "one two")
end)

test("what is no gzip is an error", function()
    local z = zlib.gzip(("text"):rep(100))
    for _, bad in ipairs({ "garbage", z:sub(1, -5), z:sub(1, 9), zlib.compress("zlib") }) do
        raises("gunzip error: ", zlib.gunzip, bad)
    end
    raises("bad argument #1 to '[%a.]*gzip'", zlib.gzip, {})
end)

test("gunzip reads what gzip(1) writes", function()
    local path = os.tmpname()
    await.execute("printf 'from the shell' | gzip > " .. path)
    local file = io.open(path, "rb")
    local z = file:read("a")
    file:close()
    os.remove(path)
    eq(zlib.gunzip(z), "from the shell")
end)
