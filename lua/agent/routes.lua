-- agent.routes: which way leads to which peer. A computation without side effects: the peer
-- database and the state of our connections go in, a table of routes comes out.
--
-- Newer peers advertise their connections, so their part of the network is a graph of which we
-- know every edge; Dijkstra's algorithm finds the way whose intermediate nodes charge least, and
-- among those the fastest. Peers of 1.4.2 advertise nothing, but answer which way leads from them
-- to a name; such measured ways (agent/link.lua) enter the computation as edges that start at us.
-- Both kinds compete, and a way may begin measured and go on advertised.
--
-- A route is a list of names from the destination to the first hop, as in 1.4.2.

local entry = require("agent.entry")

local routes = {}

-- The connection to use for each neighbour: healthy ones before those that have just failed, then
-- by round trip time. The one in use is kept unless another is clearly faster, so that traffic
-- does not flap between two that are nearly equal.
local function pick_connections(links, before, hysteresis)
    local chosen = {}
    local function better(a, b)
        if (a.misses > 0) ~= (b.misses > 0) then return b.misses > 0 end
        if a.rtt ~= b.rtt then return a.rtt < b.rtt end
        return tostring(a.id) < tostring(b.id)
    end
    for _, link in next, links do
        local name = link.peername
        if name and link.rtt and (not chosen[name] or better(link, chosen[name])) then
            chosen[name] = link
        end
    end
    local ids = {}
    for name, link in next, chosen do
        local kept = links[before[name]]
        if kept and kept.peername == name and kept.rtt and (kept.misses > 0) == (link.misses > 0)
            and link.rtt > kept.rtt * (1 - hysteresis) then
            link = kept
        end
        ids[name] = link.id
    end
    return ids
end

local function nearer(a, b)
    if a.cost ~= b.cost then return a.cost < b.cost end
    if a.rtt ~= b.rtt then return a.rtt < b.rtt end
    return #a.route < #b.route
end

-- What intermediate nodes of a measured way charge. 1.4.2 has no costs and relays for free.
local function measured_cost(db, route)
    local cost = 0
    for i = 2, #route do
        local e = db[route[i]]
        cost = cost + (e and e.relay_cost or 0)
    end
    return cost
end

local function extend(path, name)
    return { name, table.unpack(path.route) }
end

local function shortest(db, self, links, neighbours)
    local frontier, settled = {}, {}
    local function offer(name, path)
        if name == self or settled[name] or not db[name] then return end
        if not frontier[name] or nearer(path, frontier[name]) then frontier[name] = path end
    end
    for name, id in next, neighbours do
        offer(name, { route = { name }, cost = 0, rtt = links[id].rtt, conn = id })
    end
    for id, link in next, links do
        -- What was measured is as good as the connection to its first hop.
        for name, m in next, link.peername and link.routes or {} do
            if #m.route > 1 and m.rtt then
                local cost = measured_cost(db, m.route)
                offer(name, {
                    route = m.route, cost = cost, rtt = m.rtt, conn = id, measured = true,
                })
            end
        end
    end
    while true do
        local name, path
        for candidate, way in next, frontier do
            if not path or nearer(way, path)
                or not nearer(path, way) and candidate < name then -- order must not decide
                name, path = candidate, way
            end
        end
        if not name then return settled end
        frontier[name], settled[name] = nil, path
        local e = db[name]
        if e.relay_cost and entry.is_label(name) and #path.route < entry.MAX_HOPS then
            for _, conn in next, e.conns do
                local next_name = conn.peername
                if next_name ~= self and db[next_name] and not settled[next_name] then
                    offer(next_name, {
                        route = extend(path, next_name),
                        cost = path.cost + e.relay_cost,
                        rtt = path.rtt + conn.rtt,
                        conn = path.conn,
                    })
                end
            end
        end
    end
end

-- Which peer to ask for a host: one that can be reached, by the shortest way.
local function index_hosts(db, self, rank)
    local hosts = {}
    local names = {}
    for name in next, db do names[#names + 1] = name end
    table.sort(names) -- equal owners: always the same one
    for _, name in ipairs(names) do
        for _, host in ipairs(name ~= self and db[name].hosts or {}) do
            local key, way = host:lower(), rank(name)
            local best = hosts[key]
            if not best or way and (not best.way or nearer(way, best.way)) then
                hosts[key] = { peer = name, host = host, way = way }
            end
        end
    end
    return hosts
end

-- db: agent.peerdb's database. self: own name or nil. links[id] = { id, peername, rtt, misses,
-- routes }: state of the connections. before: the previous result, or nil. Returns
--     peers[name]       = { route, cost, rtt, conn = id, measured = true or nil }
--     neighbours[name]  = id of the connection to use
--     hosts[lower]      = { peer, host, way }: best owner of a host; way is nil if out of reach
--     near_hosts[lower] = the same among direct neighbours
--     names[lower]      = name
function routes.build(db, self, links, before, hysteresis)
    local neighbours = pick_connections(links, before and before.neighbours or {}, hysteresis)
    local peers = shortest(db, self, links, neighbours)
    local names = {}
    for name in next, db do
        local key = name:lower()
        if not names[key] or name < names[key] then names[key] = name end
    end
    local near = {}
    for name in next, neighbours do
        local e = db[name]
        if e and name ~= self then near[name] = e end
    end
    return {
        peers = peers,
        neighbours = neighbours,
        names = names,
        hosts = index_hosts(db, self, function(name) return peers[name] end),
        near_hosts = index_hosts(near, self, function(name)
            return { cost = 0, rtt = links[neighbours[name]].rtt, route = { name } }
        end),
    }
end

return routes
