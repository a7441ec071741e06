-- libruleset.md section 7: matchers on address text. Section 12, Q6: names compare in any case.

local check = require("check")
local test, eq, raises = check.test, check.eq, check.raises

require("libruleset")

-- Rows of {address, expected}.
local function table_of(name, matcher, rows)
    test(name, function()
        for i = 1, #rows, 2 do
            local got = matcher(rows[i])
            if got ~= rows[i + 1] then
                check.fail("%q: got %s", rows[i], tostring(got))
            end
        end
    end)
end

table_of("any", match.any(), { "a:1", true, "", true })

table_of("exact compares the whole text", match.exact("example.org:443"), {
    "example.org:443", true, "example.org:80", false, "www.example.org:443", false,
    "example.org:4433", false, "EXAMPLE.org:443", true,
})

table_of("exact with a list", match.exact({ "A:1", "b:2", "[::1]:53" }), {
    "a:1", true, "B:2", true, "a:2", false, "[::1]:53", true, "::1:53", false,
})

test("exact wants a port", function()
    raises("", match.exact, "example.org")
    raises("", match.exact, { "a:1", "example.org" })
    eq(match.exact({})("a:1"), false)
end)

table_of("host", match.host("example.org"), {
    "example.org:443", true, "example.org:1", true, "www.example.org:443", false,
    "example.org.evil:443", false, "Example.ORG:443", true, "xexample.org:443", false,
})

table_of("host with a list", match.host({ "a", "B", "192.0.2.1", "::1" }), {
    "a:1", true, "A:1", true, "b:1", true, "192.0.2.1:80", true, "[::1]:80", true, "c:1", false,
    "ab:1", false, "1:a", false,
})

test("host with an empty list", function() eq(match.host({})("a:1"), false) end)

test("a value that is missing is told where it is missing", function()
    for _, make in ipairs({ match.exact, match.host, match.domain, match.client, match.user,
        inet.subnet, inet6.subnet }) do
        local ok, err = pcall(function()
            local missing
            local matcher = make(missing)
            return matcher
        end)
        eq(ok, false)
        eq(err:match("^.*lib_match.lua:%d+: (.*)$"), "a text or a list is expected, not nil")
    end
    raises("bad argument #1 %(", function() local m = match.domain_file() return m end)
end)

table_of("port", match.port(80), {
    "a:80", true, "a:81", false, "a:080", true, "a:0x50", true, "a: 80", true, "[::1]:80", true,
    "a:", false, "a:http", false, "a:180", false,
})

table_of("port range, closed", match.port(1024, 2048), {
    "a:1024", true, "a:2048", true, "a:1023", false, "a:2049", false, "a:1500", true,
})

table_of("port list compares text", match.port({ 80, 443 }), {
    "a:80", true, "a:443", true, "a:0443", false, "a:44", false, "[::1]:443", true,
})

table_of("port list of texts", match.port({ "80" }), { "a:80", true, "a:8080", false })

test("a port that is a string raises when used", function()
    local matcher = match.port("80")
    raises("attempt to compare", matcher, "a:80")
end)

local BELOW = {
    "example.org:80", true, "www.example.org:80", true, "a.b.example.org:80", true,
    "badexample.org:80", false, "org:80", false, "example.org.evil:80", false,
    "EXAMPLE.ORG:80", true, "WWW.Example.org:80", true, "example.com:80", false,
}
table_of("domain", match.domain("example.org"), BELOW)
table_of("domain, with a leading dot", match.domain(".example.org"), BELOW)
table_of("domain in upper case", match.domain(".EXAMPLE.Org"), BELOW)
table_of("domain list of one", match.domain({ ".example.org" }), BELOW)

table_of("domain list", match.domain({ "com", ".a.b", "c.d.e" }), {
    "com:1", true, "x.com:1", true, "a.b:1", true, "x.a.b:1", true, "b:1", false, "x.b:1", false,
    "c.d.e:1", true, "d.e:1", false, "y.c.d.e:1", true, "xcom:1", false, "COM:1", true,
})

for _, dot in ipairs({ "", "." }) do
    table_of("domain " .. string.format("%q", dot), match.domain(dot), {
        "a.:80", true, "example.org.:80", true, ":80", true, "a:80", false, "example.org:80", false,
    })
end

table_of("overlapping names: the shorter wins", match.domain({ "com", "a.com" }), {
    "com:1", true, "a.com:1", true, "b.com:1", true, "x.a.com:1", true,
})
table_of("overlapping names, the other way round", match.domain({ "a.com", "com" }), {
    "com:1", true, "a.com:1", true, "b.com:1", true,
})
table_of("empty names of a list are ignored", match.domain({ "", "a.com", "" }), {
    "a.com:1", true, "com:1", false, ":1", false, "b:1", false,
})

test("domain with an empty list", function() eq(match.domain({})("a:1"), false) end)

local tree = { com = { example = true, Deep = { er = true } }, ["local"] = true }
table_of("domaintree", match.domaintree(tree), {
    "example.com:80", true, "www.example.com:80", true, "com:80", false, "other.com:80", false,
    "local:80", true, "printer.local:80", true, "deep.com:80", false, "er.deep.com:80", true,
    "EXAMPLE.com:80", true, "org:80", false, "example.com.org:80", false, "xlocal:80", false,
})

test("domaintree wants a table", function()
    for _, value in ipairs({ "com", 5, true }) do
        raises("domain tree should be a table", match.domaintree, value)
    end
    raises("domain tree should be a table", match.domaintree, nil)
    eq(match.domaintree({})("a.b:1"), false)
end)

table_of("pattern", match.pattern("^ads?%d*%."), {
    "ads.example:80", true, "ad42.example:80", true, "load.example:80", false,
})
table_of("pattern list", match.pattern({ "%.cn:", ":25$" }), {
    "a.cn:80", true, "a:25", true, "cn:80", false, "a:2525", false,
})

table_of("regex", match.regex([[^ads?[0-9]*\.]]), {
    "ads.example:80", true, "ad42.example:80", true, "load.example:80", false,
})
table_of("regex is extended, and case-sensitive", match.regex("(foo|bar)+:80$"), {
    "foobar:80", true, "x.bar:80", true, "FOO:80", false, "foo:8080", false,
})
table_of("regex list", match.regex({ "^a", "b:" }), {
    "abc:1", true, "cb:1", true, "cbc:1", false,
})

test("a bad regex raises, with the ruleset's line", function()
    raises("^rules:2:", load("\nlocal m = match.regex('(') return m", "=rules"))
end)

test("a list leaves bad patterns out, and says so", function()
    check.with(_G, { recent_events = rlist:new(10) }, function()
        local matcher = match.regex({ "(", "^a" })
        eq(matcher("abc:1"), true)
        eq(matcher("cba:1"), false)
        eq(recent_events.len, 1)
        check.matches(recent_events:get(1).msg, "skipped \"%(\"")
    end)
end)

-- A dot at the end of a name asks for the same host, and must not slip past a rule.
table_of("names with the dot of the root", match.domain({ "example.org" }), {
    "example.org.:80", true, "www.example.org.:80", true, "example.org..:80", false,
})
table_of("hosts with the dot of the root", match.host({ "example.org" }), {
    "example.org.:80", true, "example.com.:80", false,
})
