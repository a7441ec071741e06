-- The entry node of a pair; egress.lua is the other one. Clients log in here. Targets on the lists
-- of the egress node are dialled directly, all others through it.
--
--     neosocksd -l 0.0.0.0:1080 --auth-required --api 127.0.0.1:9080 -r ingress.lua

_G.libruleset = require("libruleset")

local EGRESS = "socks5://192.0.2.2:1080"
local UPDATE_SECONDS = 24 * 3600
local RETRY_SECONDS = 60

_G.secrets = {
    ["alice"] = "correct horse battery staple",
}

-- The API of the egress node, through its own listener.
local TARGET = { "api.neosocksd.internal:80", EGRESS }

-- Sets are made beside the old ones and put in their place at once. The lists may be long, so other
-- routines get a turn in between.
local function install(lists)
    local name = match.domain(lists.domains)
    await.idle()
    local prefixes = inet.subnet(lists.prefixes)
    await.idle()
    local prefixes6 = inet6.subnet(lists.prefixes6)
    _G.listed_name, _G.listed, _G.listed6 = name, prefixes, prefixes6
    _G.lists_timestamp = lists.timestamp
    evlogf("lists of %s installed", format_timestamp(lists.timestamp))
end

local next_update = 0
local function update()
    local ok, lists = await.rpcall(TARGET, "update", _G.lists_timestamp)
    if ok and lists then ok, lists = pcall(install, lists) end
    if not ok then
        evlogf("update: %s", lists)
        next_update = neosocksd.now() + RETRY_SECONDS
    end
end

-- What no client may ask for: this machine, and addresses with a special purpose.
local special = inet.subnet({
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3",
})
local special6 = inet6.subnet({
    "::/128", "::1/128", "::ffff:0:0/96", -- IPv4 in disguise
    "64:ff9b::/96", "64:ff9b:1::/48", -- and through NAT64
    "100::/64", "2001::/23", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8",
})

_G.redirect_name = {
    { match.domain({ "localhost", "localdomain", "internal", "local" }), rule.reject(), "local" },
    { composite.maybe(_G, "listed_name"), rule.direct(), "listed" },
}
_G.route = {
    { special, rule.reject(), "special" },
    { composite.maybe(_G, "listed"), rule.direct(), "listed" },
}
_G.route6 = {
    { special6, rule.reject(), "special" },
    { composite.maybe(_G, "listed6"), rule.direct(), "listed" },
}
_G.route_default = { rule.proxy(EGRESS) }

local ruleset = setmetatable({}, {
    __index = function(_, key)
        return _G.libruleset[key]
    end,
})

function ruleset.tick(now)
    libruleset.tick(now)
    if now >= next_update then
        next_update = now + UPDATE_SECONDS
        async(update)
    end
end

local function main()
    next_update = neosocksd.now() + UPDATE_SECONDS
    async(update)
    neosocksd.setinterval(60)
    logf("ruleset loaded, interpreter: %s", _VERSION)
    return ruleset
end

return main()
