-- libruleset.md section 9: authentication. The library is loaded as a server with --auth-required
-- would load it.

local check = require("check")
local test, eq, returns = check.test, check.eq, check.returns

require("libruleset")

local real_config = neosocksd.config

-- f(ruleset) with the callbacks of a library that demands authentication, secrets and no rules.
local function guarded(secrets, f)
    local kept = { config, _G.ruleset, _G.secrets, recent_events, num_requests, num_authorized,
        _G.route_default }
    local ok, problem = pcall(check.with, neosocksd, {
        config = function()
            local config = real_config()
            config.auth_required = true
            return config
        end,
    }, function()
        local ruleset = check.reload()
        _G.ruleset, _G.secrets, _G.route_default = ruleset, secrets, nil
        _G.recent_events, _G.num_requests, _G.num_authorized = rlist:new(10), 0, 0
        f(ruleset)
    end)
    _G.ruleset, _G.secrets, _G.recent_events = kept[2], kept[3], kept[4]
    _G.num_requests, _G.num_authorized, _G.route_default = kept[5], kept[6], kept[7]
    _G.config = kept[1]
    check.reload()
    if not ok then error(problem, 0) end
end

local function accepted(ruleset, user, password)
    return ruleset.resolve("a:1", user, password) == "a:1"
end

test("secrets: passwords are compared as text", function()
    guarded({ alice = "wonder", empty = "", any = true, num = 123, no = false }, function(ruleset)
        eq(accepted(ruleset, "alice", "wonder"), true)
        eq(accepted(ruleset, "alice", "Wonder"), false)
        eq(accepted(ruleset, "alice", ""), false)
        eq(accepted(ruleset, "alice", nil), false)
        eq(accepted(ruleset, "empty", ""), true)
        eq(accepted(ruleset, "empty", "x"), false)
        eq(accepted(ruleset, "any", "x"), true)
        eq(accepted(ruleset, "any", nil), true)
        eq(accepted(ruleset, "num", "123"), false)
        eq(accepted(ruleset, "no", "false"), false)
        eq(accepted(ruleset, "mallory", "wonder"), false)
        eq(accepted(ruleset, "mallory", nil), false)
        eq(accepted(ruleset, nil, nil), false)
    end)
end)

test("without secrets nobody is let in", function()
    guarded(nil, function(ruleset) eq(accepted(ruleset, "alice", "wonder"), false) end)
end)

test("all three callbacks are guarded, with decision nil", function()
    guarded({ alice = "wonder" }, function(ruleset)
        returns(table.pack(ruleset.resolve("a:1", "alice", "no")), nil)
        returns(table.pack(ruleset.route("1.1.1.1:1", "alice", "no")), nil)
        returns(table.pack(ruleset.route6("[::1]:1", "alice", "no")), nil)
        returns(table.pack(ruleset.resolve("a:1", "alice", "wonder")), "a:1")
        returns(table.pack(ruleset.route("1.1.1.1:1", "alice", "wonder")), "1.1.1.1:1")
        returns(table.pack(ruleset.route6("[::1]:1", "alice", "wonder")), "[::1]:1")
        eq({ num_requests, num_authorized }, { 6, 3 })
    end)
end)

test("failures are events", function()
    guarded({}, function(ruleset)
        ruleset.resolve("a:1", "num", "1")
        ruleset.resolve("a:1", nil, nil)
        ruleset.resolve("a:1", "quo\"te", "1")
        eq(recent_events:get(3).msg, "authenticate failed: \"num\"")
        eq(recent_events:get(2).msg, "authenticate failed: nil")
        eq(recent_events:get(1).msg, "authenticate failed: \"quo\\\"te\"")
    end)
end)

test("ruleset.authenticate decides instead of secrets", function()
    guarded({ alice = "wonder" }, function(ruleset)
        local seen
        local request = { client = "192.0.2.1:5" }
        _G.ruleset = { authenticate = function(...)
            seen = table.pack(...)
            return select(2, ...) == "bob" and "yes"
        end }
        eq(accepted(ruleset, "alice", "wonder"), false)
        returns(table.pack(ruleset.resolve("a:1", "bob", "pw", request)), "a:1")
        returns(seen, "a:1", "bob", "pw", request)
    end)
end)

test("authenticate may await, and may be inherited", function()
    guarded({}, function(ruleset)
        local base = { authenticate = function() await.sleep(0) return true end }
        _G.ruleset = setmetatable({}, { __index = base })
        eq(accepted(ruleset, "x", "y"), true)
    end)
end)

test("match.user knows authenticated users only", function()
    guarded({ alice = true }, function(ruleset)
        check.with(_G, { redirect_name = { { match.user("alice"), rule.redirect("hers:1") } } },
            function()
                eq(ruleset.resolve("a:1", "alice", "x", {}), "hers:1")
                eq(ruleset.resolve("a:1", "alice", "x", nil), "a:1")
            end)
    end)
    check.with(_G, { redirect_name = { { match.user("alice"), rule.redirect("hers:1") } } },
        function()
            eq(require("libruleset").resolve("a:1", "alice", "x", {}), "a:1")
        end)
end)

test("loopback is not authenticated again", function()
    guarded({ alice = true }, function(ruleset)
        check.with(_G, { redirect_name = { { match.host("x"), rule.loopback("^x", "y") } } },
            function()
                eq(ruleset.resolve("x:1", "alice", ""), "y:1")
                eq({ num_requests, num_authorized }, { 1, 1 })
            end)
    end)
end)

test("decide does not authenticate", function()
    guarded({}, function(ruleset) eq(ruleset.decide.resolve("a:1"), "a:1") end)
end)

test("without --auth-required nobody is asked", function()
    local ruleset = require("libruleset")
    check.with(_G, { ruleset = { authenticate = function() return false end } }, function()
        eq(ruleset.resolve("a:1", "x", "y"), "a:1")
    end)
end)

test("what the server demands counts, even if the library is loaded before it is known", function()
    check.with(neosocksd, {}, function()
        local kept = _G.ruleset
        local ruleset = check.reload() -- config() says no
        _G.ruleset = ruleset
        check.with(neosocksd, {
            config = function() return { auth_required = true, loglevel = 4 } end,
        }, function() eq(ruleset.resolve("a:1", "x", "y"), nil) end)
        _G.ruleset = kept
        check.reload()
    end)
end)
