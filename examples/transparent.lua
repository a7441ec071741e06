-- Rules for a transparent proxy: clients do not know of it, and so ask for addresses, never for
-- names. Only `redirect`, `route` and their IPv6 twins matter.
--
--     neosocksd -l 0.0.0.0:1080 --tproxy -r transparent.lua
--
-- docs/transparent.md has the firewall's part.

_G.libruleset = require("libruleset")

local upstream = rule.proxy("socks5://203.0.113.10:1080")

-- Rules may look at who asks: the request is an argument of every matcher.
local guests = match.client({ "192.168.50.0/24", "fd00:50::/64" })
local printers = match.client("192.168.1.9")

_G.redirect = {
    { printers, rule.reject(), "printer" },
    -- Nobody sends mail past our own server.
    { match.port(25), rule.reject(), "smtp" },
    -- DNS over TLS goes to our own resolver, whatever server was asked for.
    { match.port(853), rule.redirect("192.168.1.1:853") },
}
_G.redirect6 = {
    { match.port(25), rule.reject(), "smtp" },
    { match.port(853), rule.redirect("192.168.1.1:853") },
}

local LAN = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16" }

_G.route = {
    -- Guests see the internet and nothing of ours.
    { composite.allof({ guests, inet.subnet(LAN) }), rule.reject(), "guest" },
    { inet.subnet(LAN), rule.direct() },
    { inet.subnet({ "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3" }),
        rule.reject() },
    { composite.maybe(_G, "biglist"), rule.direct() },
}
_G.route6 = {
    { composite.allof({ guests, inet6.subnet("fc00::/7") }), rule.reject(), "guest" },
    { inet6.subnet("fc00::/7"), rule.direct() },
    { inet6.subnet({ "::/128", "::1/128", "fe80::/10", "ff00::/8", "::ffff:0:0/96" }),
        rule.reject() },
    { composite.maybe(_G, "biglist6"), rule.direct() },
}

_G.route_default = { upstream }

neosocksd.setinterval(60)
logf("ruleset loaded, interpreter: %s", _VERSION)
return libruleset
