-- agent: a node of a mesh. Peers find each other, exchange which hosts they serve and how they are
-- connected, and relay requests for X.internal to the node that serves X. docs/agent.md is the
-- guide for operators.
--
--     _G.agent = require("agent")
--     agent.peername, agent.hosts = "peer1", { "svc1" }
--     agent.conns = { { "socks5://192.0.2.2:1080" } }
--
-- The parts, each in a file of its own below agent/:
--     entry      what is believed of other nodes' data, and how much of it is kept
--     peerdb     the database of peers, and how two of them become equal
--     link       one connection: which generation the peer speaks, round trip times
--     routes     which way leads to which peer
--     rules      names of the mesh, and the decisions they lead to
--     handlers   what other nodes may ask: rpc.probe, rpc.sync
--     node       the own entry, and a round over all connections
--
-- This file is the public face: knobs, the loop, statistics, and reloading. The agent table stays
-- the same over a reload (/ruleset/update?module=agent), so that rules made before call what is
-- there after, and knobs need no copying. A part that was posted on its own, by
-- module=agent.NAME, comes into use with the next reload of this file.
--
-- Whether to relay for others, when the operator does not say (relay_cost = nil), differs between
-- the generations: 1.4.2 relays as soon as it has a name, HEAD refuses. The rules tell which of the
-- two a configuration was written for: rule.agent() exists in 1.4.2 only, `agent.chain` in HEAD
-- only. Who uses rule.agent() relays, for free; who uses the chain does not; and a number, or
-- false to refuse, settles it in either.

local previous = type(_G.agent) == "table" and _G.agent or package.loaded["agent"]
previous = type(previous) == "table" and previous or nil

require("libruleset")

-- The parts are read from their files with each load, except those that were posted since.
local PARTS = { "entry", "peerdb", "routes", "link", "rules", "handlers", "node" }
local used = previous and previous.parts or {}
for _, name in ipairs(PARTS) do
    local module = "agent." .. name
    if used[name] ~= nil and package.loaded[module] == used[name] then
        package.loaded[module] = nil
    end
end
local parts = {}
for _, name in ipairs(PARTS) do parts[name] = require("agent." .. name) end
local rules, handlers, link = parts.rules, parts.handlers, parts.link

local agent = previous or {}
if agent.stop then agent.stop() end
agent.parts = parts

-- Knobs and constants that the operator has not set. The constants are seconds where nothing else
-- is said, and the same as HEAD's, so that mixed networks settle at one pace.
setmetatable(agent, {
    __index = {
        probettl = 2, -- hops to which peers of 1.4.2 are asked for ways
        verbose = false, -- log every routed request
        api_endpoint = "127.0.0.1:9080", -- own REST API, for the chain

        BOOTSTRAP_DELAY = 10, -- before the first round: the listeners of a whole mesh come up
        PROBE_INTERVAL_MIN = 10, -- after any change
        PROBE_INTERVAL_ACTIVE = 60, -- at most, while requests are routed
        PROBE_INTERVAL_MAX = 600, -- while nothing happens
        PROBE_BACKOFF = 1.5, -- from one interval to the next
        PROBE_JITTER = 0.1, -- share of it, so that nodes do not fall into step
        CONN_FAILURE_LIMIT = 2, -- misses in a row that end a connection
        RTT_WINDOW = 600, -- the smallest round trip time of this period counts
        ROUTE_HYSTERESIS = 0.2, -- share by which another connection must be faster
        PEERDB_EXPIRY_TIME = 3600, -- life of an entry since its peer was last heard of, plus
        PEERDB_EXPIRY_TOLERANCE = 600, -- what clocks may differ
        API_ENDPOINT = "api.neosocksd.internal:80",
        INTERNAL_DOMAIN = rules.INTERNAL_DOMAIN,
        RELAY_DOMAIN = rules.RELAY_DOMAIN,
    },
})
agent.conns = agent.conns or {}
agent.hosts = agent.hosts or {}
agent.conn_state = type(agent.conn_state) == "table" and agent.conn_state or {}

_G.peerdb = parts.peerdb.adopt(type(_G.peerdb) == "table" and _G.peerdb or {}, neosocksd.now())
_G.conninfo = type(_G.conninfo) == "table" and _G.conninfo or setmetatable({}, { __mode = "k" })

local node = parts.node.new(agent)

-- The loop ----------------------------------------------------------------------------------------

local function dial_failures()
    local stats = neosocksd.stats()
    return (stats.num_reject_upstream or 0) + (stats.num_reject_timeout or 0)
end

-- Sleeps in slices, and ends with the slice in which somebody wakes us or sets a knob. Never for
-- no time at all, whatever the constants say: the loop would not let go of the VM.
local SHORTEST_PAUSE = 0.02

