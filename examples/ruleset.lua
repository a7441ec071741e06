-- Everything together: a node of a mesh of peers, a service with opening hours, regions, and
-- statistics of its own.
--
--     neosocksd -l 0.0.0.0:1080 --api 127.0.0.1:9080 -r ruleset.lua
--
-- The ruleset is a table of its own that inherits whatever it does not define from the library. So
-- it is a new library's functions that run once the library is replaced:
--
--     curl -T libruleset.lua 'http://127.0.0.1:9080/ruleset/update?module=libruleset'
--     curl -T ruleset.lua 'http://127.0.0.1:9080/ruleset/update?chunkname=%40ruleset.lua'

_G.libruleset = require("libruleset")

-- The mesh: who this node is, how it reaches others, what it serves. docs/ruleset.md tells more.
_G.agent = require("agent")
agent.peername = "peer0"
agent.conns = {
    -- A neighbour: its own listener.
    { "socks5://192.0.2.1:1080" },
    -- The same neighbour, another way.
    { "socks5://198.51.100.1:1080" },
    -- A neighbour behind another proxy. First hop first.
    { "http://192.0.2.8:8080", "socks5://203.0.113.1:1080" },
}
-- Others reach these as peer0.internal and db.internal.
agent.hosts = { "peer0", "db" }
-- Where this node's own API listens.
local API = "127.0.0.1:9080"

local ruleset = setmetatable({}, {
    __index = function(_, key)
        return _G.libruleset[key]
    end,
})

-- A matcher is any function. This one is true in office hours, and while `overtime` lasts:
--     curl -d '_G.ruleset.overtime = os.time() + 3600' http://127.0.0.1:9080/ruleset/invoke
local function office_hours()
    if ruleset.overtime and os.time() < ruleset.overtime then return true end
    local now = os.date("*t")
    local weekday = now.wday >= 2 and now.wday <= 6 -- Sunday is 1
    return weekday and now.hour >= 9 and now.hour < 18
end
-- A new ruleset keeps what the old one was told.
ruleset.overtime = _G.ruleset and rawget(_G.ruleset, "overtime")

-- An action that several rules use: through two proxies, first hop first.
local upstream = rule.proxy("socks5://203.0.113.10:1080", "http://198.51.100.20:8080")

_G.redirect_name = {
    -- The own API, under the name that peers use for it.
    { match.exact("api.neosocksd.internal:80"), rule.redirect(API) },
    -- Names of other peers, and what they ask this node to relay.
    { match.agent(), rule.agent() },
    -- The own services. The one with opening hours: a rule that does not match leaves the request
    -- to the rules behind it.
    { composite.allof({ match.exact("db.internal:5432"), office_hours }),
        rule.redirect("127.0.0.1:5432"), "db" },
    { match.exact("peer0.internal:22"), rule.redirect("127.0.0.1:22"), "ssh" },
    -- No other name of the mesh leaves this node.
    { match.domain(".internal"), rule.reject(), "internal" },
    -- What is near is reached directly.
    { match.domain({ ".example.com", ".example.net", "example.org" }), rule.direct() },
    { composite.maybe(_G, "biglist_name"), rule.direct(), "biglist" },
}

-- Names with addresses of their own, by region.
local HOSTS_EAST = { ["mirror.example"] = "192.0.2.10", ["cache.example"] = "192.0.2.11" }
local HOSTS_WEST = { ["mirror.example"] = "198.51.100.10", ["cache.example"] = "198.51.100.11" }
_G.hosts = os.getenv("REGION") == "west" and HOSTS_WEST or HOSTS_EAST

-- The service at its address, in the same hours. Its port is closed otherwise.
_G.redirect = {
    { composite.allof({ match.exact("192.0.2.32:5432"), office_hours }),
        rule.redirect("127.0.0.1:5432"), "db" },
    { match.exact("192.0.2.32:5432"), rule.reject(), "db closed" },
}
_G.redirect6 = {
    { composite.allof({ match.exact("[2001:db8::32]:5432"), office_hours }),
        rule.redirect("127.0.0.1:5432"), "db" },
    { match.exact("[2001:db8::32]:5432"), rule.reject(), "db closed" },
}

_G.route = {
    { inet.subnet({ "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3" }),
        rule.reject() },
    { inet.subnet({ "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16" }), rule.direct() },
    { composite.maybe(_G, "biglist"), rule.direct(), "biglist" },
}
_G.route6 = {
    -- With the IPv4 addresses that are written as IPv6 ones.
    { inet6.subnet({ "::/128", "::1/128", "fe80::/10", "ff00::/8", "::ffff:0:0/96" }),
        rule.reject() },
    { inet6.subnet("fc00::/7"), rule.direct() },
    { composite.maybe(_G, "biglist6"), rule.direct(), "biglist" },
}

_G.route_default = { upstream, "default" }

-- How long the rules take: the last thousand requests, kept when the ruleset is loaded again. The
-- clock is read before and after: time.measure() would forbid the rules to await.
_G.rule_seconds = rlist:check(_G.rule_seconds) or rlist:new(1000)

local function finish(began, ...)
    _G.rule_seconds:push(time.monotonic() - began)
    return ...
end

function ruleset.resolve(...)
    return finish(time.monotonic(), libruleset.resolve(...))
end

function ruleset.route(...)
    return finish(time.monotonic(), libruleset.route(...))
end

function ruleset.route6(...)
    return finish(time.monotonic(), libruleset.route6(...))
end

local function rule_times()
    local sorted = list:new()
    for _, seconds in _G.rule_seconds:iter() do sorted:insert(seconds) end
    if #sorted == 0 then return "Rule Time           : (no requests)" end
    sorted:sort()
    local function percentile(share)
        return sorted[math.max(1, math.ceil(#sorted * share))] * 1e6
    end
    return string.format("Rule Time           : P50=%.1fus P90=%.1fus P99=%.1fus MAX=%.1fus",
        percentile(0.50), percentile(0.90), percentile(0.99), percentile(1))
end

-- POST /stats?q=WORD shows this.
function ruleset.stats(dt, q)
    local w = list:new()
    w:insertf("Service             : %s", office_hours() and "open" or "closed")
    w:insert(rule_times())
    if q and q ~= "" then w:insertf("Query               : %q", q) end
    w:insert(libruleset.stats(dt))
    w:insert(agent.stats(dt))
    return w:concat("\n")
end

local function main()
    neosocksd.setinterval(60)
    logf("ruleset loaded, interpreter: %s", _VERSION)
    return ruleset
end

return main()
