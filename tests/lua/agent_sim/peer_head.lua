-- A peer of HEAD: peer_head(world, name, hosts, conns, relay_cost). It works when told to:
-- node.round().

local peers = require("agent_sim.peers")

local function check_entry(e)
    assert(math.type(e.version) == "integer" and type(e.timestamp) == "number", "incomplete")
    for _, host in ipairs(e.hosts) do assert(type(host) == "string") end
    for _, conn in pairs(e.conns) do assert(conn.peername and conn.rtt) end
end

return function(world, name, hosts, conns, relay_cost)
    local node = world:node(name)
    node.hides_errors, node.peerdb, node.links = true, {}, {}
    local call, db = peers.rpc_client(node, true), node.peerdb
    local function publish()
        db[name] = { version = (db[name] and db[name].version or 0) + math.floor(world.clock),
            timestamp = world.clock, hosts = hosts, conns = node.links, relay_cost = relay_cost }
    end
    publish()
    local function digest()
        local d = {}
        for peer, e in pairs(db) do d[peer] = { v = e.version, t = e.timestamp } end
        return d
    end
    local function apply(delta)
        for peer, e in pairs(delta) do
            check_entry(e)
            local known = db[peer]
            if peer ~= name and (not known and world.clock - e.timestamp <= 4200
                or known and (e.version > known.version
                    or e.version == known.version and e.timestamp > known.timestamp)) then
                db[peer] = e
            end
        end
    end

    node.env.rpc = {}
    function node.env.rpc.probe(from, theirs)
        for peer, item in pairs(theirs) do -- an error unless it is a table
            local e = db[peer]
            if e and peer ~= name and peer ~= from and item.t > e.timestamp then
                e.timestamp = math.min(item.t, world.clock)
            end
        end
        return name, digest()
    end
    function node.env.rpc.sync(from, theirs, delta)
        if type(delta) == "table" and type(from) == "string" then apply(delta) end
        local answer = {}
        for peer, e in pairs(db) do
            if not theirs[peer] or e.version >= theirs[peer].v then answer[peer] = e end
        end
        return name, answer
    end

    function node.round_now()
        for id, conn in pairs(conns) do
            local began = world.clock
            local ok, peer, theirs = call(conn, "probe", name, digest())
            if ok then
                assert(type(theirs) == "table", "no digest")
                if not node.links[id] then
                    node.links[id] = { peername = peer, rtt = world.clock - began }
                    publish()
                end
                local delta, behind = {}, false
                for other, e in pairs(db) do
                    if not theirs[other] or e.version > theirs[other].v then delta[other] = e end
                end
                for other, item in pairs(theirs) do
                    local is_news = not db[other] or item.v > db[other].version
                    behind = behind or other ~= name and is_news
                end
                if behind or next(delta) then
                    local done, from, answer = call(conn, "sync", name, digest(), delta)
                    assert(done, from)
                    apply(answer)
                end
            else
                node.log[#node.log + 1] = "probe miss: " .. tostring(peer)
            end
        end
    end
    function node.round()
        node.env.neosocksd.async(function(ok, err) assert(ok, err) end, node.round_now)
    end

    -- Breadth first over the advertised connections; good enough for nodes that cost the same.
    local function search(goal)
        local ways = {}
        for id, state in pairs(node.links) do
            ways[#ways + 1] = { route = { state.peername }, conn = conns[id] }
        end
        local seen = { [name] = true }
        while #ways > 0 do
            local way = table.remove(ways, 1)
            local peer = way.route[1]
            if peer == goal then return way.route, way.conn end
            local e = db[peer]
            if e and not seen[peer] and e.relay_cost then
                for _, conn in pairs(e.conns) do
                    local route = { conn.peername, table.unpack(way.route) }
                    ways[#ways + 1] = { route = route, conn = way.conn }
                end
            end
            seen[peer] = true
        end
    end
    local function owner(host)
        for peer, e in pairs(db) do
            if peers.set_of(e.hosts)[host] then return peer end
        end
    end
    local function where(host) return search(owner(host)) end
    peers.relaying(node, peers.set_of(hosts), where, function(peer)
        assert(relay_cost, "relay disabled")
        for id, state in pairs(node.links) do
            if state.peername == peer then return conns[id] end
        end
    end, owner)
    return node
end
