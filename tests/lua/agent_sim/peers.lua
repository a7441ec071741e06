-- The nodes of a world: ours, which run the shipped Lua, and what the scripted peers of other
-- generations have in common. Those are written from what their originals send and answer on the
-- wire, and strict: what the originals can not digest is an error here.

local peers = {}

local RELAY, INTERNAL = ".relay.neosocksd.internal", ".internal"
local API = "api.neosocksd.internal:80"

local function host_port(addr) return addr:match("^(.*):(%d+)$") end

local function strip(host, suffix)
    return host:sub(-#suffix) == suffix and host:sub(1, -#suffix - 1) or nil
end

-- A node of ours. knobs: fields of the agent; style "rules" (1.4.2) or "chain" (HEAD).
function peers.ours(world, name, knobs, style)
    local node = world:node(name)
    local env = node.env
    node.reload = function() -- what /ruleset/update?module=agent does
        local old = env.package.loaded["agent"]
        local follows = rawequal(old, env._G.agent)
        local chunk = assert(loadfile(world.root .. "/agent.lua", "t", env))
        env.package.loaded["agent"] = chunk("agent")
        if follows then env._G.agent = env.package.loaded["agent"] end
    end
    env.libruleset = env.require("libruleset")
    env.agent = env.require("agent")
    for key, value in pairs(knobs) do env.agent[key] = value end
    local chain = { env.composite.subchain(env.agent, "chain") }
    env.redirect_name = style == "chain" and { chain } or {
        { env.match.exact(API), env.rule.redirect("127.0.0.1:9080") },
        { env.match.agent(), env.rule.agent() },
    }
    local own = {}
    for _, host in ipairs(env.agent.hosts) do own[#own + 1] = host .. INTERNAL end
    for _, host in ipairs(own) do
        table.insert(env.redirect_name, { env.match.host(host), env.rule.direct() })
    end
    table.insert(env.redirect_name, { env.match.domain(INTERNAL), env.rule.reject() })
    env.ruleset = env.libruleset
    return node
end

-- Decisions of the scripted peers: `where(host)` gives route and connection, `direct(peer)` a
-- connection, `owner(host)` the direct neighbour that serves a host.
function peers.relaying(node, own_hosts, where, direct, owner)
    local function through(addr, conn)
        local reversed = {}
        for i = #conn, 1, -1 do reversed[#reversed + 1] = conn[i] end
        return addr, table.unpack(reversed)
    end
    node.env.ruleset = { resolve = function(addr)
        if addr == API then return "127.0.0.1:9080" end
        local host, port = host_port(addr)
        local inner = strip(host, RELAY)
        if inner then
            local rest, hop = inner:match("^(.+)%.([^.]+)$")
            if hop then
                local conn = assert(direct(hop), hop .. ": peer not reachable")
                return through(rest .. RELAY .. ":" .. port, conn)
            end
            local conn = assert(direct(owner(inner)), inner .. ": peer not reachable")
            return through(inner .. INTERNAL .. ":" .. port, conn)
        end
        inner = strip(host, INTERNAL)
        if not inner or own_hosts[inner] then return addr end
        local route, conn = where(inner)
        if not route then error(inner .. ": unknown host", 0) end
        if #route == 1 then return through(addr, conn) end
        local labels = { inner, table.unpack(route, 2, #route - 1) }
        return through(table.concat(labels, ".") .. RELAY .. ":" .. port, conn)
    end }
end

function peers.set_of(hosts)
    local set = {}
    for _, host in ipairs(hosts) do set[host] = true end
    return set
end

local function target(conn)
    local t = { API }
    for i = #conn, 1, -1 do t[#t + 1] = conn[i] end
    return t
end

function peers.rpc_client(node, quoted)
    return function(conn, func, ...)
        local name = quoted and 'rpc["' .. func .. '"]' or "rpc." .. func
        local code = "return " .. name .. "(" .. node.env.marshal(...) .. ")"
        local ok, f = node.env.await.invoke(code, table.unpack(target(conn)))
        if not ok then return false, f end
        return f()
    end
end

return peers
