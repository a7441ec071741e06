-- A peer of 1.4.2: peer_1_4_2(world, name, hosts, conns). It works when told to: node.round(ttl).

local peers = require("agent_sim.peers")

-- Integers and strings only; an entry has hosts and an integer timestamp, and nothing else.
local function check_plain(e)
    for key, value in pairs(e) do
        assert(key == "hosts" or key == "timestamp", "1.4.2 got a field " .. tostring(key))
        if key == "timestamp" then assert(math.type(value) == "integer", "float timestamp") end
    end
end

return function(world, name, hosts, conns)
    local node = world:node(name)
    node.old, node.peerdb, node.conninfo = true, {}, {}
    local call = peers.rpc_client(node)

    local function now() return math.floor(world.clock) end
    local function publish() node.peerdb[name] = { hosts = hosts, timestamp = now() } end
    publish()

    local function merge(from, theirs)
        for peer, e in pairs(theirs) do
            check_plain(e)
            local known = node.peerdb[peer]
            local valid = e.timestamp <= now() + 600 and e.timestamp >= now() - 3600
            if peer == from or valid and (not known or e.timestamp > known.timestamp) then
                assert(peer ~= name, "1.4.2 was told about itself")
                node.peerdb[peer] = e
            end
        end
    end

    -- The best connection that leads to a peer, and the route.
    local function best(peer)
        local found
        for id, ways in pairs(node.conninfo) do
            local way = ways[peer]
            if way and (not found or way.rtt < found.rtt) then
                found = { route = way.route, rtt = way.rtt, conn = conns[id] }
            end
        end
        return found
    end

    node.env.rpc = {}
    function node.env.rpc.sync(from, theirs)
        if type(from) == "string" and type(theirs) == "table" then merge(from, theirs) end
        return name, node.peerdb
    end
    function node.env.rpc.probe(peer, ttl)
        if type(peer) ~= "string" or math.type(ttl) ~= "integer" or ttl > 16 then
            error("invalid argument", 0)
        end
        if peer == name then return { name } end
        ttl = ttl - 1
        if ttl < 1 then error("ttl expired in transit", 0) end
        local way = best(peer)
        if not way or #way.route > ttl then
            error(("%q->%q: peer not reachable"):format(name, peer), 0)
        end
        local ok, route = call(way.conn, "probe", peer, ttl)
        if not ok then error(route, 0) end
        route[#route + 1] = name
        return route
    end

    function node.sync_all()
        publish()
        for id, conn in pairs(conns) do
            local ok, peer, theirs = call(conn, "sync", name, node.peerdb)
            assert(ok, peer)
            assert(type(peer) == "string" and type(theirs) == "table", "ends the loop of 1.4.2")
            node.conninfo[id] = { [peer] = { route = { peer }, rtt = math.huge } }
            merge(peer, theirs)
        end
    end
    function node.probe_all(ttl)
        for peer in pairs(node.peerdb) do
            for id, conn in pairs(peer ~= name and conns or {}) do
                local began = world.clock
                local ok, route = call(conn, "probe", peer, ttl or 2)
                node.conninfo[id][peer] = ok and { route = route, rtt = world.clock - began } or nil
                if not ok then node.log[#node.log + 1] = "probe failed: " .. route end
            end
        end
    end
    function node.round(ttl)
        node.env.neosocksd.async(function(ok, err) assert(ok, err) end, function()
            node.sync_all()
            node.probe_all(ttl)
        end)
    end

    local function owner(host)
        for peer, e in pairs(node.peerdb) do
            if peers.set_of(e.hosts)[host] then return peer end
        end
    end
    peers.relaying(node, peers.set_of(hosts), function(host)
        local way = best(owner(host))
        if way then return way.route, way.conn end
    end, function(peer)
        local way = best(peer)
        return way and #way.route == 1 and way.conn
    end, owner)
    return node
end
