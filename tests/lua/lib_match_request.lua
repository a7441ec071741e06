-- Matchers that look at the request: the third argument of every matcher and action.

local check = require("check")
local test, eq, raises = check.test, check.eq, check.raises

require("libruleset")

local function from(client)
    return { client = client, listener = "127.0.0.1:1080", protocol = "socks5" }
end

test("client takes prefixes and addresses of both families", function()
    local matcher = match.client({ "10.0.0.0/8", "192.0.2.7", "fe80::/10", "::1" })
    for _, client in ipairs({ "10.1.2.3:4", "192.0.2.7:5", "[fe80::1]:6", "[::1]:7",
        "[::ffff:10.9.9.9]:8" }) do
        eq(matcher("a:1", nil, from(client)), true)
        eq(matcher(0x01020304, nil, from(client)), true)
        eq(matcher(1, 2, from(client)), true)
    end
    for _, client in ipairs({ "11.1.2.3:4", "192.0.2.8:5", "[::2]:7", "[::ffff:11.9.9.9]:8",
        "unix:uid=1000", "" }) do
        eq(matcher("a:1", nil, from(client)), false)
    end
end)

test("client with one prefix, and of one family", function()
    eq(match.client("192.0.2.0/24")("a:1", nil, from("192.0.2.9:1")), true)
    eq(match.client("192.0.2.0/24")("a:1", nil, from("[::1]:1")), false)
    eq(match.client("::1")("a:1", nil, from("192.0.2.9:1")), false)
end)

test("client refuses what is no address", function()
    for _, bad in ipairs({ "x", "10.0.0.1/8", "10.0.0.0/40", "fe80::1/10" }) do
        raises("^rules:1: invalid ", load("local m = match.client('" .. bad .. "')", "=rules"))
    end
end)

test("user names and ids", function()
    local matcher = match.user({ "alice", 1000 })
    eq(matcher("a:1", nil, { user = "alice" }), true)
    eq(matcher("a:1", nil, { user = "bob" }), false)
    eq(matcher("a:1", nil, { user_id = 1000 }), true)
    eq(matcher("a:1", nil, { user = "1000" }), false)
    eq(matcher("a:1", nil, {}), false)
end)

test("listener and protocol", function()
    eq(match.listener("127.0.0.1:1080")("a:1", nil, from("x")), true)
    eq(match.listener({ "a", "b" })("a:1", nil, from("x")), false)
    eq(match.protocol({ "http", "socks5" })(1, 2, from("x")), true)
    eq(match.protocol("http")("a:1", nil, from("x")), false)
end)

test("without a request they do not match", function()
    for _, matcher in ipairs({ match.client("0.0.0.0/0"), match.user("a"), match.listener("b"),
        match.protocol("c") }) do
        eq(matcher("a:1"), false)
        eq(matcher("a:1", nil, {}), false)
    end
end)

test("every table hands the request on, in the same place", function()
    local request = from("192.0.2.7:1")
    local seen = {}
    local function spy(name)
        return function(...)
            seen[name] = table.pack(...)
            return false
        end
    end
    local decide = require("libruleset").decide
    check.with(_G, {
        redirect_name = { { spy("redirect_name") } },
        redirect = { { composite.anyof({ composite.allof({ composite.inverse(
            composite.inverse(spy("redirect"))) }) }) } },
        redirect6 = { { composite.maybe({ x = spy("redirect6") }, "x") } },
        route = { { composite.subchain({ x = { { spy("route") } } }, "x") } },
        route6 = { { spy("route6") } },
        route_default = { spy("default") },
    }, function()
        decide.resolve("name:1", request)
        check.returns(seen.redirect_name, "name:1", nil, request)
        check.returns(seen.default, "name:1", nil, request)
        decide.route("10.0.0.1:1", request)
        check.returns(seen.redirect, "10.0.0.1:1", nil, request)
        check.returns(seen.route, 0x0A000001, nil, request)
        decide.route6("[::1]:1", request)
        check.returns(seen.redirect6, "[::1]:1", nil, request)
        check.returns(seen.route6, 0, 1, request)
    end)
end)

test("actions that lead to others hand the request on", function()
    local request = from("192.0.2.7:1")
    local seen = {}
    local function spy(_, _, got) seen[#seen + 1] = rawequal(got, request) return nil end
    check.with(_G, { route_default = { spy }, ruleset = {} }, function()
        rule.default()("a:1", nil, request)
        rule.loopback("a", "b")("a:1", nil, request)
        rule.maybe({ x = spy }, "x")("a:1", nil, request)
        lb.roundrobin({ spy })("a:1", nil, request)
        lb.iwrr({ { 1, spy } })("a:1", nil, request)
    end)
    eq(seen, { true, true, true, true, true })
end)
