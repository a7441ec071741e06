-- What the cases share: connections, a line of three nodes, and what becomes of a request.

local peers = require("agent_sim.peers")

local mesh = {}

function mesh.to(...)
    local chain = {}
    for i, name in ipairs { ... } do chain[i] = "socks5://" .. name .. ":1080" end
    return chain
end

-- peer1 - peer2 - peer3, each connected to its neighbours.
function mesh.line(world, style, costs)
    costs = costs or {}
    local nodes, to = {}, mesh.to
    for i, conns in ipairs { { to("peer2") }, { to("peer1"), to("peer3") }, { to("peer2") } } do
        local name = "peer" .. i
        nodes[i] = peers.ours(world, name, {
            peername = name, hosts = { name, "svc" .. i }, conns = conns, relay_cost = costs[i],
        }, style)
    end
    return table.unpack(nodes)
end

function mesh.expect_served(world, node, addr, owner, final, way)
    local at, got, actual = world:client(node, addr)
    equal(at, owner, got)
    equal(got, final)
    if way then equal(table.concat(actual, "\n"), table.concat(way, "\n")) end
end

function mesh.expect_refused(world, node, addr, text)
    local at, why = world:client(node, addr)
    equal(at, nil)
    if text then contains(why, text) end
end

return mesh
