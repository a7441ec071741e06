-- libruleset.md section 4: parse_cidr, parse_cidr6.

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

require("libruleset")

test("parse_cidr gives network and prefix length", function()
    returns(table.pack(parse_cidr("10.0.0.0/8")), 0x0A000000, 8)
    returns(table.pack(parse_cidr("0.0.0.0/0")), 0, 0)
    returns(table.pack(parse_cidr("255.255.255.255/32")), 0xFFFFFFFF, 32)
    returns(table.pack(parse_cidr("192.0.2.128/25")), 0xC0000280, 25)
end)

test("parse_cidr refuses host bits and bad addresses", function()
    for _, text in ipairs({ "10.0.0.1/8", "192.0.2.128/24", "1.0.0.0/0", "10.0.0/8", "x/8", "/8",
        "fe80::/10", "256.0.0.0/8", "010.0.0.0/8" }) do
        raises("invalid subnet \"", parse_cidr, text)
    end
end)

test("parse_cidr refuses bad prefix sizes", function()
    for _, text in ipairs({ "10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/-1",
        "10.0.0.0/8.0", "" }) do
        raises("invalid prefix size \"", parse_cidr, text)
    end
end)

test("parse_cidr6 gives both halves and prefix length", function()
    returns(table.pack(parse_cidr6("fe80::/10")), 0xFE80 << 48, 0, 10)
    returns(table.pack(parse_cidr6("::/0")), 0, 0, 0)
    returns(table.pack(parse_cidr6("::1/128")), 0, 1, 128)
    returns(table.pack(parse_cidr6("2001:db8::/64")), 0x20010DB8 << 32, 0, 64)
    returns(table.pack(parse_cidr6("::ffff:0:0/96")), 0, 0xFFFF << 32, 96)
    returns(table.pack(parse_cidr6("8000::/1")), math.mininteger, 0, 1)
    returns(table.pack(parse_cidr6("::8000:0:0:0/65")), 0, math.mininteger, 65)
end)

test("parse_cidr6 refuses host bits and bad addresses", function()
    for _, text in ipairs({ "fe80::1/10", "2001:db8::1/64", "2001:db8::1/127", "::1/0", "x/8",
        "[::]/8", "10.0.0.0/8", "::8000:0:0:0/64", "fe80::%1/10" }) do
        raises("invalid subnet \"", parse_cidr6, text)
    end
end)

test("parse_cidr6 refuses bad prefix sizes", function()
    for _, text in ipairs({ "::", "::/129", "::/", "::/x" }) do
        raises("invalid prefix size \"", parse_cidr6, text)
    end
end)

test("errors name the caller's line", function()
    raises("^lib_addresses%.lua:%d+:", function()
        local name = "@lib_addresses.lua"
        load("local a = parse_cidr('x/1') return a", name)()
    end)
    eq(raises("", load("\nlocal a = parse_cidr6('x')", "=chunk")),
        "chunk:2: invalid prefix size \"x\"")
    eq(raises("", load("\n\nlocal m = inet.subnet({'10.0.0.0/8', 'x/1'})", "=chunk")),
        "chunk:3: invalid subnet \"x/1\"")
    eq(raises("", load("local m = inet6.subnet('fe80::1/10')", "=chunk")),
        "chunk:1: invalid subnet \"fe80::1/10\"")
end)
