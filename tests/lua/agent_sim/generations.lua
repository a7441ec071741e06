-- Cases: networks in which nodes of 1.4.2, 1.5, HEAD and of this program live together.

local mesh = require("agent_sim.mesh")
local peer_1_4_2 = require("agent_sim.peer_1_4_2")
local peer_1_5 = require("agent_sim.peer_1_5")
local peer_head = require("agent_sim.peer_head")
local peers = require("agent_sim.peers")

local to = mesh.to

local cases = {}

local function ours(world, name, hosts, conns, more)
    local knobs = { peername = name, hosts = hosts, conns = conns, relay_cost = 0 }
    for key, value in pairs(more or {}) do knobs[key] = value end
    return peers.ours(world, name, knobs, "chain")
end

local function expect_served(world, node, addr, owner, way)
    mesh.expect_served(world, node, addr, owner, addr, way)
end

-- Old nodes have their rounds every ten minutes or more; here whenever we say so.
local function let_old_nodes_work(world, ...)
    for _ = 1, 3 do
        for _, node in ipairs { ... } do
            node.round()
            world:run(20)
        end
    end
    world:run(60)
end

function cases.a_pair_with_1_4_2(world)
    local new = ours(world, "new", { "svc1" }, { to("old") })
    local old = peer_1_4_2(world, "old", { "svc2" }, { to("new") })
    world:run(30)
    equal(new.env.agent.conn_state[1].generation, "1.4.2")
    expect_served(world, new, "svc2.internal:80", "old", { "new svc2.internal:80",
        "old svc2.internal:80" })
    let_old_nodes_work(world, old)
    expect_served(world, old, "svc1.internal:80", "new")
    contains(new.env.agent.stats(), '[1]    2ms "old"')
    equal(new.env.conninfo[new.env.agent.conns[1]].old.route[1], "old")
end

function cases.we_relay_between_two_of_1_4_2(world)
    local a = peer_1_4_2(world, "peer1", { "svc1" }, { to("peer2") })
    peers.ours(world, "peer2", { peername = "peer2", hosts = { "svc2" },
        conns = { to("peer1"), to("peer3") } }, "rules")
    local c = peer_1_4_2(world, "peer3", { "svc3" }, { to("peer2") })
    world:run(30)
    let_old_nodes_work(world, a, c)
    expect_served(world, a, "svc3.internal:80", "peer3", { "peer1 svc3.internal:80",
        "peer2 svc3.relay.neosocksd.internal:80", "peer3 svc3.internal:80" })
    expect_served(world, c, "svc1.internal:80", "peer1")
    expect_served(world, a, "svc2.internal:80", "peer2")
end

-- Nothing tells us what lies behind an old node but asking it.
function cases.one_of_1_4_2_relays_for_us(world)
    local a = ours(world, "peer1", { "svc1" }, { to("peer2") })
    local old = peer_1_4_2(world, "peer2", { "svc2" }, { to("peer1"), to("peer3") })
    local c = ours(world, "peer3", { "svc3" }, { to("peer2") })
    world:run(30)
    let_old_nodes_work(world, old)
    expect_served(world, a, "svc3.internal:80", "peer3", { "peer1 svc3.internal:80",
        "peer2 svc3.relay.neosocksd.internal:80", "peer3 svc3.internal:80" })
    expect_served(world, c, "svc1.internal:80", "peer1")
    contains(a.env.agent.stats(), '"peer2"->"peer3"')
    -- One unanswered question does not end it,
    local probe, failures = old.env.rpc.probe, 0
    old.env.rpc.probe = function(name, ttl)
        if name == "peer3" and failures == 0 then
            failures = 1
            error("busy", 0)
        end
        return probe(name, ttl)
    end
    repeat
        world:run(10)
        expect_served(world, a, "svc3.internal:80", "peer3")
    until failures > 0
    world:run(5)
    expect_served(world, a, "svc3.internal:80", "peer3")
    -- but when the way is gone, it is not used for long.
    world:delay("peer2", "peer3", false)
    world:run(1000)
    equal(world:client(a, "svc3.internal:80"), nil)
end

