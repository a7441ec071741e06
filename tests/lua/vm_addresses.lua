-- lua.md section 3.2: parse_ipv4, parse_ipv6, splithostport, resolve.

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

test("parse_ipv4 takes strict dotted quads", function()
    local parse = neosocksd.parse_ipv4
    for text, want in pairs({
        ["0.0.0.0"] = 0,
        ["255.255.255.255"] = 0xFFFFFFFF,
        ["127.0.0.1"] = 0x7F000001,
        ["1.2.3.4"] = 0x01020304,
        ["169.254.0.0"] = 0xA9FE0000,
    }) do
        returns(table.pack(parse(text)), want)
    end
    for _, text in ipairs({ "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.04",
        " 1.2.3.4", "1.2.3.4 ", "1.2.3.4:80", "a.b.c.d", "1.2.3.", "0x7f.0.0.1", "127.1",
        "::ffff:1.2.3.4", "[1.2.3.4]" }) do
        returns(table.pack(parse(text)))
    end
end)

test("parse_ipv4 never raises", function()
    for _, value in ipairs({ 5, 1.5, true, {}, print }) do
        returns(table.pack(neosocksd.parse_ipv4(value)))
    end
    returns(table.pack(neosocksd.parse_ipv4(nil)))
    returns(table.pack(neosocksd.parse_ipv4()))
end)

test("parse_ipv6 gives two integers", function()
    local parse = neosocksd.parse_ipv6
    for text, want in pairs({
        ["::"] = { 0, 0 },
        ["::1"] = { 0, 1 },
        ["FE80::"] = { -108086391056891904, 0 },
        ["fe80::"] = { -108086391056891904, 0 },
        ["::ffff:1.2.3.4"] = { 0, 281470698652420 },
        ["2001:db8::1"] = { 0x20010DB800000000, 1 },
        ["1:2:3:4:5:6:7:8"] = { 0x0001000200030004, 0x0005000600070008 },
        ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] = { -1, -1 },
    }) do
        returns(table.pack(parse(text)), want[1], want[2])
    end
    for _, text in ipairs({ "", ":", ":::", "1.2.3.4", "[::1]", "fe80::1%eth0", "fe80::1%1",
        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::g", "::1 ", " ::1", "1::2::3",
        "::1/128" }) do
        returns(table.pack(parse(text)))
    end
    returns(table.pack(parse(nil)))
    returns(table.pack(parse(5)))
end)

test("splithostport splits at the last colon", function()
    local split = neosocksd.splithostport
    for text, want in pairs({
        ["a:1"] = { "a", "1" },
        ["[::1]:80"] = { "::1", "80" },
        ["::1:80"] = { "::1", "80" },
        [":"] = { "", "" },
        ["[]:80"] = { "", "80" },
        ["[::1]"] = { "[:", "1]" },
        ["[x]y:80"] = { "[x]y", "80" },
        ["host:"] = { "host", "" },
        [":80"] = { "", "80" },
        ["example.org:http"] = { "example.org", "http" },
    }) do
        returns(table.pack(split(text)), want[1], want[2])
    end
end)

test("splithostport raises what has no colon, with the caller's line", function()
    raises("^rules:1: invalid address: `host'", load("neosocksd.splithostport('host')", "=rules"))
    raises("invalid address: `'", neosocksd.splithostport, "")
    raises("", neosocksd.splithostport, nil)
    raises("", neosocksd.splithostport, {})
    raises("invalid address: `5'", neosocksd.splithostport, 5)
end)

test("splithostport refuses what is longer than an address can be", function()
    local host = ("h"):rep(255)
    eq(neosocksd.splithostport(host .. ":65535"), host)
    raises("address too long: 262 bytes", neosocksd.splithostport, host .. "h:65535")
end)

test("resolve gives the text of an address, while everything waits", function()
    eq(neosocksd.resolve("127.0.0.1"), "127.0.0.1")
    eq(neosocksd.resolve("127.1"), "127.0.0.1")
    eq(neosocksd.resolve(1), "0.0.0.1")
    returns(table.pack(neosocksd.resolve("127.0.0.1:80")))
    returns(table.pack(neosocksd.resolve("")))
    raises("bad argument #1 to '[%a.]*resolve' %(string expected, got nil%)",
        neosocksd.resolve, nil)
end)
