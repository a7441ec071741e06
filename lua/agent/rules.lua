-- agent.rules: names of the mesh, and the decisions they lead to.
--
--     X.internal                           the host X, served by some peer
--     X.r2.r1.relay.neosocksd.internal     the same, as it is asked for on its way: the nodes that
--                                          are still to be passed, the nearest last
--
-- The first hop is not in the name: the request goes to it through one of our connections, whose
-- last proxy is its listener. It strips the last label and goes on in the same way; when none is
-- left it asks the owner for X.internal, which the owner's own rules serve. So the sender decides
-- about the way, and no two nodes can send a request in circles.
--
-- Both generations of rules end in resolve(): match.agent() and rule.agent() of 1.4.2, and the
-- rule table `agent.chain` of HEAD. What can not be relayed is refused, never dialled: nothing
-- below .internal exists outside of the mesh.

local entry = require("agent.entry")

local rules = {}

local INTERNAL = ".internal"
local RELAY = ".relay.neosocksd.internal"
rules.INTERNAL_DOMAIN, rules.RELAY_DOMAIN = INTERNAL, RELAY

local function strip(host, suffix)
    if #host > #suffix and host:sub(-#suffix):lower() == suffix then
        return host:sub(1, -#suffix - 1)
    end
end

-- The name of a request for `host` that still has to pass the hops route[2], ... route[n - 1].
local function relay_name(host, route)
    if #route == 1 then return host .. INTERNAL end
    return table.concat({ host, table.unpack(route, 2, #route - 1) }, ".") .. RELAY
end

-- A request that somebody else has sent on its way over us.
local function relay(node, host, inner, port)
    if not node:relay_cost() then return nil, ("%q: relay disabled"):format(host) end
    local routes = node:routes()
    local rest, hop = inner:match("^(.+)%.([^.]+)$")
    local peer = hop and (node.db[hop] and hop or routes.names[hop:lower()])
    local id = peer and routes.neighbours[peer]
    if id then return rest .. RELAY .. ":" .. port, id end
    -- The last node of the way. A host name may have dots, but a hop of that name comes first: no
    -- peer can take over another's traffic by naming a host after it.
    local owner = not peer and routes.near_hosts[inner:lower()]
    if owner then return owner.host .. INTERNAL .. ":" .. port, routes.neighbours[owner.peer] end
    return nil, ("%q: peer not reachable"):format(hop or inner)
end

-- Where the address leads: an address and the connection to take it through; or nil and why not;
-- or nothing if it is none of the mesh's business. The host is spelt as its owner spells it, for
-- the owner may be a node that minds the case.
function rules.resolve(node, addr)
    local host, port = neosocksd.splithostport(addr)
    local inner = strip(host, RELAY)
    if inner then return relay(node, host, inner, port) end
    inner = strip(host, INTERNAL)
    if not inner or node:serves(inner) then return end
    local owner = node:routes().hosts[inner:lower()]
    if not owner then return end
    if not owner.way then return nil, ("%q: peer not reachable"):format(owner.peer) end
    local name = relay_name(owner.host, owner.way.route)
    if #name > entry.MAX_NAME then return nil, ("%q: too many hops"):format(addr) end
    return name .. ":" .. port, owner.way.conn
end

-- address, proxyN, ..., proxy1: a decision. The connection is copied, not turned around in place,
-- since it will be needed again.
local function decision(node, addr, id)
    local reversed = {}
    local conn = node.links[id].conn
    for i = #conn, 1, -1 do reversed[#reversed + 1] = conn[i] end
    return addr, table.unpack(reversed)
end

local function go(node, addr, target, id)
    node.used = true
    if node.agent.verbose then logf("agent: %q -> %q [%s]", addr, target, id) end
    return decision(node, target, id)
end

-- 1.4.2: match.agent() and rule.agent().

function rules.matches(node, addr)
    local target, why = rules.resolve(node, addr)
    return target ~= nil or why ~= nil
end

function rules.act(node, addr)
    local target, id = rules.resolve(node, addr)
    if target then return go(node, addr, target, id) end
    evlogf("%s", id or ("%q: unknown host"):format(addr))
    node:wake()
    return nil
end

-- HEAD: a functional rule, whose matcher returns the action. Refusals are errors.
function rules.dispatch(node, addr)
    local host, port = neosocksd.splithostport(addr)
    local lower = host:lower()
    if lower .. ":" .. port == node.agent.API_ENDPOINT then
        return function() return node.agent.api_endpoint end
    end
    local target, id = rules.resolve(node, addr)
    if target then
        return function() return go(node, addr, target, id) end
    end
    local inner = strip(host, INTERNAL)
    if not inner or not id and node:serves(inner) then return nil end
    node.used = true
    node:wake()
    error(id or host .. ": unknown host", 0)
end

-- socks5://user:password@X.internal:1080 and its like: a proxy that stands in the mesh. Returns
-- the proxies that lead to it and itself, the last one first.
function rules.expand(node, uri)
    local scheme, rest = uri:match("^([%w+.-]+://)(.*)$")
    if not scheme then error(("invalid proxy %q"):format(uri), 0) end
    local user, addr = rest:match("^(.*@)(.*)$")
    user, addr = user or "", addr or rest
    local host = neosocksd.splithostport(addr)
    local target, id = rules.resolve(node, addr)
    if target then
        node.used = true
        local chain = { decision(node, target, id) }
        chain[1] = scheme .. user .. chain[1]
        return chain
    end
    if id or strip(host, INTERNAL) then
        node:wake()
        error(id or host .. ": unknown host", 0)
    end
    return { uri }
end

return rules
