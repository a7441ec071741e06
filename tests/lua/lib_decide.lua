-- libruleset.md section 9: which table is asked when. The sample tables are those of the section.

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

local ruleset = require("libruleset")

local NAMES = { "redirect_name", "hosts", "redirect", "redirect6", "route", "route6",
    "route_default", "ruleset" }

-- Runs f with just these tables.
local function with_tables(tables, f)
    local kept = {}
    for _, name in ipairs(NAMES) do kept[name], _G[name] = _G[name], tables[name] end
    _G.ruleset = tables.ruleset or ruleset
    local ok, problem = pcall(f)
    for _, name in ipairs(NAMES) do _G[name] = kept[name] end
    if not ok then error(problem, 0) end
end

local function via(name)
    return rule.proxy("http://" .. name .. ":1")
end

local function decides(callback, addr, want, ...)
    returns(table.pack(callback(addr)), want, ...)
end

local SAMPLE = {
    redirect_name = { { match.host("r"), rule.redirect("redirect_name:1") } },
    hosts = { h = "1.2.3.4", alias = "other.name" },
    redirect = { { match.port(53), rule.redirect("redirect:1") } },
    route = { { inet.subnet("1.0.0.0/8"), via("route") } },
    route_default = { via("default") },
}

test("the samples", function()
    with_tables(SAMPLE, function()
        decides(ruleset.resolve, "r:1", "redirect_name:1")
        decides(ruleset.resolve, "h:80", "1.2.3.4:80", "http://route:1")
        decides(ruleset.resolve, "h:53", "redirect:1")
        decides(ruleset.resolve, "H:80", "1.2.3.4:80", "http://route:1")
        decides(ruleset.resolve, "alias:80", "other.name:80", "http://default:1")
        decides(ruleset.resolve, "1.1.1.1:80", "1.1.1.1:80", "http://route:1")
        decides(ruleset.resolve, "2.2.2.2:80", "2.2.2.2:80", "http://default:1")
        -- Names match in any case (section 12, Q6).
        decides(ruleset.resolve, "R:1", "redirect_name:1")
    end)
end)

test("without any table everything is direct", function()
    with_tables({}, function()
        decides(ruleset.resolve, "a:1", "a:1")
        decides(ruleset.resolve, "1.1.1.1:1", "1.1.1.1:1")
        decides(ruleset.resolve, "[::1]:1", "[::1]:1")
        decides(ruleset.route, "1.1.1.1:1", "1.1.1.1:1")
        decides(ruleset.route6, "[::1]:1", "[::1]:1")
    end)
end)

test("the first match wins", function()
    with_tables({
        redirect_name = { { match.host("b"), via("no") }, { match.any(), via("first") },
            { match.any(), via("second") } },
    }, function() decides(ruleset.resolve, "a:1", "a:1", "http://first:1") end)
end)

test("route: redirect sees text, route integers", function()
    local seen = {}
    with_tables({
        redirect = { { function(addr) seen[1] = addr return false end, via("no") } },
        route = { { function(ip) seen[2] = ip return false end, via("no") } },
        redirect6 = { { match.any(), via("no") } },
        route6 = { { match.any(), via("no") } },
        redirect_name = { { match.any(), via("no") } },
    }, function() decides(ruleset.route, "10.0.0.1:80", "10.0.0.1:80") end)
    eq(seen, { "10.0.0.1:80", 0x0A000001 })
end)

test("route6: redirect6 sees text, route6 two integers", function()
    local seen = {}
    with_tables({
        redirect6 = { { function(addr) seen[1] = addr return false end, via("no") } },
        route6 = { { function(a, b) seen[2], seen[3] = a, b return false end, via("no") } },
        redirect = { { match.any(), via("no") } },
        route = { { match.any(), via("no") } },
    }, function() decides(ruleset.route6, "[fe80::7]:80", "[fe80::7]:80") end)
    eq(seen, { "[fe80::7]:80", 0xFE80 << 48, 7 })
end)

test("a literal IPv6 address asked as a name goes through route6", function()
    with_tables({
        redirect6 = { { match.port(53), via("redirect6") } },
        route6 = { { inet6.subnet("fe80::/10"), via("route6") } },
    }, function()
        decides(ruleset.resolve, "[fe80::1]:80", "[fe80::1]:80", "http://route6:1")
        decides(ruleset.resolve, "[fe80::1]:53", "[fe80::1]:53", "http://redirect6:1")
    end)
end)

