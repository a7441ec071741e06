-- When a way out fails, take the next one: three ways to say so.
--
--     neosocksd -l 127.0.0.1:1080 --api 127.0.0.1:9080 -r failover.lua
--
-- A rule usually returns where the request goes, and the server dials when the rule has ended: too
-- late for the rule to do something about a failure. await.forward() dials while the rule still
-- runs. It returns true once the request is connected (what the rule returns then does not matter),
-- or false and a reason, and the rule goes on. A rule that ends without either is a rejection.

_G.libruleset = require("libruleset")

local GATEWAY = "socks5://203.0.113.10:1080"
local BACKUP = "http://198.51.100.20:8080"

-- 1. As an action: chains in connection order, {} is a direct connection. Failures become events.
local resilient = rule.failover({ GATEWAY }, { BACKUP }, {})

-- 2. By hand: with counters, and a rest for what has failed, so that a dead gateway does not cost
-- every request a timeout. Of the ways that rest, the last resort is still tried.
local REST_SECONDS = 30
local WAYS = {
    { name = "gateway", chain = { GATEWAY } },
    { name = "backup", chain = { BACKUP } },
    { name = "direct", chain = {} },
}
-- Kept when this file is loaded again.
_G.way_state = _G.way_state or {}

local function state_of(way)
    local state = _G.way_state[way.name]
    if not state then
        state = { used = 0, failed = 0, until_time = 0 }
        _G.way_state[way.name] = state
    end
    return state
end

local function by_hand(addr)
    local now = time.monotonic()
    for i, way in ipairs(WAYS) do
        local state = state_of(way)
        if state.until_time <= now or i == #WAYS then
            local ok, reason = await.forward(addr, table.unpack(way.chain))
            if ok then
                state.used, state.until_time = state.used + 1, 0
                return nil
            end
            state.failed, state.until_time = state.failed + 1, time.monotonic() + REST_SECONDS
            evlogf("%s: %s", way.name, reason)
        end
    end
    return nil -- reject
end

-- 3. Without await.forward: a routine asks the gateway from time to time, and the rules take the
-- way that it found last.
local PROBE_SECONDS = 60
_G.upstream = rule.proxy(GATEWAY)

local function probe()
    local alive = await.execute("curl -fsS -m 5 -o /dev/null -x " .. GATEWAY
        .. " http://www.example.com/") == true
    if alive == _G.gateway_alive then return end
    evlogf("gateway is %s", alive and "up" or "down")
    _G.gateway_alive = alive
    _G.upstream = rule.proxy(alive and GATEWAY or BACKUP)
end

_G.redirect_name = {
    { match.domain("one.example"), resilient },
    { match.domain("two.example"), by_hand },
    { match.domain("three.example"), rule.maybe(_G, "upstream") },
}
_G.route_default = { by_hand }

local ruleset = setmetatable({}, {
    __index = function(_, key)
        return _G.libruleset[key]
    end,
})

-- The library's function does without a rule table. Its chains are in decision order: last hop
-- first.
function ruleset.route6(addr)
    return libruleset.failover(addr, { { GATEWAY }, { BACKUP } })
end

local next_probe = 0
function ruleset.tick(now)
    libruleset.tick(now)
    if now >= next_probe then
        next_probe = now + PROBE_SECONDS
        async(probe)
    end
end

function ruleset.stats(dt)
    local w = list:new({ "> Ways out" })
    for _, way in ipairs(WAYS) do
        local state = state_of(way)
        w:insertf("%-8s            : %d used, %d failed", way.name, state.used, state.failed)
    end
    w:insert(libruleset.stats(dt))
    return w:concat("\n")
end

-- For Prometheus, at GET /metrics.
function ruleset.metrics()
    local w = list:new({ "# TYPE way_failures_total counter" })
    for _, way in ipairs(WAYS) do
        w:insertf("way_failures_total{way=%q} %d", way.name, state_of(way).failed)
    end
    return w:concat("\n") .. "\n"
end

neosocksd.setinterval(60)
logf("ruleset loaded, interpreter: %s", _VERSION)
return ruleset
