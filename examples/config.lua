-- A boot configuration: everything that the command line could say, and the ruleset, in one script.
--
--     neosocksd -c config.lua
--
-- The script returns a table. What it leaves out keeps the value of the command line, or else the
-- default; --dump-config prints all settings in this form. SIGHUP runs the script again, for the
-- ruleset, forward, proxy, nameserver, loglevel, memlimit and traceback: settings of sockets and
-- the process stay as they are, with a warning if they have changed.

-- Called with "config". Made usable as `-r config.lua`, too: then only the ruleset is taken.
local purpose = ...

_G.libruleset = require("libruleset")
_G.redirect_name = {
    { match.domain("blocked.example"), rule.reject(), "blocked" },
}
_G.route_default = { rule.direct() }

if purpose ~= "config" then return libruleset end

return {
    -- Where clients connect. An HTTP listener beside it: http_listen = "127.0.0.1:8080".
    listen = "127.0.0.1:1080",
    -- The REST API runs code: keep it to yourself.
    restapi = "127.0.0.1:9080",

    -- The rules. Any table with the callbacks.
    ruleset = libruleset,
    -- Full garbage collections from this many MiB on; 0 is no limit.
    memlimit = 0,
    traceback = false,
    -- Clients must give user name and password; see auth.lua.
    auth_required = false,

    -- 0 silence, 4 notice, 6 debug.
    loglevel = 4,
    -- Seconds until a connection must be established.
    timeout = 60,

    -- At most this many sessions, 0 is unlimited; and of connections not yet established: from
    -- `start` on refuse `rate` percent of new ones, from `full` on all.
    max_sessions = 0,
    startup_limit_start = 0,
    startup_limit_rate = 30,
    startup_limit_full = 0,

    -- Names: 0 is both families, 2 is IPv4 only, 10 is IPv6 only.
    resolve_pf = 0,
    -- nameserver = "192.0.2.53",

    -- Classes of addresses that clients may not reach.
    block_loopback = false,
    block_multicast = true,
    block_local = false,
    block_global = false,

    -- The other commands of SOCKS5.
    socks5_bind = false,
    socks5_udp = false,

    -- Sockets. 0 leaves the size of buffers to the kernel.
    tcp_sndbuf = 0,
    tcp_rcvbuf = 0,
    tcp_keepalive = true,
    -- Small messages leave at once; false lets the kernel gather them.
    tcp_nodelay = true,
    tcp_fastopen = true,
    tcp_fastopen_connect = false,
    reuseport = false,
    -- netdev = "eth0",

    -- The process.
    -- user_name = "nobody:",
    daemonize = false,
}