function cases.we_join_a_network_of_head(world)
    local a = peer_head(world, "peer1", { "svc1" }, { to("peer2") }, 1)
    local b = ours(world, "peer2", { "svc2" }, { to("peer1"), to("peer3") })
    local c = peer_head(world, "peer3", { "svc3" }, { to("peer2"), to("peer4") }, 1)
    local d = ours(world, "peer4", { "svc4" }, { to("peer3") })
    for _ = 1, 4 do
        a.round()
        c.round()
        world:run(20)
    end
    equal(b.env.agent.conn_state[1].generation, "1.5.1")
    expect_served(world, a, "svc4.internal:80", "peer4", { "peer1 svc4.internal:80",
        "peer2 svc4.peer3.relay.neosocksd.internal:80",
        "peer3 svc4.relay.neosocksd.internal:80", "peer4 svc4.internal:80" })
    expect_served(world, d, "svc1.internal:80", "peer1", { "peer4 svc1.internal:80",
        "peer3 svc1.peer2.relay.neosocksd.internal:80",
        "peer2 svc1.relay.neosocksd.internal:80", "peer1 svc1.internal:80" })
    expect_served(world, b, "svc3.internal:80", "peer3")
end

-- The two old generations do not understand each other; through us they reach each other.
function cases.we_relay_between_1_4_2_and_head(world)
    local old = peer_1_4_2(world, "old", { "svc1" }, { to("new") })
    local new = ours(world, "new", { "svc2" }, { to("old"), to("head") })
    local head = peer_head(world, "head", { "svc3" }, { to("new") }, 1)
    world:run(30)
    for _ = 1, 3 do
        head.round()
        let_old_nodes_work(world, old)
    end
    expect_served(world, old, "svc3.internal:80", "head", { "old svc3.internal:80",
        "new svc3.relay.neosocksd.internal:80", "head svc3.internal:80" })
    expect_served(world, head, "svc1.internal:80", "old", { "head svc1.internal:80",
        "new svc1.relay.neosocksd.internal:80", "old svc1.internal:80" })
    expect_served(world, new, "svc1.internal:80", "old")
    expect_served(world, new, "svc3.internal:80", "head")
    equal(#head.log + #old.log, 0)
end

-- With probettl = 3 a node of ours finds what lies behind old nodes at the other side of another.
function cases.three_hops_through_new_and_old(world)
    local a = ours(world, "a", {}, { to("b") }, { probettl = 3 })
    local b = ours(world, "b", {}, { to("a"), to("c") })
    local c = peer_1_4_2(world, "c", { "svc3" }, { to("b"), to("d") })
    local d = peer_1_4_2(world, "d", { "svc4" }, { to("c") })
    world:run(30)
    let_old_nodes_work(world, c, d)
    world:run(700)
    expect_served(world, b, "svc4.internal:80", "d")
    expect_served(world, a, "svc4.internal:80", "d", { "a svc4.internal:80",
        "b svc4.c.relay.neosocksd.internal:80", "c svc4.relay.neosocksd.internal:80",
        "d svc4.internal:80" })
    -- A node of HEAD does not know the question; it is put only once.
    local head = peer_head(world, "head", {}, { to("b") }, 1)
    a.env.agent.conns[2] = to("head")
    world:run(2000)
    world:delay("c", "d", false) -- now there is somebody to ask for, again and again
    world:run(2000)
    local asked = 0
    for _, call in ipairs(world.calls) do
        local is_question = call.code:find('rpc.probe%("[^"]*",%d')
        if call.to == head.name and is_question then asked = asked + 1 end
    end
    equal(asked, 1)
end

-- What an old node repeats of what it was told is older than what the node itself has numbered.
function cases.hearsay_displaces_no_version(world)
    local a = ours(world, "a", { "svc1" }, { to("old"), to("b") })
    local b = ours(world, "b", { "svc2" }, { to("a"), to("old") })
    local old = peer_1_4_2(world, "old", {}, { to("a"), to("b") })
    world:run(30)
    let_old_nodes_work(world, old)
    local e = a.env.peerdb.b
    assert(e.version > 1795366000 and e.conns[1] and e.relay_cost == 0)
    equal(next(a.env.peerdb.old.conns), nil)
    equal(b.env.peerdb.old.version, a.env.peerdb.old.version)
    -- Told outright, with a later time.
    local later = math.floor(world.clock)
    a.env.rpc.sync("old", { b = { hosts = { "lie" }, timestamp = later } })
    equal(a.env.peerdb.b, e)
    a.env.rpc.sync("old", { far = { hosts = { "x" }, timestamp = later - 5 } })
    equal(a.env.peerdb.far.version, 0)
    a.env.rpc.sync("old", { far = { hosts = { "y" }, timestamp = later } })
    equal(a.env.peerdb.far.version, 0)
    equal(a.env.peerdb.far.hosts[1], "y")
    local version = a.env.peerdb.old.version
    world:run(5) -- somebody else has heard of its new hosts
    later = math.floor(world.clock) + 1 -- a clock may differ by a second: that is now
    a.env.rpc.sync("third", { old = { hosts = { "new" }, timestamp = later } })
    equal(a.env.peerdb.old.version, version + 1)
    -- Its own news is numbered by whoever hears it, and arrives everywhere.
    old.peerdb.old = nil
    old.env.rpc.sync = function() -- it has new hosts now
        return "old", { old = { hosts = { "more" }, timestamp = math.floor(world.clock) } }
    end
    world:delay("b", "old", false)
    world:run(1500)
    assert(b.env.agent.matches("more.internal:1"))
end

function cases.the_generation_is_remembered_until_there_is_reason_to_ask(world)
    ours(world, "new", {}, { to("old") })
    peer_1_4_2(world, "old", {}, {})
    local function asked()
        local count = 0
        for _, call in ipairs(world.calls) do
            if call.to == "old" and call.code:find('rpc.probe("new"', 1, true) then
                count = count + 1
            end
        end
        return count
    end
    world:run(3000)
    equal(asked(), 1)
    world:run(1500)
    equal(asked(), 2, "once an hour")
    world:delay("new", "old", false)
    world:run(700)
    world:delay("new", "old", 0.001)
    local before = asked()
    world:run(700)
    equal(asked(), before + 1, "after a failure")
end

-- Neither when it was first heard of from others, which have spoken to it since.
function cases.a_peer_of_1_4_2_is_never_told_about_itself(world)
    local new = ours(world, "new", {}, { to("other") })
    ours(world, "other", {}, { to("old"), to("new") })
    peer_1_4_2(world, "old", { "svc2" }, {})
    world:run(100)
    assert(new.env.peerdb.old.timestamp > world.nodes.old.peerdb.old.timestamp)
    new.env.agent.conns = { to("other"), to("old") }
    world:run(100)
    expect_served(world, new, "svc2.internal:80", "old")
    lacks(table.concat(new.log, "\n"), "probe miss")
end

function cases.an_upgrade_to_1_5_shows_in_the_data(world)
    local new = ours(world, "new", {}, { to("old") })
    peer_1_4_2(world, "old", {}, {})
    world:run(100)
    peer_1_5(world, "old", { "svc2" }).lenient = true
    world:run(1500)
    equal(new.env.agent.conn_state[1].generation, "1.5")
end

function cases.an_upgraded_peer_is_noticed(world)
    local new = ours(world, "new", { "svc1" }, { to("old") })
    peer_1_4_2(world, "old", { "svc2" }, {})
    world:run(100)
    equal(new.env.agent.conn_state[1].generation, "1.4.2")
    local upgraded = ours(world, "old", { "svc9" }, { to("new") })
    world:run(4500)
    equal(new.env.agent.conn_state[1].generation, "1.5.1")
    expect_served(world, new, "svc9.internal:80", "old")
    upgraded.env.agent.stop() -- and back
    peer_1_4_2(world, "old", { "svc2" }, {})
    world:run(1300)
    equal(new.env.agent.conn_state[1].generation, "1.4.2")
    expect_served(world, new, "svc2.internal:80", "old")
end

function cases.a_peer_of_1_5_is_answered_and_used(world)
    local new = ours(world, "new", { "svc1" }, { to("middle"), to("head") })
    local head = peer_head(world, "head", { "svc3" }, { to("new") }, nil)
    local middle = peer_1_5(world, "middle", { "svc2" })
    world:run(30)
    head.round()
    world:run(1000)
    equal(new.env.agent.conn_state[1].generation, "1.5")
    expect_served(world, new, "svc2.internal:80", "middle")
    -- It calls us: its own entry tells connections.
    local name = new.env.rpc.probe()
    equal(name, "new")
    local own = { hosts = { "svc2" }, timestamp = world.clock,
        conns = { x = { peername = "behind", rtt = 0.01 } } }
    local _, answer = new.env.rpc.sync("middle", { middle = own })
    assert(answer.new.conns[1].rtt)
    equal(answer.new.version, nil)
    equal(answer.middle, nil)
    equal(next(answer.head.conns), nil, "a node that refuses to relay is no way for 1.5")
    -- What lies behind it is led over it, since that generation relays for all.
    new.env.rpc.sync("middle", { middle = own,
        behind = { hosts = { "far" }, timestamp = world.clock, conns = {} } })
    equal(new.env.agent.dispatch("far.internal:1")("far.internal:1"),
        "far.relay.neosocksd.internal:1")
end

return cases
