-- libruleset.md section 10: the history of requests, and its text.

local check = require("check")
local test, eq = check.test, check.eq

local ruleset = require("libruleset")

-- The text after intervals with these numbers of requests; the last one is still running.
local function after(counts, events)
    return check.with(_G, {
        num_requests = 0,
        stat_requests = rlist:new(60, { 0 }),
        recent_events = events or rlist:new(100),
    }, function()
        for i, count in ipairs(counts) do
            num_requests = num_requests + count
            if i < #counts then ruleset.tick(0.5) end
        end
        return ruleset.stats(1.5)
    end)
end

test("the sample", function()
    local events = rlist:new(100)
    events:push({ msg = "something", count = 3, tstamp = 1700000000 })
    events:push({ msg = "authenticate failed: \"num\"", count = 1, tstamp = 1700000001 })
    eq(after({ 1, 4, 10, 6 }, events), table.concat({
        "> Recent Events",
        format_timestamp(1700000001) .. " authenticate failed: \"num\"",
        format_timestamp(1700000000) .. " something (x3)",
        "> Request Stats",
        "  | ",
        "  | ",
        "  ||",
        " |||",
        "||||",
        "---* (peak=10)",
    }, "\n"))
end)

test("before the first tick there is one column", function()
    eq(after({ 0 }), "> Recent Events\n> Request Stats\n \n \n \n \n \n* (peak=0)")
    eq(after({ 3 }), "> Recent Events\n> Request Stats\n|\n|\n|\n|\n|\n* (peak=3)")
end)

test("an hour is shown, oldest left", function()
    local counts = { 9 }
    for i = 2, 80 do counts[i] = 0 end
    counts[80] = 1
    local text = after(counts)
    check.matches(text, "\n" .. ("%-"):rep(59) .. "%* %(peak=1%)$")
    check.matches(text, "\n" .. (" "):rep(59) .. "|\n%-")
end)

test("ten events are shown, or RECENT_EVENTS_STATS", function()
    local events = rlist:new(100)
    for i = 1, 12 do events:push({ msg = "e" .. i, count = 1, tstamp = 0 }) end
    local text = after({ 0 }, events)
    eq(select(2, text:gsub(" e%d+\n", "")), 10)
    check.matches(text, " e12\n.* e3\n> Request")
    eq(RECENT_EVENTS_STATS, 10)
    check.with(_G, { RECENT_EVENTS_STATS = 2 }, function()
        eq(select(2, after({ 0 }, events):gsub(" e%d+\n", "")), 2)
    end)
end)

test("tick takes an argument, or none", function()
    check.with(_G, { stat_requests = rlist:new(60, { 0 }), num_requests = 7 }, function()
        ruleset.tick()
        ruleset.tick(1700000000.5)
        eq(stat_requests.len, 3)
        eq(stat_requests:get(1), 7)
    end)
end)

test("the ring starts with one entry", function()
    check.with(_G, {}, function()
        local kept = stat_requests
        _G.stat_requests = nil
        check.reload()
        eq({ stat_requests.cap, stat_requests.len }, { 60, 1 })
        _G.stat_requests = kept
        check.reload()
    end)
end)
