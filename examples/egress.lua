-- The exit node of a pair; ingress.lua is the other one. It dials targets, and it keeps the lists
-- that the ingress nodes decide by: downloads them once a week, and hands them out by RPC.
--
--     neosocksd -l 192.0.2.2:1080 --api 127.0.0.1:9080 -r egress.lua
--
-- The lists are text files, a domain or prefix a line. They stay in DIRECTORY, so that a restart
-- does not need the network.

_G.libruleset = require("libruleset")

local DIRECTORY = os.getenv("LISTS") or "/var/lib/neosocksd"
local SOURCES = {
    domains = "https://lists.example.com/domains.txt",
    prefixes = "https://lists.example.com/prefixes4.txt",
    prefixes6 = "https://lists.example.com/prefixes6.txt",
}
local REFRESH_SECONDS = 7 * 24 * 3600
local API = "127.0.0.1:9080"
-- Who may call the RPC functions, which is the same as running code here.
local from_ingress = match.client({ "127.0.0.0/8", "192.0.2.1" })

local function quote(text)
    return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- To a temporary name first: a list is old or new, never half of one.
local function download(name, url)
    local path = DIRECTORY .. "/" .. name .. ".txt"
    local part = path .. ".part"
    local ok, _, status = await.execute(string.format(
        "curl -fsSL --max-time 600 -o %s %s && mv %s %s",
        quote(part), quote(url), quote(part), quote(path)))
    if not ok then evlogf("%s: download failed with status %s", name, status) end
    return ok
end

-- Long loops give way to requests now and then.
local function read_list(name)
    local lines = {}
    local file = io.open(DIRECTORY .. "/" .. name .. ".txt", "r")
    if not file then return lines end
    for line in file:lines() do
        local text = line:match("^%s*([^%s#]+)")
        if text then lines[#lines + 1] = text end
        if #lines % 10000 == 0 then await.idle() end
    end
    file:close()
    return lines
end

-- A global, so that RPC goes on answering while this file is loaded again.
_G.lists = _G.lists or { timestamp = 0, domains = {}, prefixes = {}, prefixes6 = {} }

local function publish()
    local new = { timestamp = os.time() }
    for name in pairs(SOURCES) do new[name] = read_list(name) end
    _G.lists = new
    evlogf("lists: %d domains, %d prefixes, %d IPv6 prefixes", #new.domains, #new.prefixes,
        #new.prefixes6)
end

local function refresh()
    for name, url in pairs(SOURCES) do download(name, url) end
    publish()
end

-- rpc.update(timestamp): the lists, or nil if the caller has these already.
function rpc.update(timestamp)
    if lists.timestamp == (timestamp or 0) then return nil end
    return lists
end

_G.redirect_name = {
    { composite.allof({ match.exact("api.neosocksd.internal:80"), from_ingress }),
        rule.redirect(API), "rpc" },
    { match.domain({ ".internal", "localhost", "localdomain" }), rule.reject() },
    -- DNS over TCP goes to the resolver of this machine, whatever server was asked for.
    { match.port(53), rule.redirect("127.0.0.53:53") },
}
_G.redirect = {
    { match.port(53), rule.redirect("127.0.0.53:53") },
}
_G.route = {
    { inet.subnet({ "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3" }), rule.reject(), "private" },
}
-- This node has no IPv6.
_G.route6 = { { match.any(), rule.reject() } }
_G.route_default = { rule.direct() }

local ruleset = setmetatable({}, {
    __index = function(_, key)
        return _G.libruleset[key]
    end,
})

-- Downloads wait for the first tick: loading a ruleset, which --check does too, should be harmless.
local next_refresh = 0
function ruleset.tick(now)
    libruleset.tick(now)
    if now >= next_refresh then
        -- The first start, if nothing is there yet; else a week after it.
        if next_refresh > 0 or #lists.domains == 0 then async(refresh) end
        next_refresh = now + REFRESH_SECONDS
    end
end

local function main()
    async(publish)
    neosocksd.setinterval(60)
    logf("ruleset loaded, interpreter: %s", _VERSION)
    return ruleset
end

return main()
