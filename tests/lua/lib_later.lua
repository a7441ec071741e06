-- libruleset.md section 13: what came after 1.4.2, and what is ours.

local check = require("check")
local test, eq, returns = check.test, check.eq, check.returns

local ruleset = require("libruleset")

test("rule.maybe looks its action up at each request, and rejects until then", function()
    local t = {}
    local action = rule.maybe(t, "upstream")
    returns(table.pack(action("a:1")), nil)
    t.upstream = rule.proxy("p1", "p2")
    returns(table.pack(action("a:1")), "a:1", "p2", "p1")
    t.upstream = nil
    returns(table.pack(action("a:1")), nil)
end)

local function resolving(answer, f)
    check.with(await, { resolve = function(host)
        await.sleep(0)
        return answer[host]
    end }, f)
end

test("rule.resolve decides by the address of the name, and keeps the port", function()
    check.with(_G, {
        route = { { inet.subnet("10.0.0.0/8"), rule.proxy("v4") } },
        route6 = { { inet6.subnet("fe80::/10"), rule.proxy("v6") } },
        route_default = { rule.proxy("default") },
        recent_events = rlist:new(5),
    }, function()
        resolving({ four = "10.1.2.3", six = "fe80::1", other = "192.0.2.1" }, function()
            returns(table.pack(rule.resolve()("four:80")), "10.1.2.3:80", "v4")
            returns(table.pack(rule.resolve()("six:443")), "[fe80::1]:443", "v6")
            returns(table.pack(rule.resolve()("other:1")), "192.0.2.1:1", "default")
            returns(table.pack(rule.resolve()("nowhere:1")), nil)
            eq(recent_events:get(1).msg, "cannot resolve \"nowhere\"")
        end)
    end)
end)

test("regex.compat writes classes as POSIX does", function()
    eq(regex.compat([[^\d+\.\w*$]]), [=[^[0-9]+\.[_[:alnum:]]*$]=])
    eq(regex.compat([[\D\W\s\S]]), "[^0-9][^_[:alnum:]][[:space:]][^[:space:]]")
    eq(regex.compat("[\\d.-]x"), "[0-9.-]x")
    eq(regex.compat("[^\\w]\\d"), "[^_[:alnum:]][0-9]")
    eq(regex.compat([=[[]\d]\d]=]), "[]0-9][0-9]")
    eq(regex.compat([=[[[:alpha:]\d]\d]=]), "[[:alpha:]0-9][0-9]")
    eq(regex.compat([[\\d]]), [[\\d]])
    eq(regex.compat([=[\[\d\]\]]=]), [=[\[[0-9]\]\]]=])
    eq(regex.compat(""), "")
    eq(regex.compat([[a\]]), [[a\]])
    eq(regex.compat("[a"), "[a")
end)

test("match.regex understands them", function()
    eq(match.regex([[^ad\d+\.]])("ad42.example:80"), true)
    eq(match.regex([[^ad\d+\.]])("adx.example:80"), false)
    eq(match.regex({ [[\.(com|org):\d+$]] })("example.org:80"), true)
end)

test("decide is the bare decision", function()
    check.with(_G, {
        redirect_name = { { match.host("a"), rule.redirect("b:2") } },
        route = { { match.any(), rule.proxy("v4") } },
        route6 = { { match.any(), rule.proxy("v6") } },
    }, function()
        local before = { num_requests, num_authorized }
        returns(table.pack(ruleset.decide.resolve("a:1")), "b:2")
        returns(table.pack(ruleset.decide.route("10.0.0.1:1")), "10.0.0.1:1", "v4")
        returns(table.pack(ruleset.decide.route6("[::1]:1")), "[::1]:1", "v6")
        eq({ num_requests, num_authorized }, before)
    end)
end)

-- await.forward with scripted results; what it was called with.
local function forwarding(outcomes, f)
    local calls = {}
    check.with(await, { forward = function(...)
        calls[#calls + 1] = table.pack(...)
        local reason = outcomes[#calls]
        if reason then return false, reason end
        return true
    end }, f)
    return calls
end

test("failover tries chains in turn, in decision order", function()
    local calls = forwarding({ "connection failed", "timeout" }, function()
        eq(ruleset.failover("a:1", { { "p2", "p1" }, { "p3" }, {} }), true)
    end)
    eq(#calls, 3)
    returns(calls[1], "a:1", "p2", "p1")
    returns(calls[2], "a:1", "p3")
    returns(calls[3], "a:1")
end)

test("failover stops at the first success", function()
    local calls = forwarding({}, function()
        eq(ruleset.failover("a:1", { { "p1" }, { "p2" } }), true)
    end)
    eq(#calls, 1)
end)

test("failover is false if all fail", function()
    forwarding({ "x", "y" }, function()
        eq(ruleset.failover("a:1", { { "p1" }, {} }), false)
        eq(ruleset.failover("a:1", {}), false)
    end)
end)

test("rule.failover is an action, in connection order, and counts failures", function()
    check.with(_G, { recent_events = rlist:new(5) }, function()
        local chains = { { "p1", "p2" }, {} }
        local action = rule.failover(table.unpack(chains))
        local calls = forwarding({ "connection failed" }, function() action("a:1") end)
        eq(#calls, 2)
        returns(calls[1], "a:1", "p2", "p1")
        returns(calls[2], "a:1")
        eq(recent_events:get(1).msg, "failover: chain 1: connection failed")
        eq(chains, { { "p1", "p2" }, {} })
    end)
end)

test("the returned table has what a server asks for", function()
    for _, name in ipairs({ "resolve", "route", "route6", "tick", "stats", "failover" }) do
        eq(type(ruleset[name]), "function")
    end
end)
