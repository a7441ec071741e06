-- libruleset.md section 7: inet.subnet, inet6.subnet, and lists from files.

local check = require("check")
local test, eq, raises = check.test, check.eq, check.raises

require("libruleset")

local ip4, ip6 = neosocksd.parse_ipv4, neosocksd.parse_ipv6

local function v4_rows(matcher, yes, no)
    for _, text in ipairs(yes) do
        if matcher(ip4(text)) ~= true then check.fail("%s should match", text) end
    end
    for _, text in ipairs(no) do
        if matcher(ip4(text)) ~= false then check.fail("%s should not match", text) end
    end
end

local function v6_rows(matcher, yes, no)
    for _, text in ipairs(yes) do
        if matcher(ip6(text)) ~= true then check.fail("%s should match", text) end
    end
    for _, text in ipairs(no) do
        if matcher(ip6(text)) ~= false then check.fail("%s should not match", text) end
    end
end

test("inet.subnet with one prefix", function()
    v4_rows(inet.subnet("10.0.0.0/8"), { "10.0.0.0", "10.255.255.255", "10.1.2.3" },
        { "9.255.255.255", "11.0.0.0", "192.0.2.1" })
    v4_rows(inet.subnet("0.0.0.0/0"), { "0.0.0.0", "255.255.255.255" }, {})
    v4_rows(inet.subnet("192.0.2.7/32"), { "192.0.2.7" }, { "192.0.2.6", "192.0.2.8" })
    v4_rows(inet.subnet({ "192.0.2.0/24" }), { "192.0.2.255" }, { "192.0.3.0" })
end)

test("inet.subnet with a few, and with many", function()
    local few = { "10.0.0.0/8", "192.0.2.0/24", "198.51.100.7/32" }
    local yes = { "10.9.8.7", "192.0.2.200", "198.51.100.7" }
    local no = { "11.0.0.0", "192.0.3.1", "198.51.100.8", "0.0.0.0", "255.255.255.255" }
    v4_rows(inet.subnet(few), yes, no)
    local many = { table.unpack(few) }
    for i = 0, 255 do many[#many + 1] = string.format("100.64.%d.0/24", i) end
    v4_rows(inet.subnet(many), yes, no)
    v4_rows(inet.subnet(many), { "100.64.0.0", "100.64.255.255", "100.64.99.1" },
        { "100.65.0.0", "100.63.255.255" })
end)

test("prefixes within prefixes, and twice the same", function()
    local list = { "10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8", "10.1.2.3/32", "10.0.0.0/9" }
    v4_rows(inet.subnet(list), { "10.1.2.3", "10.200.0.1" }, { "11.1.2.3" })
end)

test("an empty list matches nothing", function()
    eq(inet.subnet({})(ip4("10.0.0.1")), false)
    eq(inet6.subnet({})(ip6("::1")), false)
end)

test("a bad prefix raises when the matcher is made", function()
    for _, bad in ipairs({ "10.0.0.1/8", "10.0.0.0", "x", "10.0.0.0/33" }) do
        raises("invalid ", inet.subnet, bad)
        raises("invalid ", inet.subnet, { "10.0.0.0/8", bad })
        raises("", inet.subnet, { "10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8", "13.0.0.0/8",
            "14.0.0.0/8", "15.0.0.0/8", "16.0.0.0/8", "17.0.0.0/8", "18.0.0.0/8", bad })
    end
    raises("invalid ", inet6.subnet, "fe80::1/10")
    raises("invalid ", inet6.subnet, { "fe80::/10", "fe80::" })
end)

test("inet6.subnet with one prefix", function()
    v6_rows(inet6.subnet("fe80::/10"), { "fe80::1", "febf:ffff::1" }, { "fec0::1", "::1" })
    v6_rows(inet6.subnet("::/0"), { "::", "ffff::1" }, {})
    v6_rows(inet6.subnet("::1/128"), { "::1" }, { "::", "::2", "1::1" })
    v6_rows(inet6.subnet("::ffff:127.0.0.0/104"), { "::ffff:127.0.0.1" },
        { "::ffff:128.0.0.1", "::127.0.0.1" })
    v6_rows(inet6.subnet("2001:db8::/32"), { "2001:db8:ffff::9" }, { "2001:db9::" })
end)

test("inet6.subnet with a few, and with many", function()
    local few = { "fe80::/10", "::1/128", "::ffff:0:0/96" }
    local yes = { "fe80::9", "::1", "::ffff:1.2.3.4" }
    local no = { "::", "::2", "fc00::1", "::fffe:1.2.3.4", "1::1" }
    v6_rows(inet6.subnet(few), yes, no)
    local many = { table.unpack(few) }
    for i = 0, 255 do many[#many + 1] = string.format("2001:db8:%x::/48", i) end
    v6_rows(inet6.subnet(many), yes, no)
    v6_rows(inet6.subnet(many), { "2001:db8::1", "2001:db8:ff:ffff::" }, { "2001:db8:100::" })
end)

-- Lists from files need the program's own sets.
local function file_with(text, f)
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    local ok, problem = pcall(f, path)
    os.remove(path)
    if not ok then error(problem, 0) end
end

test("domain_file", function()
    file_with("# a list\nexample.org\n\n.example.net\n", function(path)
        local matcher = match.domain_file(path)
        eq(matcher("www.example.org:80"), true)
        eq(matcher("EXAMPLE.net:80"), true)
        eq(matcher("example.com:80"), false)
    end)
end)

test("files may be compressed", function()
    file_with(zlib.gzip("example.org\n"), function(path)
        eq(match.domain_file(path)("example.org:1"), true)
    end)
end)

test("subnet_file", function()
    file_with("# lists\n10.0.0.0/8\n192.0.2.0/24\n", function(path)
        v4_rows(inet.subnet_file(path), { "10.1.1.1", "192.0.2.9" }, { "11.1.1.1" })
    end)
    file_with("fe80::/10\n2001:db8::/32\n", function(path)
        v6_rows(inet6.subnet_file(path), { "fe80::1", "2001:db8::1" }, { "::1" })
    end)
end)

test("a file that is not there raises, with the ruleset's line", function()
    for _, code in ipairs({ "match.domain_file('/nonexistent/list')",
        "inet.subnet_file('/nonexistent/list')", "inet6.subnet_file('/nonexistent/list')" }) do
        raises("^rules:1: .*/nonexistent/list", load("local m = " .. code .. " return m", "=rules"))
    end
end)

test("a database that is not there raises, with the ruleset's line", function()
    for _, code in ipairs({ "match.geoip('/nonexistent/db', 'CN')",
        "match.asn('/nonexistent/db', 64500)" }) do
        raises("^rules:1: ", load("local m = " .. code .. " return m", "=rules"))
    end
end)