test("an IPv6 replacement gets its brackets", function()
    with_tables({
        hosts = { six = "fe80::1", bracketed = "[fe80::2]" },
        route6 = { { inet6.subnet("fe80::/10"), via("route6") } },
    }, function()
        decides(ruleset.resolve, "six:80", "[fe80::1]:80", "http://route6:1")
        decides(ruleset.resolve, "bracketed:80", "[fe80::2]:80", "http://route6:1")
    end)
end)

test("hosts are looked up once: a name goes to the default", function()
    with_tables({ hosts = { a = "b", b = "1.2.3.4" } }, function()
        decides(ruleset.resolve, "a:80", "b:80")
    end)
end)

test("redirect_name comes before hosts", function()
    with_tables({
        hosts = { a = "1.2.3.4" },
        redirect_name = { { match.host("a"), via("name") } },
    }, function() decides(ruleset.resolve, "a:80", "a:80", "http://name:1") end)
end)

test("a rule without action ends its table only", function()
    with_tables({
        redirect_name = { { match.host("a") }, { match.any(), rule.reject() } },
        hosts = { a = "1.2.3.4" },
        redirect = { { match.any(), nil, "tag" } },
        route = { { match.any() }, { match.any(), rule.reject() } },
        route_default = { via("default") },
    }, function()
        decides(ruleset.resolve, "a:80", "1.2.3.4:80", "http://default:1")
        decides(ruleset.resolve, "b:80", nil)
    end)
end)

test("a reject in a table is final", function()
    with_tables({
        redirect = { { match.port(25), rule.reject() } },
        route_default = { via("default") },
    }, function()
        decides(ruleset.route, "1.2.3.4:25", nil)
        decides(ruleset.route, "1.2.3.4:26", "1.2.3.4:26", "http://default:1")
    end)
end)

test("tags become events, with the address as it is then", function()
    with_tables({
        hosts = { h = "1.2.3.4" },
        redirect_name = { { match.host("n"), rule.direct(), "name" } },
        route = { { inet.subnet("1.0.0.0/8"), rule.direct(), "route" } },
        route6 = { { match.any(), rule.direct(), 6 } },
        route_default = { rule.direct(), "default" },
    }, function()
        check.with(_G, { recent_events = rlist:new(10) }, function()
            ruleset.resolve("n:1")
            ruleset.resolve("h:1")
            ruleset.resolve("[::1]:1")
            ruleset.resolve("x\"y:1")
            local seen = {}
            for i, event in recent_events:iter() do seen[i] = event.msg end
            eq(seen, { "[default] \"x\\\"y:1\"", "[6] \"[::1]:1\"", "[route] \"1.2.3.4:1\"",
                "[name] \"n:1\"" })
        end)
    end)
end)

test("errors of matchers and actions propagate", function()
    with_tables({ redirect_name = { { function() error("boom") end, rule.direct() } } }, function()
        raises("boom", ruleset.resolve, "a:1")
    end)
    with_tables({ route_default = { function() error("boom") end } }, function()
        raises("boom", ruleset.resolve, "a:1")
    end)
    with_tables({ redirect_name = { {} } }, function()
        raises("attempt to call", ruleset.resolve, "a:1")
    end)
end)

test("tables are read at each request", function()
    with_tables({}, function()
        decides(ruleset.resolve, "a:1", "a:1")
        _G.redirect_name = { { match.any(), rule.reject() } }
        decides(ruleset.resolve, "a:1", nil)
        _G.redirect_name = nil
        _G.route_default = { via("default") }
        decides(ruleset.resolve, "a:1", "a:1", "http://default:1")
    end)
end)

test("actions may await", function()
    with_tables({ route_default = { function(addr) await.sleep(0) return addr end } }, function()
        decides(ruleset.resolve, "a:1", "a:1")
    end)
end)

test("requests are counted", function()
    with_tables({ route_default = { rule.reject() } }, function()
        local requests, authorized = num_requests, num_authorized
        ruleset.resolve("a:1")
        ruleset.route("1.1.1.1:1")
        ruleset.route6("[::1]:1")
        eq({ num_requests - requests, num_authorized - authorized }, { 3, 3 })
    end)
end)
