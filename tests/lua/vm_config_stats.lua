-- lua.md section 8, with the fields of later versions (section 11, and section 10, Q13).

local check = require("check")
local test, eq = check.test, check.eq

test("config is a new table at each call", function()
    eq(rawequal(neosocksd.config(), neosocksd.config()), false)
end)

test("the fields of 1.4.2", function()
    local config = neosocksd.config()
    eq(math.type(config.loglevel), "integer")
    eq(math.type(config.timeout), "float")
    eq(config.auth_required, false)
    eq(type(config.traceback), "boolean")
    eq(type(config.listen), "string")
    eq(config.memlimit, 0)
    eq({ config.proxy, config.forward }, {})
end)

test("the fields of later versions", function()
    local config = neosocksd.config()
    for _, name in ipairs({ "max_sessions", "startup_limit_start", "startup_limit_rate",
        "startup_limit_full", "resolve_pf" }) do
        eq({ name, math.type(config[name]) }, { name, "integer" })
    end
    for _, name in ipairs({ "pipe", "reuseport", "tcp_fastopen", "transparent", "socks5_bind",
        "socks5_udp", "daemonize" }) do
        eq({ name, type(config[name]) }, { name, "boolean" })
    end
end)

test("config tells what the server was started with", function()
    local want = os.getenv("NEOSOCKSD_LUA_TIMEOUT")
    if want then eq(neosocksd.config().timeout, tonumber(want) + 0.0) end
end)

test("stats has numbers", function()
    local stats = neosocksd.stats()
    for _, name in ipairs({ "num_halfopen", "num_sessions", "byt_up", "byt_down",
        "bytes_allocated", "num_object" }) do
        eq({ name, math.type(stats[name]) }, { name, "integer" })
    end
    eq(type(stats.uptime), "number")
    eq(stats.bytes_allocated > 10000, true)
    eq(stats.num_object > 100, true)
end)

test("uptime is nanoseconds since the start", function()
    local before = neosocksd.stats().uptime
    eq(before > 0 and before < 600e9, true)
    await.sleep(0.02)
    local passed = neosocksd.stats().uptime - before
    eq(passed >= 20e6 and passed < 10e9, true)
end)

test("the counters of later versions", function()
    local stats = neosocksd.stats()
    for _, name in ipairs({ "num_sessions_peak", "num_request", "num_success",
        "num_reject_ruleset", "num_reject_timeout", "num_reject_upstream", "num_accept",
        "num_serve", "num_api_request", "num_api_success", "num_dns_query", "num_dns_success",
        "num_thread_active", "num_thread_peak" }) do
        eq({ name, math.type(stats[name]) }, { name, "integer" })
    end
end)

test("routines are counted", function()
    local before = neosocksd.stats().num_thread_active
    local done = 0
    for _ = 1, 10 do
        neosocksd.async(function() done = done + 1 end, function() await.sleep(0.01) end)
    end
    eq(neosocksd.stats().num_thread_active, before + 10)
    check.wait_for(function() return done == 10 end)
    eq(neosocksd.stats().num_thread_active, before)
    eq(neosocksd.stats().num_thread_peak >= before + 10, true)
end)

test("memory is accounted", function()
    collectgarbage()
    local before = neosocksd.stats().bytes_allocated
    local big = ("x"):rep(5000000)
    eq(neosocksd.stats().bytes_allocated - before >= 4900000, true)
    big = nil
    collectgarbage()
    eq(neosocksd.stats().bytes_allocated - before < 1000000, true)
    eq(big, nil)
end)
