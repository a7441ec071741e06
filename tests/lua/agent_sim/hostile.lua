-- Cases: peers that are broken, that lie, or that ask for what they should not get.

local peer_1_4_2 = require("agent_sim.peer_1_4_2")
local peers = require("agent_sim.peers")

local cases = {}

local function pair(world)
    local a = peers.ours(world, "peer1",
        { peername = "peer1", hosts = { "svc1" }, conns = { { "socks5://peer2:1080" } } })
    local b = peers.ours(world, "peer2",
        { peername = "peer2", hosts = { "svc2" }, conns = { { "socks5://peer1:1080" } } })
    return a, b
end

local ANSWERS = {
    "return", "return true", "return nil", "return 5", "return {}", "return true,nil,nil",
    "return true,5,5", "return true,{},{}", 'return true,"peer2",5', 'return true,"peer2",{5,{}}',
    'return true,"peer2",{x=5,y={},z={v="1",t={}}}', 'return true,"",{}', 'return true,"a b",{}',
    'return true,"peer1",{}', 'return true,("x"):rep(1e6),{}', "return false", "return false,{}",
    "return false,nil", "error()", "error({})", "error('x')", "return true,", "garbage (",
    'return true,"peer2",{["peer2"]={v=0/0,t=1/0}}', 'return true,"peer2",{y={v=1e300,t=-1e300}}',
    'return false,"invalid argument"',
    'return true,"peer2",setmetatable({},{__index=function() error("trap") end,'
        .. '__pairs=function() error("trap") end,__len=function() error("trap") end})',
}

function cases.malformed_answers_end_nothing(world)
    local a = pair(world)
    for _, text in ipairs(ANSWERS) do
        world.broken.peer2 = text
        world:run(700)
        world.broken.peer2 = nil
        world:run(700)
        local at, why = world:client(a, "svc2.internal:80")
        equal(at, "peer2", text .. ": " .. tostring(why))
        equal(a.env.agent.interval ~= nil, true)
    end
    lacks(table.concat(a.log, "\n"), "agent: round")
end

