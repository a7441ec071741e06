-- libruleset.md section 8: actions. Chains are given in connection order and come out reversed.

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

require("libruleset")

local function acts(action, addr, ...)
    local got = table.pack(action(addr))
    returns(got, ...)
end

test("direct and reject", function()
    acts(rule.direct(), "a:1", "a:1")
    acts(rule.reject(), "a:1", nil)
end)

test("proxy", function()
    acts(rule.proxy("p1", "p2"), "a:1", "a:1", "p2", "p1")
    acts(rule.proxy("p1"), "a:1", "a:1", "p1")
    acts(rule.proxy(), "a:1", "a:1")
    acts(rule.proxy("p1", "p2", "p3"), "a:1", "a:1", "p3", "p2", "p1")
    acts(rule.proxy("1", "2", "3", "4", "5"), "a:1", "a:1", "5", "4", "3", "2", "1")
end)

test("an action can be used again and again", function()
    local action = rule.proxy("p1", "p2", "p3")
    for _ = 1, 3 do acts(action, "a:1", "a:1", "p3", "p2", "p1") end
end)

test("redirect", function()
    acts(rule.redirect("b:2"), "a:1", "b:2")
    acts(rule.redirect(":9"), "a:1", "a:9")
    acts(rule.redirect("b:"), "a:1", "b:1")
    acts(rule.redirect(":"), "a:1", "a:")
    acts(rule.redirect("b:2", "p1", "p2"), "a:1", "b:2", "p2", "p1")
    acts(rule.redirect("[::1]:2"), "a:1", "[::1]:2")
    acts(rule.redirect("[::1]:"), "a:80", "[::1]:80")
end)

test("redirect keeps the brackets of IPv6 hosts", function()
    acts(rule.redirect(":9"), "[::1]:1", "[::1]:9")
    acts(rule.redirect(":"), "[::1]:1", "[::1]:")
    acts(rule.redirect(":9"), "::1:1", "[::1]:9")
end)

test("redirect wants a colon", function()
    raises("^rules:1:", load("local a = rule.redirect('host')", "=rules"))
end)

test("rewrite", function()
    acts(rule.rewrite("^(.*)%.internal:", "%1.example:"), "db.internal:5432", "db.example:5432")
    acts(rule.rewrite("a", "b"), "c:1", "c:1")
    acts(rule.rewrite("a", "b", "p1", "p2"), "aa:1", "bb:1", "p2", "p1")
    acts(rule.rewrite("^%w+", { a = "x" }), "a:1", "x:1")
    acts(rule.rewrite("%d+$", function(port) return tostring(port + 1) end), "a:1", "a:2")
end)

local function with_tables(f)
    return check.with(_G, {
        ruleset = {},
        redirect_name = { { match.host("name"), rule.redirect("named:1") } },
        route = { { inet.subnet("10.0.0.0/8"), rule.proxy("v4") } },
        route6 = { { inet6.subnet("fe80::/10"), rule.proxy("v6") } },
        route_default = { rule.proxy("default") },
    }, f)
end

test("loopback starts again with the rewritten address", function()
    with_tables(function()
        acts(rule.loopback("^x", "name"), "x:1", "named:1")
        acts(rule.loopback("^x", "10.0.0.1"), "x:1", "10.0.0.1:1", "v4")
        acts(rule.loopback("^x", "[fe80::1]"), "x:1", "[fe80::1]:1", "v6")
        acts(rule.loopback("^x", "other"), "x:1", "other:1", "default")
    end)
end)

test("loopback neither counts nor authenticates again", function()
    with_tables(function()
        local before = { num_requests, num_authorized }
        acts(rule.loopback("^x", "name"), "x:1", "named:1")
        eq({ num_requests, num_authorized }, before)
    end)
end)

test("loopback without a ruleset rejects", function()
    local kept = _G.ruleset
    _G.ruleset = nil
    local ok, got = pcall(function() return table.pack(rule.loopback("a", "b")("a:1")) end)
    _G.ruleset = kept
    eq(ok, true)
    returns(got, nil)
end)

test("rules that lead back to themselves are an error, not an endless loop", function()
    check.with(_G, {
        ruleset = {},
        redirect_name = { { match.any(), rule.loopback("a", "a") } },
    }, function()
        raises("stack overflow", require("libruleset").decide.resolve, "a:1")
    end)
    check.with(_G, { route_default = { rule.default() } }, function()
        raises("stack overflow", require("libruleset").decide.resolve, "a:1")
    end)
end)

test("default takes the default route", function()
    with_tables(function() acts(rule.default(), "a:1", "a:1", "default") end)
    check.with(_G, { route_default = { rule.redirect("d:1"), "tag" }, recent_events =
        rlist:new(5) }, function()
        acts(rule.default(), "a:1", "d:1")
        eq(recent_events:get(1).msg, "[tag] \"a:1\"")
    end)
end)

test("default without a default route is direct", function()
    local kept = _G.route_default
    _G.route_default = nil
    acts(rule.default(), "a:1", "a:1")
    _G.route_default = {}
    acts(rule.default(), "a:1", "a:1")
    _G.route_default = kept
end)
