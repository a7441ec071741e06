-- agent.node: this node, from one load of agent.lua to the next.
--
-- It ties the parts together: the knobs, which live in the agent table and may change at any time,
-- the peer database, the connections and the routes. After stop() it is an empty shell: calls that
-- are still on their way end with "cancelled", and nothing they bring is used.

local entry = require("agent.entry")
local link = require("agent.link")
local peerdb = require("agent.peerdb")
local routes = require("agent.routes")

local node = {}
node.__index = node

-- A round trip time is published anew when it has changed by this share, and by this many seconds:
-- between neighbours in one room, noise is a large share of nearly nothing.
local RTT_CHANGE, RTT_NOISE = 0.2, 0.001

function node.new(agent)
    return setmetatable({
        agent = agent,
        db = _G.peerdb,
        links = agent.conn_state,
        stopped = false,
        changed = false, -- others should hear of it soon
        missed = false, -- a connection has failed in this round
        used = false, -- requests have been routed since the last round
        woken = false, -- the pause is over
        stale = true, -- the routes must be computed anew
    }, node)
end

function node:now()
    return neosocksd.now()
end

-- Own name, or nil: a leaf, which uses the mesh but is no part of it.
function node:name()
    return entry.name(self.agent.peername)
end

-- What relaying for others costs; nil: refused. See agent.lua for the default.
function node:relay_cost()
    local cost = self.agent.relay_cost
    if not self:name() then return nil end
    if cost == nil then return self.agent.uses_rule_agent and 0 or nil end
    return entry.finite(cost) and cost >= 0 and cost or nil
end

function node:serves(host)
    local key = host:lower()
    for _, own in ipairs(self.agent.hosts or {}) do
        if tostring(own):lower() == key then return true end
    end
    return false
end

-- The moment, as agent.peerdb wants it.
function node:at()
    return {
        db = self.db,
        self = self:name(),
        now = self:now(),
        expiry = self.agent.PEERDB_EXPIRY_TIME,
        tolerance = self.agent.PEERDB_EXPIRY_TOLERANCE,
    }
end

function node:wake()
    self.woken = true
end

function node:routes_changed()
    self.stale = true
end

function node:has_changed()
    self.changed, self.woken, self.stale = true, true, true
end

-- Computed when they are needed: many changes in a row cost one computation.
function node:routes()
    if self.stale then
        self.table = routes.build(
            self.db, self:name(), self.links, self.table, self.agent.ROUTE_HYSTERESIS)
        self.stale = false
    end
    return self.table
end

-- Calls rpc.FUNC(...) of the node at the end of a connection. true, results... or false, message.
function node:call(conn, func, ...)
    if self.stopped then return false, "cancelled" end
    local target = { self.agent.API_ENDPOINT }
    for i = #conn, 1, -1 do target[#target + 1] = conn[i] end
    local results = table.pack(pcall(await.rpcall, target, func, ...))
    if self.stopped then return false, "cancelled" end
    return table.unpack(results, results[1] and 2 or 1, results.n)
end

-- The own entry ----------------------------------------------------------------------------------

local function advertised_conns(self)
    local conns, count = {}, 0
    for id, state in next, self.links do
        local usable = math.type(id) == "integer" or type(id) == "string"
        if state.peername and state.rtt and count < entry.MAX_CONNS then
            count = count + 1
            conns[usable and id or tostring(id)] = { peername = state.peername, rtt = state.rtt }
        end
    end
    return conns
end

local function differs(a, b)
    if a.relay_cost ~= b.relay_cost or not entry.same_hosts(a, b)
        or not entry.same_conns(a, b) then
        return true
    end
    for id, conn in next, a.conns do
        local before = b.conns[id].rtt
        local change = math.abs(conn.rtt - before)
        if change > RTT_CHANGE * before and change > RTT_NOISE then return true end
    end
    return false
end

-- Brings the own entry up to date. A new version only when there is news: it travels to everybody.
function node:publish()
    local name, now = self:name(), self:now()
    if self.published and self.published ~= name then
        self.db[self.published] = nil -- renamed
        self:has_changed()
    end
    self.published = name
    if not name then return end
    local hosts = {}
    for _, host in ipairs(self.agent.hosts or {}) do hosts[#hosts + 1] = tostring(host) end
    local known = self.db[name]
    local e = {
        version = known and known.version or 0,
        timestamp = now,
        hosts = hosts,
        conns = advertised_conns(self),
        relay_cost = self:relay_cost(),
    }
    if not known or differs(e, known) then
        e.version = math.max(e.version + 1, math.floor(now))
        self.db[name] = e
        self:has_changed()
    else
        known.timestamp = now
    end
end

-- Others know us under a version above ours: from before our clock was set back, or another node
-- bears our name. What we publish would be ignored below it.
function node:outnumber(version)
    local name = self:name()
    local known = name and self.db[name]
    if not version or not known or version <= known.version then return end
    evlogf("agent: the peers know a later version of %q: "
        .. "the clock was set back, or another node has this name", name)
    known.version = version + 1
end

-- A round ----------------------------------------------------------------------------------------

local function visit(self, state)
    local ok, done, why = pcall(link.exchange, self, state)
    if not ok then done, why = false, done end
    if self.stopped then return end
    if done then
        ok, done, why = pcall(link.measure_all, self, state)
        if not ok then done, why = false, done end
        if self.stopped then return end
    end
    if not done then link.missed(self, state, why) end
    self:routes_changed()
end

-- What 1.4.2 keeps in _G.conninfo, for rulesets that look at it.
local function show(self, state)
    local ways = {}
    for name, way in next, state.routes do ways[name] = way end
    if state.peername and state.rtt then
        local now = math.floor(self:now())
        ways[state.peername] = { route = { state.peername }, rtt = state.rtt, timestamp = now }
    end
    _G.conninfo[state.conn] = ways
end

-- Every step is protected by itself: whatever a peer sends, the round goes on.
function node:protect(what, f, ...)
    local ok, err = pcall(f, ...)
    if not ok then evlogf("agent: %s: %s", what, tostring(err)) end
    return ok
end

local function is_chain(conn)
    if type(conn) ~= "table" or #conn == 0 then return false end
    for _, proxy in ipairs(conn) do
        if type(proxy) ~= "string" then return false end
    end
    return true
end

-- Talks to all peers over all connections, at the same time.
function node:round()
    local states, conns = {}, self.agent.conns or {}
    for id, conn in next, conns do
        if is_chain(conn) then
            states[#states + 1] = link.state(self.links, id, conn)
        else
            evlogf("agent: connection [%s] is no list of proxies", tostring(id))
        end
    end
    for id in next, self.links do
        if conns[id] == nil then self.links[id] = nil end
    end
    self:routes_changed()
    self:protect("publish", self.publish, self)
    local visits = {}
    for i, state in ipairs(states) do visits[i] = async(visit, self, state) end
    for i, state in ipairs(states) do
        local ok, err = visits[i]:get()
        if not ok then evlogf("agent: [%s] %s", state.id, tostring(err)) end
    end
    if self.stopped then return end
    for _, state in ipairs(states) do show(self, state) end
    self:protect("expire", function()
        if peerdb.expire(self:at()) then self:has_changed() end
    end)
    self:protect("publish", self.publish, self)
    if self.agent.on_updated then self:protect("on_updated", self.agent.on_updated) end
end

return node
