-- A first ruleset to copy: tables only, no code.
--
--     neosocksd -l 0.0.0.0:1080 -r ruleset_simple.lua
--
-- A request goes through the tables below from top to bottom, and through each table from its first
-- rule to its last. The first rule that matches decides. A rule is
--
--     { MATCHER, ACTION [, "tag"] }
--
-- and a tag records the decision as an event, which /stats shows. Look at the tables with
--
--     neosocksd --check -r ruleset_simple.lua --ask www.example.com:443

_G.libruleset = require("libruleset")

-- 1. Requests by name. A name that no rule matches goes on to `hosts`.
_G.redirect_name = {
    -- The domain and everything below it is reached directly.
    { match.domain(".lan.example"), rule.direct() },
    -- One name and port is served by another address.
    { match.exact("wiki.example.com:80"), rule.redirect("192.0.2.80:8080"), "wiki" },
    -- One name and port is refused.
    { match.exact("smtp.example.com:25"), rule.reject() },
    -- A name is this machine, whatever the port.
    { match.host("peer.example.com"), rule.redirect("127.0.0.1:") },
    -- A long list that is loaded later, see gen_biglist.lua. Until then it matches nothing.
    { composite.maybe(_G, "biglist_name"), rule.proxy("socks5://203.0.113.10:1080"), "biglist" },
    -- Everything else: `hosts`, then the tables for addresses if there is one, else the default.
}

-- 2. Names with an address of their own, in lower case. The address then goes through the tables
-- for addresses; a name goes to the default.
_G.hosts = {
    ["router.example.com"] = "192.0.2.1",
    ["www.example.com"] = "www.example.net",
}

-- 3. Requests by IPv4 address, as text: here for single addresses and for ports.
_G.redirect = {
    -- DNS over TCP to two well-known resolvers goes to our own.
    { match.exact({ "198.51.100.53:53", "198.51.100.54:53" }), rule.redirect("127.0.0.53:53") },
    -- Everything else: `route`.
}

-- The same for IPv6 addresses.
_G.redirect6 = {
    { match.port(53), rule.redirect("127.0.0.53:53") },
    -- Everything else: `route6`.
}

-- 4. Requests by IPv4 address, by subnet.
_G.route = {
    -- Nobody reaches this machine's own services, or link-local addresses.
    { inet.subnet({ "127.0.0.0/8", "169.254.0.0/16" }), rule.reject() },
    -- The local networks are reached directly.
    { inet.subnet({ "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16" }), rule.direct(), "lan" },
    { composite.maybe(_G, "biglist"), rule.direct(), "biglist" },
    -- Everything else: `route_default`.
}

-- The same for IPv6. The IPv4 addresses refused above can be written as IPv6 addresses, too: a
-- client may ask for ::ffff:127.0.0.1.
_G.route6 = {
    { inet6.subnet({
        "::1/128", "fe80::/10",
        "::ffff:127.0.0.0/104", "::ffff:169.254.0.0/112",
    }), rule.reject() },
    { inet6.subnet({ "fc00::/7", "::ffff:10.0.0.0/104", "::ffff:172.16.0.0/108",
        "::ffff:192.168.0.0/112" }), rule.direct(), "lan" },
    { composite.maybe(_G, "biglist6"), rule.direct(), "biglist" },
    -- Everything else: `route_default`.
}

-- 5. Whatever is left.
_G.route_default = { rule.proxy("socks5://user:password@203.0.113.10:1080"), "default" }

local function main()
    neosocksd.setinterval(60) -- a history of requests for /stats
    logf("ruleset loaded, interpreter: %s", _VERSION)
    return libruleset
end

return main()