-- Anybody may call us with anything: an answer or an error, and the node works on.
function cases.arguments_of_any_kind(world)
    local a = pair(world)
    world:run(30)
    local function bad(depth)
        local kind = math.random(depth > 3 and 9 or 12)
        if kind == 1 then return nil end
        if kind == 2 then return math.random(2) == 1 end
        if kind == 3 then return math.random(-20, 20) end
        if kind == 4 then return ({ 0 / 0, 1 / 0, -1 / 0, 1e300, 0.5, -0.0 })[math.random(6)] end
        if kind == 5 then return ({ math.maxinteger, math.mininteger })[math.random(2)] end
        if kind == 6 then return ("peer%d"):format(math.random(4)) end
        if kind == 7 then return ({ "", "\0", "a:b", "x.y", ("n"):rep(300) })[math.random(5)] end
        if kind == 8 then return world.clock + math.random(-5000, 5000) end
        if kind == 9 then return math.floor(world.clock) + math.random(-5000, 5000) end
        local t = {}
        for _ = 1, math.random(0, 6) do
            local fields = { "version", "timestamp", "hosts", "conns", "relay_cost", "v", "t",
                "peername", "rtt", "peer2", "peer3", 1, 2, bad(4) }
            local key = fields[math.random(#fields)]
            if key ~= nil and key == key then t[key] = bad(depth + 1) end
        end
        return t
    end
    for _ = 1, 3000 do
        local arguments = {}
        for i = 1, math.random(0, 4) do arguments[i] = bad(0) end
        local name = math.random(2) == 1 and "probe" or "sync"
        a.env.async(a.env.rpc[name], table.unpack(arguments, 1, 4))
        if math.random(50) == 1 then world:run(5) end
    end
    a.env.agent.stats()
    a.env.agent.wake()
    world:run(6000) -- what was made up has expired
    lacks(table.concat(a.log, "\n"), "agent: round")
    a.env.agent.stats()
    local at, why = world:client(a, "svc2.internal:80")
    equal(at, "peer2", why)
end

local function entry_of(world, more)
    local e = { version = math.floor(world.clock), timestamp = world.clock, hosts = {}, conns = {} }
    for key, value in pairs(more or {}) do e[key] = value end
    return e
end

local function count(t)
    local n = 0
    for _ in pairs(t) do n = n + 1 end
    return n
end

function cases.memory_is_bounded(world)
    local a = pair(world)
    world:run(30)
    peers.ours(world, "quiet", { peername = "quiet" })
    a.env.agent.conns = { a.env.agent.conns[1], { "socks5://quiet:1080" } }
    world:run(30)
    local flood, versionless = {}, {}
    local many_hosts, many_conns = {}, {}
    for i = 1, 5000 do
        many_hosts[i] = ("host%d"):format(i)
        many_conns[i] = { peername = ("far%d"):format(i), rtt = 0.1, junk = ("x"):rep(100) }
        local name = ("ghost%d"):format(i)
        flood[name] = entry_of(world, { junk = many_hosts })
        versionless[name] = { hosts = {}, timestamp = math.floor(world.clock) }
    end
    flood.peer2 = entry_of(world, { hosts = many_hosts, conns = many_conns })
    flood[("n"):rep(300)] = entry_of(world)
    a.env.rpc.sync("peer2", {}, flood)
    a.env.rpc.sync("peer2", versionless)
    assert(a.env.peerdb.quiet, "strangers do not displace those that are here")
    assert(count(a.env.peerdb) <= 256, count(a.env.peerdb))
    equal(a.env.peerdb[("n"):rep(300)], nil)
    for _, e in pairs(a.env.peerdb) do
        assert(#e.hosts <= 512 and count(e.conns) <= 64)
        for key in pairs(e) do
            matches("version timestamp hosts conns relay_cost", key)
        end
    end
    world:run(100)
    -- A neighbour finds a place even then.
    peers.ours(world, "peer3", { peername = "peer3", hosts = { "svc3" } })
    a.env.agent.conns[3] = { "socks5://peer3:1080" }
    world:run(100)
    equal(world:client(a, "svc3.internal:80"), "peer3")
    assert(count(a.env.peerdb) <= 256)
end

function cases.nobody_else_speaks_for_us(world)
    local a = pair(world)
    world:run(30)
    local version = a.env.peerdb.peer1.version
    for _, name in ipairs { "peer1", "PEER1" } do
        local lie = entry_of(world, { version = version + 10, hosts = { "lie" } })
        a.env.rpc.sync("peer2", {}, { [name] = lie })
        a.env.rpc.sync("peer2", { [name] = { hosts = { "lie" }, timestamp = 1 << 40 } })
        a.env.rpc.sync(name, { [name] = { hosts = { "lie" }, timestamp = 1 << 40 } })
    end
    equal(a.env.peerdb.peer1.hosts[1], "svc1")
    equal(a.env.peerdb.PEER1, nil)
    -- A version of ours that we do not know of: from before our clock was set back.
    a.env.rpc.probe("peer2", { peer1 = { v = version + 100, t = world.clock } })
    assert(a.env.peerdb.peer1.version > version + 100)
    contains(table.concat(a.log, "\n"), "another node has this name")
end

function cases.times_in_the_future_are_now(world)
    local a = pair(world)
    world:run(30)
    a.env.rpc.sync("peer2", {}, { x = entry_of(world, { timestamp = world.clock + 1e6 }) })
    assert(a.env.peerdb.x.timestamp <= world.clock)
    a.env.rpc.probe("peer2", { x = { v = a.env.peerdb.x.version, t = world.clock + 1e6 } })
    assert(a.env.peerdb.x.timestamp <= world.clock)
    a.env.rpc.sync("peer2", {}, { y = entry_of(world, { timestamp = world.clock - 5000 }) })
    equal(a.env.peerdb.y, nil, "news from the dead")
    a.env.rpc.sync("old", { z = { hosts = {}, timestamp = math.floor(world.clock) + 700 } })
    equal(a.env.peerdb.z, nil)
end

function cases.a_host_name_does_not_take_over_a_hop(world)
    local a = pair(world)
    peers.ours(world, "peer3", { peername = "peer3", hosts = { "svc3" } })
    a.env.agent.conns[2] = { "socks5://peer3:1080" }
    world:run(60)
    a.env.rpc.sync("peer2", {}, { peer2 = entry_of(world, {
        version = math.floor(world.clock) + 5,
        hosts = { "svc3.peer3", "api.neosocksd", "dotted.name" } }) })
    local _, _, way = world:client(a, "svc3.peer3.relay.neosocksd.internal:80")
    equal(way[2], "peer3 svc3.relay.neosocksd.internal:80")
    _, _, way = world:client(a, "dotted.name.relay.neosocksd.internal:80")
    equal(way[2], "peer2 dotted.name.internal:80")
    equal(a.env.agent.matches("api.neosocksd.internal:80"), false)
    -- Nor that of a hop which we know, but can not go on to.
    a.env.rpc.sync("peer2", {}, { far = entry_of(world), peer2 = entry_of(world, {
        version = math.floor(world.clock) + 9, hosts = { "svc.far" } }) })
    _, _, way = world:client(a, "svc.far.relay.neosocksd.internal:80")
    equal(#way, 1, "refused here")
end

-- A way that leads back through ourselves, twice through one node, or does not begin at its peer.
function cases.stale_ways_are_not_taken(world)
    local a = peers.ours(world, "peer1",
        { peername = "peer1", conns = { { "socks5://old:1080" } } })
    local old = peer_1_4_2(world, "old", {}, {})
    old.peerdb.peer3 = { hosts = { "svc3" }, timestamp = math.floor(world.clock) }
    world:run(30)
    local function round()
        a.env.async(a.env.agent.maintenance)
        world:run(1)
    end
    for _, route in ipairs { { "peer3", "peer1", "old" }, { "peer3", "x", "x", "old" },
        { "peer3", "x" }, { "x", "old" }, { "peer3", "a.b", "old" }, { "peer3" }, {} } do
        old.env.rpc.probe = function(name, ttl)
            if math.type(ttl) ~= "integer" then error("invalid argument", 0) end
            return name == "old" and { "old" } or route
        end
        round()
        equal(a.env.agent.conn_state[1].routes.peer3, nil, table.concat(route, " "))
    end
    old.env.rpc.probe = function(name, ttl)
        if math.type(ttl) ~= "integer" then error("invalid argument", 0) end
        return name == "old" and { "old" } or { "peer3", "old" }
    end
    round()
    equal(a.env.agent.conn_state[1].routes.peer3.route[1], "peer3")
end

function cases.what_can_not_be_relayed_is_never_dialled(world)
    local a = pair(world)
    world:run(60)
    for _, addr in ipairs { "x.nobody.relay.neosocksd.internal:80", "x.relay.neosocksd.internal:80",
        "X.RELAY.NEOSOCKSD.INTERNAL:80", "x.y.z.relay.neosocksd.internal:0",
        ".relay.neosocksd.internal:80", "svc1.relay.neosocksd.internal:80",
        "x.peer1.relay.neosocksd.internal:80" } do
        local at, _, way = world:client(a, addr)
        equal(at, nil, addr)
        equal(#way, 1, addr)
    end
    contains(table.concat(a.log, "\n"), '"nobody": peer not reachable')
end

function cases.a_connection_to_ourselves_is_a_failure(world)
    local a = peers.ours(world, "peer1", { peername = "peer1",
        conns = { { "socks5://peer1:1080" }, "no table", {}, { 5 } } })
    world:run(700)
    contains(table.concat(a.log, "\n"), '"peer1": the connection leads to this node')
    contains(table.concat(a.log, "\n"), "agent: connection [2] is no list of proxies")
    equal(a.env.agent.conn_state[1].peername, nil)
end

function cases.errors_of_the_operator_end_nothing(world)
    local a = pair(world)
    a.env.agent.on_updated = function() error("operator's mistake") end
    a.env.agent.PROBE_INTERVAL_MAX = "often"
    a.env.agent.PROBE_INTERVAL_MIN = 0
    world:run(60)
    contains(table.concat(a.log, "\n"), "agent: loop: ")
    a.env.agent.PROBE_INTERVAL_MAX = 0
    world:run(60)
    contains(table.concat(a.log, "\n"), "agent: on_updated: ")
    equal(world:client(a, "svc2.internal:80"), "peer2")
end

return cases
