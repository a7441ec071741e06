-- A mesh of nodes that find each other and relay for each other. Here are three of them, on
-- addresses of this machine: home and office do not reach each other, both reach relay.
--
--     NODE=home   neosocksd -l 127.0.1.1:1080 --api 127.0.1.1:9080 -r mesh.lua
--     NODE=relay  neosocksd -l 127.0.1.2:1080 --api 127.0.1.2:9080 -r mesh.lua
--     NODE=office neosocksd -l 127.0.1.3:1080 --api 127.0.1.3:9080 -r mesh.lua
--
-- After half a minute or so each shows the others, and home reaches what office serves:
--
--     curl -X POST http://127.0.1.1:9080/stats
--     curl -x socks5h://127.0.1.1:1080 http://office.internal:8000/
--
-- Without the third one it is a pair.

_G.libruleset = require("libruleset")
_G.agent = require("agent")

local NODES = {
    home = {
        api = "127.0.1.1:9080",
        -- A connection is a chain of proxies in connection order; the last one is the listener of
        -- a neighbour. Names are for the log.
        conns = { ["to relay"] = { "socks5://127.0.1.2:1080" } },
        hosts = { "home" },
    },
    relay = {
        api = "127.0.1.2:9080",
        conns = {
            ["to home"] = { "socks5://127.0.1.1:1080" },
            ["to office"] = { "socks5://127.0.1.3:1080" },
        },
        hosts = {},
    },
    office = {
        api = "127.0.1.3:9080",
        conns = { ["to relay"] = { "socks5://127.0.1.2:1080" } },
        hosts = { "office" },
    },
}
local name = os.getenv("NODE") or "home"
local node = assert(NODES[name], "NODE is none of those in mesh.lua")

-- A node without a name is a leaf: it uses the mesh, serves nothing and relays nothing.
agent.peername = name
agent.conns = node.conns
-- What this node serves is reached as NAME.internal from all others.
agent.hosts = node.hosts

_G.redirect_name = {
    -- Neighbours call the API by this name. It runs code: only nodes of the mesh may.
    { composite.allof({ match.exact("api.neosocksd.internal:80"), match.client("127.0.0.0/8") }),
        rule.redirect(node.api), "rpc" },
    -- Names that others serve.
    { match.agent(), rule.agent() },
    -- What is served here: any port of this machine's loopback address.
    { match.host(name .. ".internal"), rule.redirect("127.0.0.1:"), "served" },
    -- No other name of the mesh gets out.
    { match.domain(".internal"), rule.reject(), "internal" },
}
_G.route_default = { rule.direct() }

local ruleset = setmetatable({}, {
    __index = function(_, key)
        return _G.libruleset[key]
    end,
})

function ruleset.stats(dt)
    return libruleset.stats(dt) .. "\n" .. agent.stats(dt)
end

neosocksd.setinterval(60)
logf("ruleset loaded, interpreter: %s", _VERSION)
return ruleset
