-- agent.link: one connection to a peer: what is said over it in a round, and what is known of it.
--
-- Which generation the peer speaks is found out by asking in the newest way:
--
--     rpc.probe(name, digest)  ->  name, digest        1.5.1 and later
--                              ->  name                1.4.3, 1.5: further arguments are ignored
--                              ->  "invalid argument"  1.4.2: it wants a number there
--
-- and is remembered for the connection. A peer of 1.4.2 is asked again in the newest way after a
-- failure, after an hour, and when its data shows that it has been upgraded.
--
-- The state of connection `id` is `agent.conn_state[id]`, which survives reloads:
--     id, conn, key    the connection's name, its proxies, and those as one text
--     generation       "1.5.1", "1.5", "1.4.2", or nil: not known
--     asked            when it was last asked in the newest way
--     peername, rtt    who answers there, and in how many seconds; nil: nobody
--     last_name        who answered there last
--     misses           failures in a row
--     samples          recent { time, rtt }
--     routes           measured ways: [name] = { route, rtt, timestamp }; also _G.conninfo[conn]
--     tried            [name] = when the way to a name was asked for last

local entry = require("agent.entry")
local peerdb = require("agent.peerdb")

local link = {}

-- Round trip times kept per connection: a round every ten seconds for RTT_WINDOW. More rounds
-- than that (small intervals) forget the oldest.
local MAX_SAMPLES = 64

-- Seconds after which a round stops asking one peer for ways, so that slow answers do not hold
-- the next round up. The names that had no turn come first then.
local MEASURE_BUDGET = 30

local function reset(state)
    state.peername, state.rtt, state.generation = nil, nil, nil
    state.samples, state.routes, state.tried = {}, {}, {}
    state.no_routes = nil
end

-- The state of a connection; a new one if its proxies have changed.
function link.state(states, id, conn)
    local key = table.concat(conn, "\n")
    local state = states[id]
    if type(state) ~= "table" or state.key ~= key or type(state.samples) ~= "table" then
        state = { id = id, key = key, misses = 0 }
        reset(state)
        states[id] = state
    end
    state.conn = conn
    return state
end

