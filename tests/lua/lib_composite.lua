-- libruleset.md sections 7 and 13: combinators of matchers, nested tables of rules.

local check = require("check")
local test, eq, returns = check.test, check.eq, check.returns

require("libruleset")

local function yes() return true end
local function no() return false end
local function never() error("must not be asked") end

test("inverse", function()
    eq(composite.inverse(yes)("a:1"), false)
    eq(composite.inverse(no)("a:1"), true)
    eq(composite.inverse(function() return nil end)(1, 2), true)
end)

test("anyof asks in order until one matches", function()
    eq(composite.anyof({ no, yes, never })("a:1"), true)
    eq(composite.anyof({ no, no })("a:1"), false)
    eq(composite.anyof({})("a:1"), false)
end)

test("allof asks in order until one does not match", function()
    eq(composite.allof({ yes, no, never })("a:1"), false)
    eq(composite.allof({ yes, yes })("a:1"), true)
    eq(composite.allof({})("a:1"), true)
end)

test("they pass on one integer, or two", function()
    local seen
    local function spy(...) seen = { ... } return true end
    composite.allof({ composite.anyof({ composite.inverse(spy) }) })(1, 2)
    eq(seen, { 1, 2 })
    composite.maybe({ x = spy }, "x")(7)
    eq(seen[1], 7)
    eq(seen[2], nil)
end)

test("maybe looks its matcher up when asked", function()
    local t = {}
    local matcher = composite.maybe(t, "list")
    eq(matcher("a:1"), false)
    t.list = match.host("a")
    eq(matcher("a:1"), true)
    eq(matcher("b:1"), false)
    t.list = match.host("b")
    eq(matcher("b:1"), true)
    t.list = nil
    eq(matcher("b:1"), false)
    eq(composite.maybe({ 5, yes }, 2)("a:1"), true)
end)

local function decide(rules, addr)
    return table.pack(check.with(_G, { redirect_name = rules, route_default = { rule.reject() } },
        require("libruleset").decide.resolve, addr))
end

test("a functional matcher returns its action, and a tag", function()
    local rules = { { function(addr)
        if addr == "a:1" then return rule.proxy("http://p:1"), "tagged" end
    end } }
    check.with(_G, { recent_events = rlist:new(10) }, function()
        returns(decide(rules, "a:1"), "a:1", "http://p:1")
        eq(recent_events:get(1).msg, "[tagged] \"a:1\"")
        returns(decide(rules, "b:1"), nil)
        eq(recent_events.len, 1)
    end)
end)

test("a rule with an action works as before, whatever its matcher returns", function()
    returns(decide({ { function() return rule.reject() end, rule.direct() } }, "a:1"), "a:1")
    returns(decide({ { function() return 5 end, rule.direct() } }, "a:1"), "a:1")
end)

test("subchain is a table within a table", function()
    local t = { chain = {
        { match.host("a"), rule.redirect("first:1") },
        { match.host("b"), rule.redirect("second:1"), "inner" },
    } }
    local rules = {
        { composite.subchain(t, "chain") },
        { match.any(), rule.redirect("after:1") },
    }
    returns(decide(rules, "a:1"), "first:1")
    check.with(_G, { recent_events = rlist:new(10) }, function()
        returns(decide(rules, "b:1"), "second:1")
        eq(recent_events:get(1).msg, "[inner] \"b:1\"")
    end)
    returns(decide(rules, "c:1"), "after:1")
    t.chain = nil
    returns(decide(rules, "a:1"), "after:1")
    t.chain = {}
    returns(decide(rules, "a:1"), "after:1")
end)

test("subchains nest, and a rule without action returns from one", function()
    local t = {
        outer = { { match.port(1), nil }, { composite.subchain({ x = {
            { match.any(), rule.redirect("inner:1") } } }, "x") } },
    }
    local rules = {
        { composite.subchain(t, "outer") },
        { match.any(), rule.redirect("after:1") },
    }
    returns(decide(rules, "a:1"), "after:1")
    returns(decide(rules, "a:2"), "inner:1")
end)
