-- libruleset.md, introduction and section 1: what the library defines, and what survives a reload.

local check = require("check")
local test, eq = check.test, check.eq

require("libruleset")

test("the globals", function()
    for _, name in ipairs({ "printf", "format_timestamp", "log", "logf", "evlog", "evlogf",
        "parse_cidr", "parse_cidr6", "async", "unmarshal" }) do
        eq({ name, type(_G[name]) }, { name, "function" })
    end
    for _, name in ipairs({ "config", "list", "rlist", "inet", "inet6", "match", "composite",
        "rule", "lb", "rpc", "msgh", "secrets", "recent_events", "stat_requests" }) do
        eq({ name, type(_G[name]) }, { name, "table" })
    end
    eq({ math.type(num_requests), math.type(num_authorized) }, { "integer", "integer" })
    for where, names in pairs({ [string] = { "startswith", "endswith" }, [table] = { "get" },
        [package] = { "replace" }, [await] = { "callback", "rpcall" },
        [neosocksd] = { "sendmsg" } }) do
        for _, name in ipairs(names) do eq({ name, type(where[name]) }, { name, "function" }) end
    end
end)

test("it does not set _G.libruleset", function()
    local kept = _G.libruleset
    _G.libruleset = nil
    check.reload()
    eq(_G.libruleset, nil)
    _G.libruleset = kept
end)

test("state survives a reload", function()
    rpc.mine = function() end
    msgh.mine = function() end
    secrets.mine = "x"
    evlog("kept")
    num_requests, num_authorized = num_requests + 5, num_authorized + 3
    local before = { rpc = rpc, msgh = msgh, secrets = secrets, recent_events = recent_events,
        stat_requests = stat_requests, num_requests = num_requests,
        num_authorized = num_authorized }
    check.reload()
    for name, value in pairs(before) do eq({ name, rawequal(_G[name], value) }, { name, true }) end
    eq(type(rpc.mine), "function")
    eq(type(rpc.echo), "function")
    eq(recent_events:get(1).msg, "kept")
    rpc.mine, msgh.mine, secrets.mine = nil, nil, nil
end)

test("everything else is new", function()
    local before = { config = config, list = list, match = match, rule = rule, log = log,
        async = async }
    check.reload()
    for name, value in pairs(before) do
        eq({ name, rawequal(_G[name], value) }, { name, false })
    end
end)

test("matchers and actions of others stay available", function()
    match.mine, rule.mine = function() end, function() end
    local mine = match.mine
    check.reload()
    eq(rawequal(match.mine, mine), true)
    match.mine, rule.mine = nil, nil
end)

test("matchers made before a reload go on", function()
    local matcher = composite.anyof({ match.domain({ "example.org" }), match.port(80) })
    local future = async(function() await.sleep(0.001) return 1 end)
    check.reload()
    eq(matcher("example.org:1"), true)
    eq(matcher("a:80"), true)
    check.returns(table.pack(future:get()), true, 1)
end)

test("the library loads by package.replace, too", function()
    local path = package.searchpath("libruleset", package.path)
    local kept = _G.libruleset
    _G.libruleset = require("libruleset")
    local old = _G.libruleset
    package.replace("libruleset", assert(loadfile(path)))
    eq(rawequal(_G.libruleset, old), false)
    eq(rawequal(_G.libruleset, package.loaded.libruleset), true)
    _G.libruleset = kept
end)