local function pause(seconds)
    seconds = math.max(seconds, SHORTEST_PAUSE)
    local function knobs()
        return table.pack(agent.peername, agent.conns, agent.hosts, agent.relay_cost)
    end
    local before = knobs()
    local function is_disturbed()
        local now = knobs()
        for i = 1, before.n do
            if not rawequal(now[i], before[i]) then return true end
        end
        return node.woken or node.stopped
    end
    while seconds > 0 and not node.stopped do
        local slice = math.min(seconds, math.max(agent.PROBE_INTERVAL_MIN, SHORTEST_PAUSE))
        await.sleep(slice)
        seconds = seconds - slice
        if is_disturbed() then return end
    end
end

-- One round of the loop; only in a routine. A second one at the same time would be of no use.
function agent.maintenance()
    if node.stopped or node.busy then return end
    node.busy, node.woken, node.missed = true, false, false
    node:protect("round", node.round, node)
    node.busy = false
end

local function next_interval(interval, failures)
    local eager = node.changed or node.missed or node.used and dial_failures() > failures
    interval = math.min(interval * agent.PROBE_BACKOFF, agent.PROBE_INTERVAL_MAX)
    if node.used then interval = math.min(interval, agent.PROBE_INTERVAL_ACTIVE) end
    if eager then interval = agent.PROBE_INTERVAL_MIN end
    node.changed, node.used = false, false
    return interval
end

local function step()
    local failures = dial_failures()
    agent.maintenance()
    agent.interval = next_interval(agent.interval or agent.PROBE_INTERVAL_MIN, failures)
    local jitter = agent.PROBE_JITTER * (2 * math.random() - 1)
    pause(agent.interval * (1 + jitter))
end

local function main_loop()
    await.sleep(0) -- the ruleset sets constants after require() has returned
    node:protect("start", function() await.sleep(agent.BOOTSTRAP_DELAY) end)
    agent.interval = agent.PROBE_INTERVAL_MIN
    while not node.stopped do
        -- A constant that is no number must not end the loop for ever.
        if not node:protect("loop", step) then await.sleep(10) end
    end
end

-- Ends the loop; calls that are on their way end with "cancelled", and other nodes get no answers.
function agent.stop()
    node.stopped = true
end

-- Asks for a round soon.
function agent.wake()
    node:wake()
end

-- Rules -------------------------------------------------------------------------------------------

-- Rules keep these functions for longer than this file is loaded: they find the present ones in
-- the agent table.
function agent.matches(addr) return rules.matches(node, addr) end
function agent.act(addr) return rules.act(node, addr) end
function agent.dispatch(addr) return rules.dispatch(node, addr) end

function match.agent()
    return function(addr) return agent.matches(addr) end
end

function rule.agent()
    agent.uses_rule_agent = true
    return function(addr) return agent.act(addr) end
end

agent.chain = { { function(addr) return agent.dispatch(addr) end } }

-- The proxies that lead to `uri` and itself, the last one first.
function agent.expand(uri) return rules.expand(node, uri) end

-- An action: through proxies of which the first stands in the mesh, socks5://X.internal:1080.
function agent.proxy(uri, ...)
    local rest = list:new({ ... }):reverse():totable()
    return function(addr)
        local chain, mesh = table.move(rest, 1, #rest, 1, {}), agent.expand(uri)
        table.move(mesh, 1, #mesh, #chain + 1, chain)
        return addr, table.unpack(chain)
    end
end

-- Calls rpc.FUNC(...) of the node whose listener is `uri`, which may stand in the mesh.
function agent.rpcall(uri, func, ...)
    return await.rpcall({ agent.API_ENDPOINT, table.unpack(agent.expand(uri)) }, func, ...)
end

function rpc.probe(...) return handlers.probe(node, ...) end
function rpc.sync(...) return handlers.sync(node, ...) end

-- Statistics --------------------------------------------------------------------------------------

local function title()
    local words = { "> Peers" }
    if node:name() then words[#words + 1] = ("(self=%q)"):format(node:name()) end
    local cost = node:relay_cost()
    words[#words + 1] = cost and ("relay_cost=%g"):format(cost) or "norelay"
    words[#words + 1] = ("probe=%.0fs"):format(agent.interval or agent.BOOTSTRAP_DELAY)
    return table.concat(words, " ")
end

function agent.stats()
    if node.stopped then return "" end
    local names, lines = {}, { title() }
    for name in next, node.db do
        if name ~= node:name() then names[#names + 1] = name end
    end
    table.sort(names)
    local peers = node:routes().peers
    for _, name in ipairs(names) do
        local way = peers[name]
        local text = "(unreachable)"
        if way then
            text = ("[%s] %4.0fms %s"):format(way.conn, way.rtt * 1e3, link.arrows(way.route))
        end
        local heard = format_timestamp(node.db[name].timestamp)
        lines[#lines + 1] = ("%-16s: %s %s"):format(("%q"):format(name), heard, text)
    end
    return table.concat(lines, "\n")
end

async(main_loop)

return agent
