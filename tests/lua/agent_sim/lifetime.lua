-- Cases: what time does to nodes of this program: losses, recoveries, reloads, expiry, intervals.

local mesh = require("agent_sim.mesh")
local peers = require("agent_sim.peers")

local expect_served, expect_refused = mesh.expect_served, mesh.expect_refused
local line, to = mesh.line, mesh.to

local cases = {}

function cases.a_lost_connection_comes_back(world)
    local a, b = line(world, "rules")
    world:run(60)
    world:delay("peer2", "peer3", false)
    world:run(700) -- nobody uses the mesh: the longest interval passes first
    contains(table.concat(b.log, "\n"), 'conn lost: [2] "peer3"')
    expect_refused(world, a, "svc3.internal:80")
    world:delay("peer2", "peer3", 0.001)
    expect_refused(world, b, "svc3.internal:80") -- this wakes the loop up
    world:run(30)
    expect_served(world, b, "svc3.internal:80", "peer3", "svc3.internal:80")
    expect_served(world, a, "svc3.internal:80", "peer3", "svc3.internal:80")
end

-- A peer that is down for days does not keep the rounds short.
function cases.a_dead_peer_is_asked_less_and_less(world)
    local a = peers.ours(world, "peer1", { peername = "peer1", conns = { to("peer2") } })
    world:run(3000)
    local before = #a.log
    world:run(6000)
    assert(#a.log - before <= 12, #a.log - before)
end

-- One miss is chance: the connection stays in use.
function cases.a_single_miss_does_not_end_a_connection(world)
    local a, b = line(world, "rules")
    world:run(60)
    b.up = false
    repeat
        world:run(0.1)
        local log = table.concat(a.log, "\n")
    until log:find("probe miss: [1] connection failed", 1, true)
    b.up = true
    expect_served(world, a, "svc3.internal:80", "peer3", "svc3.internal:80")
    world:run(30)
    lacks(table.concat(a.log, "\n"), "conn lost")
end

function cases.the_healthy_connection_of_two_is_used(world)
    local a = peers.ours(world, "peer1", { peername = "peer1", conns = {
        direct = to("peer2"), around = to("gate", "peer2") } })
    peers.ours(world, "gate", { peername = nil })
    peers.ours(world, "peer2", { peername = "peer2", hosts = { "svc2" } })
    world:run(30)
    local _, _, way = world:client(a, "svc2.internal:80")
    equal(#way, 2, "the direct one is faster")
    world:delay("peer1", "peer2", false)
    a.env.async(a.env.agent.maintenance)
    world:run(2)
    equal(a.env.agent.conn_state.direct.peername, "peer2", "not lost yet")
    _, _, way = world:client(a, "svc2.internal:80")
    equal(way[2], "gate peer2:1080")
end

function cases.a_silent_peer_delays_no_other(world)
    local a, b = line(world, "rules")
    world.broken.peer3 = "silent"
    world:run(30)
    expect_served(world, b, "svc1.internal:80", "peer1", "svc1.internal:80")
    expect_served(world, a, "svc2.internal:80", "peer2", "svc2.internal:80")
end

function cases.a_reload_keeps_knobs_rules_and_peers(world)
    local a, b, c = line(world, "rules", { nil, 3, nil })
    b.env.agent.PROBE_INTERVAL_MAX = 15
    b.env.agent.BOOTSTRAP_DELAY = 40
    world:run(60)
    local updated = 0
    b.env.agent.on_updated = function() updated = updated + 1 end
    b.reload()
    equal(b.env.agent.peername, "peer2")
    equal(b.env.agent.relay_cost, 3)
    equal(b.env.agent.PROBE_INTERVAL_MAX, 15)
    equal(b.env.agent, b.env.package.loaded.agent)
    -- Rules made before the reload still decide, with what was known before it.
    expect_served(world, a, "svc3.internal:80", "peer3", "svc3.internal:80")
    local before = #world.calls
    world:run(39)
    for i = before + 1, #world.calls do
        assert(world.calls[i].from ~= "peer2" or not world.calls[i].code:find("rpc"),
            "the old loop has ended")
    end
    world:run(120)
    assert(updated >= 1, "the new loop runs, and calls on_updated")
    expect_served(world, c, "svc1.internal:80", "peer1", "svc1.internal:80")
    equal(b.env.agent.uses_rule_agent, true)
end

function cases.stop_ends_calls_and_answers(world)
    local a, b = line(world, "rules")
    world:run(60)
    b.env.agent.stop()
    equal(b.env.agent.stats(), "")
    local ok, err = pcall(b.env.rpc.probe, "peer1", {})
    equal(err, "peer is not available for relay")
    local before = #world.calls
    world:run(1200)
    for i = before + 1, #world.calls do assert(world.calls[i].from ~= "peer2" or
        world.calls[i].code:find("not available", 1, true)) end
    assert(not ok and a)
end

function cases.stop_cancels_what_is_on_its_way(world)
    local _, b = line(world, "rules")
    world:run(60)
    local future = b.env.async(b.env.rpc.probe, "peer3", 2)
    b.env.agent.stop()
    world:run(1)
    local ok, err = future:get()
    equal(ok, false)
    equal(err, "cancelled")
end

-- What was measured with one node says nothing about the next one at the same address.
function cases.another_node_at_the_end_of_a_connection(world)
    local a = peers.ours(world, "peer1", { peername = "peer1", conns = { to("gate") } })
    peers.ours(world, "gate", { peername = "near", hosts = { "svc" } })
    world:run(60)
    world.nodes.gate.env.agent.stop()
    world:delay("peer1", "gate", 0.5)
    peers.ours(world, "gate", { peername = "far", hosts = { "svc" } })
    a.env.async(a.env.agent.maintenance)
    world:run(3)
    local state = a.env.agent.conn_state[1]
    equal(state.peername, "far")
    assert(state.rtt >= 1, state.rtt)
    expect_served(world, a, "svc.internal:80", "gate", "svc.internal:80")
end

function cases.a_silent_network_forgets_peers(world)
    local a, _, c = line(world, "rules")
    world:run(60)
    c.env.agent.stop()
    c.up = false
    world:run(3000)
    assert(a.env.peerdb.peer3, "entries live for more than an hour")
    world:run(1900)
    equal(a.env.peerdb.peer3, nil)
    contains(table.concat(a.log, "\n"), 'peer expired: "peer3" (time=-4')
end

function cases.knobs_take_effect_without_a_wait_for_the_longest_interval(world)
    local a, b = line(world, "rules")
    world:run(5000)
    b.env.agent.hosts = { "fresh" }
    world:run(40)
    assert(a.env.agent.matches("fresh.internal:80"), "within a slice or two")
end

function cases.intervals_grow_to_their_limit_and_shrink_with_use(world)
    local a = line(world, "rules")
    world:run(6000)
    equal(a.env.agent.interval, 600)
    world:client(a, "svc3.internal:80")
    a.env.agent.wake()
    world:run(15)
    assert(a.env.agent.interval <= 60, "routes are in use")
end

return cases
