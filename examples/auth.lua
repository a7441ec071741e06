-- Users with passwords, and a safe baseline for a proxy that strangers can reach.
--
--     neosocksd -l 0.0.0.0:1080 --auth-required -r auth.lua
--
-- Without --auth-required nobody is asked for a password. SOCKS5 and HTTP send it in the clear:
-- over networks you do not trust, put the listener behind a tunnel.

_G.libruleset = require("libruleset")

-- User and password. `true` accepts any password.
_G.secrets = {
    ["alice"] = "correct horse battery staple",
    ["bob"] = "another password",
}

local ruleset = setmetatable({}, {
    __index = function(_, key)
        return _G.libruleset[key]
    end,
})

-- Users come from `secrets` unless the ruleset says otherwise, by a function of this name; it may
-- await (ask a server by await.rpcall, say). This one adds a rule: bob works from the office only.
function ruleset.authenticate(_, user, password, request)
    if user == nil or password == nil or secrets[user] ~= password then return false end
    if user == "bob" then return ruleset.from_office(nil, nil, request) end
    return true
end

ruleset.from_office = match.client({ "127.0.0.0/8", "192.0.2.0/24", "2001:db8:1::/48" })

-- Nobody reaches this machine and what is only near it, by any spelling.
_G.redirect_name = {
    { match.domain({ "localhost", "localdomain" }), rule.reject(), "local" },
    -- Alice may see the administration pages.
    { composite.allof({ match.domain("admin.example"), match.user("alice") }), rule.direct() },
    { match.domain("admin.example"), rule.reject(), "admin" },
}
_G.route = {
    { inet.subnet({ "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16" }), rule.reject(), "local" },
}
_G.route6 = {
    { inet6.subnet({
        "::/128", "::1/128", "fe80::/10",
        "::ffff:0.0.0.0/104", "::ffff:127.0.0.0/104", "::ffff:169.254.0.0/112",
    }), rule.reject(), "local" },
}

-- Everything else goes on to one upstream proxy.
_G.route_default = { rule.proxy("socks5://203.0.113.10:1080") }

local function main()
    neosocksd.setinterval(60)
    logf("ruleset loaded, interpreter: %s", _VERSION)
    return ruleset
end

return main()
