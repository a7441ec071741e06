-- The agent in a simulated network: deterministic, in virtual time, in milliseconds.
--
--     lua5.4 tests/lua/agent_sim.lua --list
--     lua5.4 tests/lua/agent_sim.lua [NAME ...]         all of them without a name
--
-- AGENT_SIM_SEED repeats a run with the random numbers (jitter of intervals) of another one.
-- tests/e2e/test_agent_sim.py runs each case for itself.

local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/?.lua"
local world = require("agent_sim.world")

-- Assertions, for all files of cases.

function _G.equal(got, wanted, note)
    if got ~= wanted then
        error(("%sgot %s\nwanted %s"):format(note and note .. ": " or "", tostring(got),
            tostring(wanted)), 2)
    end
end

function _G.contains(text, part)
    if not tostring(text):find(part, 1, true) then
        error(("no %q in:\n%s"):format(part, tostring(text)), 2)
    end
end

function _G.lacks(text, part)
    if tostring(text):find(part, 1, true) then error(("%q in:\n%s"):format(part, text), 2) end
end

function _G.matches(text, pattern)
    if not text:find(pattern) then error(("no match of %q in:\n%s"):format(pattern, text), 2) end
end

local cases, names = {}, {}
for _, file in ipairs { "network", "lifetime", "generations", "wire", "hostile" } do
    for name, case in pairs(require("agent_sim." .. file)) do
        cases[name] = case
        names[#names + 1] = name
    end
end
table.sort(names)

if arg[1] == "--list" then
    print(table.concat(names, "\n"))
    os.exit(true)
end
local seed = tonumber(os.getenv("AGENT_SIM_SEED") or 1)
local failures = 0
for _, name in ipairs(#arg > 0 and arg or names) do
    local one = world.new(here .. "/../../lua", seed)
    local ok, err = xpcall(cases[name], debug.traceback, one)
    if not ok then
        failures = failures + 1
        print(("%s fails (AGENT_SIM_SEED=%d):\n%s"):format(name, seed, err))
        for _, node in pairs(one.nodes) do
            for _, text in ipairs(node.log) do print(node.name .. "| " .. text) end
        end
    end
end
os.exit(failures == 0)
