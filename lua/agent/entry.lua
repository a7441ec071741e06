-- agent.entry: what this node believes of another node's data.
--
-- Everything that arrives from a peer passes through here once and is copied into fresh tables of
-- known fields and bounded size. So a broken peer can neither fill our memory nor have us pass its
-- oddities on, and the other parts may trust what they find in the peer database:
--
--     { version = integer, timestamp = Unix time, hosts = { name, ... },
--       conns = { [id] = { peername = name, rtt = seconds } }, relay_cost = number or nil }
--
-- `conns` is always there, because newer peers expect it; it is empty for peers of 1.4.2, which
-- tell no connections. No `relay_cost` means that the peer relays for nobody.

local entry = {}

-- How many peers are known at most. Each of them is named in every digest and visited by every
-- computation of routes (quadratic in this number: some milliseconds), and the whole database has
-- to fit into one RPC message of 4 MiB: 256 times ENTRY_BYTES is half of that.
entry.MAX_PEERS = 256

-- Text that one peer may have stored here: names of hosts and connections. Enough for some two
-- hundred services. What is beyond is dropped.
entry.ENTRY_BYTES = 8192

-- Connections that one peer may advertise; the edges of the graph are at most MAX_PEERS times it.
entry.MAX_CONNS = 64

-- Names travel as host names in proxy requests, whose length is one byte.
entry.MAX_NAME = 255

-- Longest chain of nodes, the limit that 1.4.2 sets to the ttl of a probe.
entry.MAX_HOPS = 16

-- What a name or a connection costs beside its bytes, so that many tiny ones are not for free.
local OVERHEAD = 16

local MAX_VERSION = 1 << 53

function entry.finite(value)
    return type(value) == "number" and value == value and math.abs(value) < math.huge
end
local finite = entry.finite

-- A peer's name, or nil. Colons and blanks would break addresses, control bytes the log.
function entry.name(value)
    if type(value) == "string" and #value >= 1 and #value <= entry.MAX_NAME
        and not value:find("[%c%s:]") then
        return value
    end
end

-- Whether a name can stand for a hop in a relay name, where dots separate the hops.
function entry.is_label(name)
    return #name <= 63 and not name:find(".", 1, true)
end

-- A host name, or nil. The domain below which the API and relaying live is nobody's to publish.
function entry.host(value)
    local host = entry.name(value)
    if not host then return nil end
    local lower = host:lower()
    if lower == "neosocksd" or lower:sub(-10) == ".neosocksd" then return nil end
    return host
end

-- A version, as an integer, or nil.
function entry.version(value)
    local version = finite(value) and math.tointeger(value)
    if version and version >= 0 and version <= MAX_VERSION then return version end
end

local function clean_hosts(raw, budget)
    local hosts = {}
    if type(raw) ~= "table" then return hosts, budget end
    for i = 1, entry.ENTRY_BYTES // OVERHEAD do
        local value = rawget(raw, i)
        if value == nil then break end
        local host = entry.host(value)
        if host then
            budget = budget - #host - OVERHEAD
            if budget < 0 then break end
            hosts[#hosts + 1] = host
        end
    end
    return hosts, budget
end

local function clean_conns(raw, budget)
    local conns, count = {}, 0
    if type(raw) ~= "table" then return conns end
    for id, conn in next, raw do
        local usable = math.type(id) == "integer" or type(id) == "string"
        local peername = type(conn) == "table" and entry.name(conn.peername)
        if usable and peername then
            budget = budget - #tostring(id) - #peername - OVERHEAD
            count = count + 1
            if budget < 0 or count > entry.MAX_CONNS then break end
            -- A connection that was never measured counts as slow, not as perfect.
            local rtt = finite(conn.rtt) and conn.rtt >= 0 and conn.rtt or 1
            conns[id] = { peername = peername, rtt = rtt }
        end
    end
    return conns
end

-- A copy of a received entry, or nil if it is none. `version` and `timestamp` may be missing in
-- it: what that means differs between the generations. No time lies in the future.
function entry.clean(raw, now)
    if type(raw) ~= "table" then return nil end
    local hosts, budget = clean_hosts(raw.hosts, entry.ENTRY_BYTES)
    return {
        version = entry.version(raw.version),
        timestamp = finite(raw.timestamp) and math.min(raw.timestamp, now) or nil,
        hosts = hosts,
        conns = clean_conns(raw.conns, budget),
        relay_cost = finite(raw.relay_cost) and raw.relay_cost >= 0 and raw.relay_cost or nil,
    }
end

-- The answer to a probe of 1.4.2: names from the destination to the first hop, or nil. A way that
-- leads through ourselves or twice through one node is stale.
function entry.route(raw, destination, first, self)
    if type(raw) ~= "table" then return nil end
    local route, seen = {}, {}
    for i = 1, entry.MAX_HOPS + 1 do
        local name = rawget(raw, i)
        if name == nil then break end
        local is_hop = i > 1
        if i > entry.MAX_HOPS or not entry.name(name) or seen[name] or name == self
            or is_hop and not entry.is_label(name) then
            return nil
        end
        route[i], seen[name] = name, true
    end
    if route[1] == destination and route[#route] == first then return route end
end

function entry.same_hosts(a, b)
    if #a.hosts ~= #b.hosts then return false end
    for i, host in ipairs(a.hosts) do
        if host ~= b.hosts[i] then return false end
    end
    return true
end

-- The same neighbours; their round trip times may differ.
function entry.same_conns(a, b)
    for id, conn in next, a.conns do
        local other = b.conns[id]
        if not other or other.peername ~= conn.peername then return false end
    end
    for id in next, b.conns do
        if not a.conns[id] then return false end
    end
    return true
end

-- Whether an entry tells no more than 1.4.2 knows.
function entry.is_plain(e)
    return next(e.conns) == nil and e.relay_cost == nil
end

return entry
