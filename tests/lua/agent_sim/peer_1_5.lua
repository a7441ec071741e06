-- A peer of 1.5 that only answers: peer_1_5(world, name, hosts).

local peers = require("agent_sim.peers")

return function(world, name, hosts)
    local node = world:node(name)
    node.peerdb = { [name] = { hosts = hosts, timestamp = world.clock, conns = {} } }
    node.env.rpc = {}
    function node.env.rpc.probe() return name end
    function node.env.rpc.sync(from, theirs)
        for peer, e in pairs(theirs) do
            assert(type(e.conns) == "table" or node.lenient, "an entry without connections")
            if peer ~= name then node.peerdb[peer] = e end
        end
        node.synced = from
        local answer = {}
        for peer, e in pairs(node.peerdb) do
            if not theirs[peer] or theirs[peer].timestamp ~= e.timestamp then answer[peer] = e end
        end
        return name, answer
    end
    peers.relaying(node, peers.set_of(hosts), function() end, function() end, function() end)
    return node
end