local function add_sample(node, state, rtt)
    local samples, now = state.samples, time.monotonic()
    samples[#samples + 1] = { now, rtt }
    while #samples > MAX_SAMPLES or samples[1][1] < now - node.agent.RTT_WINDOW do
        table.remove(samples, 1)
    end
    state.rtt = rtt
    for _, sample in ipairs(samples) do state.rtt = math.min(state.rtt, sample[2]) end
end

-- Notes that `name` has answered.
local function answered(node, state, name, generation)
    local before = state.peername
    if before ~= name then
        if before then reset(state) end
        state.peername = name
        evlogf("connected: [%s] %q (%s)", state.id, name, generation)
        node:has_changed()
    elseif state.misses > 0 then
        node:has_changed()
    end
    state.misses, state.generation, state.last_name = 0, generation, name
    local known = node.db[name]
    if known then known.timestamp = node:now() end
end

function link.missed(node, state, why)
    state.misses = state.misses + 1
    local limit = node.agent.CONN_FAILURE_LIMIT
    -- Once it is known to be lost there is no haste: a peer that is down for days must not keep
    -- the rounds short.
    node.missed = node.missed or state.misses <= limit
    -- What stays broken is an event only until it is known to be broken.
    local write = state.misses <= limit and evlogf or logf
    write("probe miss: [%s] %s", state.id, tostring(why))
    if state.misses >= limit and state.peername then
        evlogf("conn lost: [%s] %q", state.id, state.peername)
        reset(state)
        node:has_changed()
    end
    state.asked = nil
end

-- The name that a peer has given, or nil and what is wrong with it.
local function valid_name(node, name)
    if not entry.name(name) then return nil, "malformed answer: no name" end
    local self = node:name()
    if self and name:lower() == self:lower() then
        return nil, ("%q: the connection leads to this node"):format(name)
    end
    return name
end

-- 1.5.1 ----------------------------------------------------------------------------------------

local function talk_1_5_1(node, state, name, digest)
    local at = node:at()
    node:outnumber(peerdb.refresh(at, digest, name))
    local delta = peerdb.newer(node.db, digest, name)
    if not next(delta) and not peerdb.is_behind(at, digest) then return true end
    local own = peerdb.digest(node.db)
    local ok, from, theirs = node:call(state.conn, "sync", node:name(), own, delta)
    if not ok then return false, from end
    if from ~= name or type(theirs) ~= "table" then return false, "malformed answer to sync" end
    if peerdb.apply(node:at(), theirs, name) then node:has_changed() end
    return true
end

-- 1.4.2 and 1.5 --------------------------------------------------------------------------------

local function talk_unversioned(node, state, copy, generation)
    local ok, name, theirs = node:call(state.conn, "sync", node:name(), copy)
    if not ok then return false, name end
    local why
    name, why = valid_name(node, name)
    if not name then return false, why end
    if type(theirs) ~= "table" then return false, "malformed answer to sync" end
    answered(node, state, name, generation)
    if peerdb.merge(node:at(), theirs, name) then node:has_changed() end
    local own = rawget(theirs, name)
    if generation == "1.4.2" and type(own) == "table" and (own.version or own.conns) then
        state.asked = nil -- upgraded: ask anew
    end
    return true
end

-- Asks in the newest way. Returns the generation, or nil and the error.
local function ask(node, state)
    local began = time.monotonic()
    local digest = peerdb.digest(node.db)
    local ok, name, theirs = node:call(state.conn, "probe", node:name(), digest)
    local rtt = time.monotonic() - began
    if not ok then
        if type(name) == "string" and name:find("invalid argument", 1, true) then return "1.4.2" end
        return nil, name
    end
    local why
    name, why = valid_name(node, name)
    if not name then return nil, why end
    local generation = type(theirs) == "table" and "1.5.1" or "1.5"
    answered(node, state, name, generation)
    add_sample(node, state, rtt)
    return generation, name, theirs
end

-- Finds out who is there and makes both databases equal. true, or false and the error.
function link.exchange(node, state)
    local due = node:now() - (state.asked or 0) >= node.agent.PEERDB_EXPIRY_TIME
    if state.generation ~= "1.4.2" or due then
        local generation, name, theirs = ask(node, state)
        if not generation then return false, name end
        state.generation, state.asked = generation, node:now()
        if generation == "1.5.1" then return talk_1_5_1(node, state, name, theirs) end
        if generation == "1.5" then
            return talk_unversioned(node, state, peerdb.unversioned(node.db, name), "1.5")
        end
    end
    -- A peer of 1.4.2 must not be told of itself. Until we know who is there it hears only of us,
    -- and the rest in the next round, which follows soon upon a new connection.
    local told = node.db
    if not state.last_name then
        local self = node:name()
        told = { [self or 1] = node.db[self] }
    end
    return talk_unversioned(node, state, peerdb.plain(told, state.last_name), "1.4.2")
end

-- Measured ways --------------------------------------------------------------------------------

-- Whether the other side has understood the question. HEAD takes it for a probe without a digest,
-- and either answers that, which is no list, or fails, of which it tells the status line only.
local function understood(ok, answer)
    if ok then return type(answer) == "table" end
    return type(answer) ~= "string" or not answer:find("^HTTP/")
end

-- How long the way to `name` takes over this connection, and which it is. Returns whether it is
-- worth asking for others.
local function measure(node, state, name)
    local began = time.monotonic()
    local ok, answer = node:call(state.conn, "probe", name, node.agent.probettl)
    local rtt = time.monotonic() - began
    state.tried[name] = node:now()
    local route = ok and entry.route(answer, name, state.peername, node:name())
    local known = state.routes[name]
    if not route then
        -- One failure may be chance: a way is given up with the second.
        if known and known.failed then
            state.routes[name] = nil
            node:routes_changed()
        elseif known then
            known.failed = true
        end
        local why = ok and "malformed answer" or tostring(answer)
        logf("probe failed: %q [%s] %s", name, state.id, why)
        return state.generation == "1.4.2" or understood(ok, answer)
    end
    if #route == 1 then add_sample(node, state, rtt) end
    local same = known and table.concat(known.route, "\n") == table.concat(route, "\n")
    local fresh = same and node:now() - known.timestamp < node.agent.RTT_WINDOW
    state.routes[name] = {
        route = route,
        rtt = fresh and math.min(known.rtt, rtt) or rtt,
        timestamp = fresh and known.timestamp or node:now(),
    }
    if not same then
        logf("probe: [%s] %q %s %.0fms", state.id, name, link.arrows(route), rtt * 1e3)
    end
    node:routes_changed()
    return true
end

-- "peer2"->"peer3": a route, first hop first.
function link.arrows(route)
    local words = {}
    for i = #route, 1, -1 do words[#words + 1] = ("%q"):format(route[i]) end
    return table.concat(words, "->")
end

-- Peers that this connection should be asked for, whose turn is longest overdue first. Peers of
-- 1.4.2 are asked for everybody, as nobody else tells what lies behind them. Newer peers have told
-- all they know about newer peers; but a node of this program among them can also lead to peers of
-- 1.4.2 at its other side, which takes three hops or more.
local function wanted(node, state)
    local names = {}
    local old = state.generation == "1.4.2"
    if not old and (node.agent.probettl < 3 or state.no_routes) then return names end
    local peers = node:routes().peers
    for name in next, node.db do
        local rests = node:now() - (state.tried[name] or 0) < node.agent.PROBE_INTERVAL_ACTIVE
        local known = state.routes[name]
        local interesting = old or not peers[name] or known ~= nil
        if name ~= node:name() and interesting and not (known and rests) then
            names[#names + 1] = name
        end
    end
    table.sort(names, function(a, b)
        local ta, tb = state.tried[a] or 0, state.tried[b] or 0
        if ta ~= tb then return ta < tb end
        return a < b
    end)
    return names
end

function link.measure_all(node, state)
    for name in next, state.tried do
        if not node.db[name] then state.tried[name], state.routes[name] = nil, nil end
    end
    local began = time.monotonic()
    -- The neighbour itself first: without its round trip time the connection is of no use.
    if state.generation == "1.4.2" and not state.rtt then
        measure(node, state, state.peername)
        if not state.rtt then return false, "no answer to probe" end
    end
    for _, name in ipairs(wanted(node, state)) do
        if not state.peername or time.monotonic() - began > MEASURE_BUDGET then break end
        if not measure(node, state, name) then
            state.no_routes, state.routes = true, {}
            break
        end
    end
    return true
end

return link
