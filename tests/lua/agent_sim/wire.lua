-- Cases: the bytes of the samples that were recorded from peers of 1.4.2 and of HEAD.

local mesh = require("agent_sim.mesh")
local peer_1_4_2 = require("agent_sim.peer_1_4_2")
local peers = require("agent_sim.peers")
local marshal = require("agent_sim.world").marshal

local to = mesh.to

local cases = {}

-- A text as it goes over the wire, executed by a node: what it answers.
local function ask(world, node, code)
    local text
    world:execute(node, code, function(_, answer) text = answer end)
    if not text then world:run(0.1) end
    return text
end

function cases.wire_samples_of_1_4_2(world)
    local node = peers.ours(world, "peer2", { peername = "peer2", hosts = { "peer2", "svc2" },
        conns = { to("peer1"), to("peer3") } }, "rules")
    local p1 = peer_1_4_2(world, "peer1", { "peer1", "svc1" }, { to("peer2") })
    peer_1_4_2(world, "peer3", { "peer3", "svc3" }, { to("peer2") })
    world:run(30)
    node.old = true -- marshalled as 1.4.2 does, to compare bytes; its marshal refuses floats
    equal(ask(world, node, 'return rpc.probe("peer3",02)'), 'return true,{"peer3","peer2",}')
    equal(ask(world, node, 'return rpc.probe("peer2",02)'), 'return true,{"peer2",}')
    equal(ask(world, node, 'return rpc.probe("peer3",01)'), 'return false,"ttl expired in transit"')
    equal(ask(world, node, 'return rpc.probe("x",02)'),
        [[return false,"\"peer2\"->\"x\": peer not reachable"]])
    equal(ask(world, node, 'return rpc.probe("x",017)'), 'return false,"invalid argument"')
    equal(ask(world, node, "return rpc.probe(nil,02)"), 'return false,"invalid argument"')
    local t = math.floor(world.clock)
    local answer = ask(world, node, ('return rpc.sync("peer1",{["peer1"]={["timestamp"]=0%d,'
        .. '["hosts"]={"peer1","svc1",},},["peer3"]={["timestamp"]=0%d,'
        .. '["hosts"]={"peer3","svc3",},},})'):format(t, t))
    local time3 = math.floor(node.env.peerdb.peer3.timestamp)
    equal(answer, ('return true,"peer2",{["peer2"]={["hosts"]={"peer2","svc2",},'
        .. '["timestamp"]=0%d,},["peer3"]={["hosts"]={"peer3","svc3",},["timestamp"]=0%d,},}')
        :format(t, time3))
    -- What we send to it: the same texts.
    node.old = false
    local sent = {}
    for _, call in ipairs(world.calls) do
        if call.to == "peer1" and call.from == "peer2" then sent[#sent + 1] = call.code end
    end
    local syncs = 0
    for _, code in ipairs(sent) do
        if code:find('^return rpc.sync%("peer2",') then
            syncs = syncs + 1
            lacks(code, "0x")
            lacks(code, "version")
            lacks(code, "conns")
        end
    end
    assert(syncs > 0)
    equal(#p1.log, 0)
end

function cases.wire_samples_of_head(world)
    local node = peers.ours(world, "peer1",
        { peername = "peer1", hosts = { "svc1" }, relay_cost = 0 }, "chain")
    world.clock = 0x1.ac0c782dfa9d7p+30
    local answer = ask(world, node, 'return rpc["probe"]("peer2",{["peer2"]={'
        .. '["t"]=0x1.ac0c782dfa9d7p+30,["v"]=1795366411,},})')
    equal(answer, 'return true,"peer1",{["peer1"]={["t"]=0x1.ac0c782dfa9d7p+30,'
        .. '["v"]=1795366411,},}')
    local entry = '{["timestamp"]=0x1.ac0c782dfa9d7p+30,["conns"]={["a"]={["peername"]="peer1",'
        .. '["rtt"]=0x1.b96c6a2ep-10,},},["hosts"]={"peer2","svc2",},["relay_cost"]=0,'
        .. '["version"]=1795366411,}'
    answer = ask(world, node, 'return rpc["sync"]("peer2",{["peer2"]={["t"]=0x1.ac0c782dfa9d7p+30,'
        .. '["v"]=1795366411,},},{["peer2"]=' .. entry .. ',})')
    equal(answer, 'return true,"peer1",{["peer1"]={["conns"]={},["hosts"]={"svc1",},'
        .. '["relay_cost"]=0,["timestamp"]=0x1.ac0c782dfa9d7p+30,["version"]=1795366411,},}')
    -- Taken in and handed on as it came.
    local same = assert(load("return " .. entry))()
    equal(marshal(false, node.env.peerdb.peer2), marshal(false, same))
end

return cases
