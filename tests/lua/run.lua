-- Runs every test of this folder inside the program: neosocksd -l 127.0.0.1:0 -r tests/lua/run.lua
--
-- Prints a line for each failure and at last `RESULT passed=N failed=M`. The files run one after
-- the other in one routine. NEOSOCKSD_LUA_TESTS names some of them, with blanks between.

-- What a script finds when it starts, before anything is defined; vm_environment.lua asks.
local found = {}
for name, value in pairs(_G) do found[name] = value end
_G.at_start = {
    globals = found,
    arguments = table.pack(...),
    path = package.path,
    cpath = package.cpath,
    stats = neosocksd.stats(),
    yieldable = coroutine.isyieldable(),
    await = table.pack(pcall(await.sleep, 0)),
}

local directory = debug.getinfo(1, "S").source:match("^@(.*)run%.lua$")
package.path = directory .. "?.lua;" .. directory .. "../../lua/?.lua;" .. package.path

local check = require("check")

local FILES = {
    "vm_environment", "vm_routines", "vm_cancel", "vm_neosocksd", "vm_addresses", "vm_await",
    "vm_regex", "vm_regex_gmatch", "vm_time_zlib", "vm_marshal", "vm_config_stats",
    "lib_helpers", "lib_lists", "lib_log", "lib_addresses", "lib_async", "lib_rpc", "lib_match",
    "lib_match_address", "lib_match_request", "lib_composite", "lib_rules", "lib_lb",
    "lib_decide", "lib_auth", "lib_stats", "lib_later", "lib_reload",
}

local function chosen()
    local names = {}
    for name in (os.getenv("NEOSOCKSD_LUA_TESTS") or ""):gmatch("%S+") do
        names[#names + 1] = name
    end
    return #names > 0 and names or FILES
end

local function run()
    for _, name in ipairs(chosen()) do
        check.file = name
        local chunk, problem = loadfile(directory .. name .. ".lua")
        check.test("(loads)", function() check.eq(problem, nil) end)
        if chunk then check.test("(runs)", chunk, name) end
    end
end

local done = false
neosocksd.async(function(ok, problem)
    done = true
    if not ok then
        check.failed = check.failed + 1
        print("FAILED run.lua: " .. tostring(problem))
    end
    print(string.format("RESULT passed=%d failed=%d", check.passed, check.failed))
end, function()
    await.sleep(0) -- the server has started now
    run()
end)

-- A test that waits for ever is a failure with a name.
neosocksd.async(function() end, function()
    await.sleep(tonumber(os.getenv("NEOSOCKSD_LUA_DEADLINE")) or 60)
    if not done then
        print(string.format("FAILED %s: %s: does not end", check.file, tostring(check.running)))
        print(string.format("RESULT passed=%d failed=%d", check.passed, check.failed + 1))
    end
end)

return {}
