-- agent.handlers: what other nodes may ask of this one, rpc.probe and rpc.sync. Three generations
-- call them by the same names; the types of the arguments tell them apart:
--
--                 1.4.2                          1.4.3, 1.5          1.5.1 and later
--     probe       (name, ttl) -> route           () -> own name      (name, digest) -> name, digest
--     sync        (name, db) -> name, db         the same, entries   (name, digest, delta)
--                                                with conns           -> name, delta
--
-- Answers to 1.4.2 hold strings, integers and plain entries only. A node without a name answers
-- nobody: its callers could make nothing of the answer.

local entry = require("agent.entry")
local link = require("agent.link")
local peerdb = require("agent.peerdb")

local handlers = {}

local function own_name(node)
    local self = not node.stopped and node:name()
    if not self then error("peer is not available for relay", 0) end
    return self
end

-- 1.4.2 asks which way leads to a name, and measures how long the answer takes. So each node on
-- the way asks the next one. The newest generation has no such question: the graph knows the way
-- behind such a neighbour, and calling it makes the time true at least up to there.
local function probe_route(node, name, ttl)
    local self = own_name(node)
    if type(name) ~= "string" or math.type(ttl) ~= "integer" or ttl > entry.MAX_HOPS then
        error("invalid argument", 0)
    end
    if name:lower() == self:lower() then return { self } end
    ttl = ttl - 1
    if ttl < 1 then error("ttl expired in transit", 0) end
    if not node:relay_cost() then error(("%q: relay disabled"):format(self), 0) end
    local routes = node:routes()
    local known = node.db[name] and name or routes.names[name:lower()]
    local way = known and routes.peers[known]
    if not way or #way.route > ttl then
        error(("%q->%q: peer not reachable"):format(self, name), 0)
    end
    local state = node.links[way.conn]
    local ok, answer, route
    if state.generation == "1.4.2" or way.measured then
        ok, answer = node:call(state.conn, "probe", known, ttl)
        route = ok and entry.route(answer, known, state.peername, self)
    else
        ok, answer = node:call(state.conn, "probe", self, {})
        route = ok and { table.unpack(way.route) }
    end
    if not ok then error(answer, 0) end
    if not route then
        error(("%q->%q: malformed answer"):format(self, link.arrows(way.route)), 0)
    end
    route[#route + 1] = self
    return route
end

local function probe_digest(node, from, digest)
    local self = own_name(node)
    node:publish()
    node:outnumber(peerdb.refresh(node:at(), digest, from))
    return self, peerdb.digest(node.db)
end

function handlers.probe(node, ...)
    local name, question = ...
    if select("#", ...) == 0 then return own_name(node) end
    if type(question) == "table" then return probe_digest(node, name, question) end
    return probe_route(node, name, question)
end

local function sync_versions(node, from, digest, delta)
    local self = own_name(node)
    if type(delta) == "table" and entry.name(from) then
        if peerdb.apply(node:at(), delta, from) then node:has_changed() end
    end
    node:publish()
    local known = type(digest) == "table" and digest or {}
    return self, peerdb.newer(node.db, known, from, true)
end

local function sync_unversioned(node, from, theirs)
    local self = own_name(node)
    local knows_conns = false
    if type(theirs) == "table" and entry.name(from) then
        if peerdb.merge(node:at(), theirs, from) then node:has_changed() end
        local own = rawget(theirs, from)
        knows_conns = type(own) == "table" and type(own.conns) == "table"
    end
    node:publish()
    if knows_conns then return self, peerdb.unversioned(node.db, from, theirs) end
    return self, peerdb.plain(node.db, from)
end

function handlers.sync(node, ...)
    if select("#", ...) >= 3 then return sync_versions(node, ...) end
    return sync_unversioned(node, ...)
end

return handlers
