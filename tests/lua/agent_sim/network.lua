-- Cases: how nodes of this program find and relay to each other.

local mesh = require("agent_sim.mesh")
local peers = require("agent_sim.peers")

local expect_served, expect_refused = mesh.expect_served, mesh.expect_refused
local line, to = mesh.line, mesh.to

local cases = {}

function cases.a_pair_discovers_each_other(world)
    local a = peers.ours(world, "peer1",
        { peername = "peer1", hosts = { "svc1" }, conns = { to("peer2") } })
    local b = peers.ours(world, "peer2",
        { peername = "peer2", hosts = { "svc2" }, conns = { up = to("peer1") } })
    expect_refused(world, a, "svc2.internal:80")
    world:run(9)
    equal(#world.calls, 0, "nothing is said before BOOTSTRAP_DELAY")
    world:run(21)
    expect_served(world, a, "svc2.internal:80", "peer2", "svc2.internal:80",
        { "peer1 svc2.internal:80", "peer2 svc2.internal:80" })
    expect_served(world, b, "svc1.internal:443", "peer1", "svc1.internal:443")
    equal(b.env.agent.conn_state.up.generation, "1.5.1")
    equal(a.env.conninfo[a.env.agent.conns[1]].peer2.route[1], "peer2")
    local title, line1 = a.env.agent.stats():match("^(.-)\n(.*)$")
    matches(title, '^> Peers %(self="peer1"%) relay_cost=0 probe=%d+s$')
    matches(line1, '^"peer2"         : %d+%-%d%d%-%d%dT%d%d:%d%d:%d%d%+00:00 %[1%]    2ms "peer2"$')
end

function cases.a_leaf_uses_the_mesh_and_is_not_told_of(world)
    local a = peers.ours(world, "leaf", { conns = { to("peer2") } })
    local b = peers.ours(world, "peer2", { peername = "peer2", hosts = { "svc2" } })
    world:run(30)
    expect_served(world, a, "svc2.internal:80", "peer2", "svc2.internal:80")
    for name in pairs(b.env.peerdb) do equal(name, "peer2") end
    local ok, err = pcall(a.env.rpc.probe, "peer2", {})
    equal(ok, false)
    equal(err, "peer is not available for relay")
    matches(a.env.agent.stats(), "^> Peers norelay probe=%d+s\n")
end

local function relay_both_ways(world, style, costs)
    local a, b, c = line(world, style, costs)
    world:run(60)
    expect_served(world, a, "svc3.internal:80", "peer3", "svc3.internal:80", {
        "peer1 svc3.internal:80", "peer2 svc3.relay.neosocksd.internal:80",
        "peer3 svc3.internal:80" })
    expect_served(world, c, "svc1.internal:80", "peer1", "svc1.internal:80", {
        "peer3 svc1.internal:80", "peer2 svc1.relay.neosocksd.internal:80",
        "peer1 svc1.internal:80" })
    expect_served(world, b, "svc3.internal:80", "peer3", "svc3.internal:80")
    return a, b, c
end

function cases.three_nodes_relay_both_ways(world) relay_both_ways(world, "rules") end

function cases.three_nodes_relay_by_the_chain(world)
    local a = relay_both_ways(world, "chain", { 1, 1, 1 })
    expect_refused(world, a, "nosuch.internal:80", "nosuch.internal: unknown host")
    expect_refused(world, a, "svc2.peer9.relay.neosocksd.internal:80",
        '"peer9": peer not reachable')
end

-- A configuration of HEAD refuses to relay unless it says otherwise.
function cases.the_chain_does_not_relay_by_default(world)
    local a, b = line(world, "chain")
    world:run(120)
    expect_refused(world, a, "svc3.internal:80", '"peer3": peer not reachable')
    expect_served(world, b, "svc3.internal:80", "peer3", "svc3.internal:80")
    expect_refused(world, b, "svc3.relay.neosocksd.internal:80", "relay disabled")
    contains(a.env.agent.stats(), "norelay")
    contains(a.env.agent.stats(), "(unreachable)")
end

-- ... and with rule.agent(), who says no is not used.
function cases.relay_cost_refuses_with_rules_too(world)
    local a, b = line(world, "rules", { nil, -1, nil })
    world:run(120)
    expect_refused(world, a, "svc3.internal:80", "rejected")
    expect_refused(world, b, "svc3.relay.neosocksd.internal:80", "rejected")
    local ok, err = pcall(b.env.rpc.probe, "peer3", 2)
    equal(ok, false)
    equal(err, '"peer2": relay disabled')
end

-- The table "Routing": names between X and the suffix are the hops left, the nearest last.
function cases.relay_names_carry_the_remaining_hops(world)
    for i = 1, 5 do
        local conns = {}
        if i > 1 then conns[#conns + 1] = to("peer" .. i - 1) end
        if i < 5 then conns[#conns + 1] = to("peer" .. i + 1) end
        peers.ours(world, "peer" .. i, { peername = "peer" .. i, hosts = { "svc" .. i },
            conns = conns, relay_cost = 0 }, "chain")
    end
    world:run(120)
    expect_served(world, world.nodes.peer1, "svc5.internal:7", "peer5", "svc5.internal:7", {
        "peer1 svc5.internal:7",
        "peer2 svc5.peer4.peer3.relay.neosocksd.internal:7",
        "peer3 svc5.peer4.relay.neosocksd.internal:7",
        "peer4 svc5.relay.neosocksd.internal:7",
        "peer5 svc5.internal:7" })
end

function cases.the_cheapest_way_wins_then_the_fastest(world)
    local function relay(name, cost)
        peers.ours(world, name, { peername = name, relay_cost = cost,
            conns = { to("start"), to("goal") } }, "chain")
    end
    relay("dear", 5)
    relay("cheap", 1)
    relay("slow", 1)
    world:delay("slow", "goal", 0.2)
    world:delay("cheap", "goal", 0.1)
    local names = { to("dear"), to("cheap"), to("slow") }
    local start = peers.ours(world, "start", { peername = "start", conns = names }, "chain")
    peers.ours(world, "goal", { peername = "goal", hosts = { "x" }, conns = names }, "chain")
    world:run(60)
    local _, _, way = world:client(start, "x.internal:1")
    equal(way[2], "cheap x.relay.neosocksd.internal:1")
    world:delay("start", "cheap", false)
    start.env.agent.conns = { to("dear"), to("slow") }
    world:run(60)
    _, _, way = world:client(start, "x.internal:1")
    equal(way[2], "slow x.relay.neosocksd.internal:1")
end

-- A connection may itself lead over several proxies; it is the same at the thousandth request.
function cases.connections_of_two_proxies_are_not_turned_around(world)
    local a = peers.ours(world, "peer1", { peername = "peer1", conns = { to("gate", "peer2") } })
    peers.ours(world, "gate", { peername = nil })
    peers.ours(world, "peer2", { peername = "peer2", hosts = { "svc2" } })
    world:run(30)
    for _ = 1, 5 do
        expect_served(world, a, "svc2.internal:80", "peer2", "svc2.internal:80", {
            "peer1 svc2.internal:80", "gate peer2:1080", "peer2 svc2.internal:80" })
    end
    equal(a.env.agent.conns[1][1], "socks5://gate:1080")
end

function cases.a_proxy_within_the_mesh(world)
    local a = line(world, "rules")
    world:run(60)
    local action = a.env.agent.proxy("socks5://me:pw@svc3.internal:1080", "http://far.example:8080")
    local decision = table.concat({ action("www.example.org:443") }, " ")
    equal(decision, "www.example.org:443 http://far.example:8080 "
        .. "socks5://me:pw@svc3.relay.neosocksd.internal:1080 socks5://peer2:1080")
    equal(table.concat({ a.env.agent.proxy("socks5://192.0.2.1:1080")("x:1") }, " "),
        "x:1 socks5://192.0.2.1:1080")
    local ok, err = pcall(a.env.agent.proxy("socks5://nosuch.internal:1"), "x:1")
    equal(ok, false)
    equal(err, "nosuch.internal: unknown host")
end

function cases.case_of_names_does_not_matter(world)
    local a = peers.ours(world, "a", { peername = "Alpha", conns = { to("b") } })
    peers.ours(world, "b", { peername = "Beta", conns = { to("a"), to("c") } })
    peers.ours(world, "c", { peername = "Gamma", hosts = { "Web" }, conns = { to("b") } })
    world:run(60)
    local at, final, way = world:client(a, "WEB.Internal:80")
    equal(at, "c")
    equal(final, "Web.internal:80", "spelt as the owner does")
    equal(way[2], "b Web.relay.neosocksd.internal:80")
    _, final = world:client(world.nodes.b, "WEB.RELAY.neosocksd.internal:80")
    equal(final, "Web.internal:80")
end

function cases.agent_rpcall_reaches_the_api_behind_a_proxy_of_the_mesh(world)
    local a = line(world, "rules")
    peers.ours(world, "svc3.internal", { peername = nil })
    local results
    world:run(60)
    a.env.await.rpcall = function(target, func, ...)
        results = table.concat(target, " ") .. " " .. func .. " " .. table.concat({ ... }, " ")
        return true
    end
    a.env.agent.rpcall("socks5://svc3.internal:1080", "echo", "hi")
    equal(results, "api.neosocksd.internal:80 socks5://svc3.relay.neosocksd.internal:1080 "
        .. "socks5://peer2:1080 echo hi")
end

return cases
