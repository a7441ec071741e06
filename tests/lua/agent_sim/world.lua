-- A world of nodes in one process, with a clock that jumps from event to event.
--
-- Each node has an environment of its own, as each server has a VM of its own, and the shipped Lua
-- runs in it unchanged. What the engine would do is played here: routines, await.sleep, RPC, and
-- the way of a request from listener to listener, where every ruleset on the way decides. A proxy
-- URI names a node: socks5://peer2:1080 is the listener of peer2.

local world = {}
world.__index = world

local TIMEOUT = 60 -- the servers' -t

function world.new(root, seed)
    math.randomseed(seed)
    return setmetatable({
        root = root, clock = 1795366316.25, started = 1795366316.25, queue = {}, count = 0,
        nodes = {}, delays = {}, broken = {}, calls = {},
    }, world)
end

-- Time -----------------------------------------------------------------------------------------

function world:after(seconds, f)
    self.count = self.count + 1
    table.insert(self.queue, { at = self.clock + seconds, order = self.count, run = f })
end

function world:run(seconds)
    local until_time = self.clock + seconds
    while true do
        local first
        for i, event in ipairs(self.queue) do
            local best = self.queue[first]
            if not best or event.at < best.at
                or event.at == best.at and event.order < best.order then
                first = i
            end
        end
        if not first or self.queue[first].at > until_time then break end
        local event = table.remove(self.queue, first)
        self.clock = math.max(self.clock, event.at)
        event.run()
    end
    self.clock = until_time
end

-- Marshalling ----------------------------------------------------------------------------------

-- As the engine does it; keys are sorted, so that texts can be compared. `old` marshals as 1.4.2
-- does: a leading zero, no floats, no shared tables.
function world.marshal(old, ...)
    local seen = {}
    local function text(v)
        local kind = math.type(v) or type(v)
        if kind == "string" then
            return '"' .. v:gsub('[%c"\\]', function(c)
                return c == "\n" and "\\\n" or c:find('["\\]') and "\\" .. c
                    or ("\\%03d"):format(c:byte())
            end) .. '"'
        elseif kind == "integer" then
            if old and math.abs(v) > 999999999999 then error("malformed number near '0x'", 0) end
            local zero = old and v ~= 0 and "0" or ""
            return ("%s%s%d"):format(v < 0 and "-" or "", zero, math.abs(v))
        elseif kind == "float" then
            if old then error("malformed number near '0x'", 0) end
            return v ~= v and "0/0" or v == math.huge and "1/0" or v == -math.huge and "-1/0"
                or ("%a"):format(v)
        elseif kind == "table" then
            if seen[v] then error("circular referenced table is not marshallable", 0) end
            seen[v] = true
            local words, keys = {}, {}
            for i, item in ipairs(v) do words[i] = text(item) end
            for key in pairs(v) do
                if not (math.type(key) == "integer" and key >= 1 and key <= #words) then
                    keys[#keys + 1] = key
                end
            end
            table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
            for _, key in ipairs(keys) do
                words[#words + 1] = "[" .. text(key) .. "]=" .. text(v[key])
            end
            seen[v] = old and true or nil
            return "{" .. table.concat(words, ",") .. (#words > 0 and "," or "") .. "}"
        elseif kind == "nil" or kind == "boolean" then
            return tostring(v)
        end
        error(kind .. " is not marshallable", 0)
    end
    local words = table.pack(...)
    for i = 1, words.n do words[i] = text(words[i]) end
    return table.concat(words, ",")
end

-- Nodes ------------------------------------------------------------------------------------------

local function split(addr)
    local host, port = addr:match("^(.*):([^:]*)$")
    if not host then error(("invalid address: `%s'"):format(addr), 2) end
    return host:match("^%[(.*)%]$") or host, port
end

local function ipv4(s)
    local a, b, c, d = tostring(s):match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
    if a then return tonumber(a) << 24 | tonumber(b) << 16 | tonumber(c) << 8 | tonumber(d) end
end

local function start(co, ...)
    local ok, err = coroutine.resume(co, ...)
    if not ok then error(debug.traceback(co, err), 0) end
end

-- Suspends the routine until wake(...) is called, once.
local function suspend(arrange)
    assert(coroutine.isyieldable(), "not in asynchronous routine")
    local co, done = coroutine.running(), false
    arrange(function(...)
        if not done then
            done = true
            start(co, ...)
        end
    end)
    return coroutine.yield()
end

local function copy(t)
    local new = {}
    for k, v in pairs(t) do new[k] = v end
    return new
end

-- What a server's VM offers, as far as the shipped Lua needs it.
function world:environment(node)
    local env = {}
    for _, name in ipairs { "assert", "error", "getmetatable", "ipairs", "math", "next", "os",
        "pairs", "pcall", "rawequal", "rawget", "rawset", "select", "setmetatable", "tonumber",
        "tostring", "type", "xpcall", "coroutine", "debug", "utf8" } do
        env[name] = _G[name]
    end
    env._G, env.string, env.table = env, string, copy(table)
    env.regex, env.zlib = { compile = function() error("no regex here") end }, {}
    env.time = { monotonic = function() return self.clock - self.started end }
    env.print = function(text) node.log[#node.log + 1] = text end
    env.load = function(text, name, mode, own) return load(text, name, mode, own or env) end
    env.marshal = function(...) return world.marshal(node.old, ...) end
    env.package = { loaded = {} }
    env.require = function(name)
        if env.package.loaded[name] == nil then
            local path = self.root .. "/" .. name:gsub("%.", "/") .. ".lua"
            env.package.loaded[name] = assert(loadfile(path, "t", env))(name) or true
        end
        return env.package.loaded[name]
    end
    env.neosocksd = {
        config = function() return { loglevel = 6, auth_required = false } end,
        stats = function() return node.stats end,
        now = function() return self.clock + (node.skew or 0) end,
        splithostport = split, parse_ipv4 = ipv4, parse_ipv6 = function() end,
        setinterval = function() end, invoke = function() end,
        async = function(finish, f, ...)
            local co = coroutine.create(function(...) finish(pcall(f, ...)) end)
            start(co, ...)
            return co
        end,
    }
    env.await = {
        sleep = function(seconds)
            suspend(function(wake) self:after(seconds, wake) end)
        end,
        invoke = function(code, addr, ...)
            local hops = { ... }
            return suspend(function(wake) self:call(node, code, addr, hops, wake) end)
        end,
    }
    return env
end

-- A node without anything: the caller gives it env.rpc and env.ruleset.
function world:node(name)
    local node = { name = name, log = {}, stats = {}, up = true, world = self }
    node.env = self:environment(node)
    self.nodes[name] = node
    return node
end

-- The network ------------------------------------------------------------------------------------

-- Time from one node to the other, both ways; false: no connection.
function world:delay(a, b, seconds)
    self.delays[a .. " " .. b], self.delays[b .. " " .. a] = seconds, seconds
end

local function host_of(uri)
    return (split(uri:match("^%w+://(.*)$")))
end

function world:enter(from, host)
    local node, delay = self.nodes[host], self.delays[from.name .. " " .. host]
    if not node or not node.up or delay == false then error("connection failed", 0) end
    self.way.time = self.way.time + (delay or 0.001)
    return node
end

-- What becomes of a request at a node: its ruleset decides, and the decision is carried out.
function world:request(node, addr)
    self.way[#self.way + 1] = node.name .. " " .. addr
    if #self.way > 20 then error("the request goes in circles", 0) end
    local decision = table.pack(node.env.ruleset.resolve(addr))
    if decision[1] == nil then error("rejected", 0) end
    local hops = {}
    for i = decision.n, 2, -1 do hops[#hops + 1] = decision[i] end
    return self:connect(node, decision[1], hops)
end

function world:connect(node, addr, hops)
    if #hops == 0 then
        if self.nodes[(split(addr))] then return self:enter(node, (split(addr))) end
        return node, addr
    end
    local at = self:enter(node, host_of(hops[1]))
    for i = 2, #hops do at = self:request(at, (hops[i]:match("^%w+://(.*)$"))) end
    return self:request(at, addr)
end

-- Sends a request from a node's client. Returns the node that serves it, the address there, and
-- the way: a list of "NODE ADDRESS".
function world:client(node, addr)
    self.way = { time = 0 }
    local ok, at, final = pcall(self.request, self, node, addr)
    if not ok then return nil, at, self.way end
    return at.name, final, self.way
end

-- RPC --------------------------------------------------------------------------------------------

function world:execute(node, code, reply)
    local chunk, err = load(code, "=(rpc)", "t", setmetatable({}, { __index = node.env }))
    if not chunk then return reply(false, err) end
    node.env.neosocksd.async(function(ok, ...)
        if not ok and node.hides_errors then
            return reply(false, "HTTP/1.1 500 Internal Server Error")
        end
        local marshalled, text = pcall(world.marshal, node.old, ok, ...)
        if not marshalled then text = "false," .. ("%q"):format(text) end
        reply(true, "return " .. text)
    end, chunk)
end

function world:call(from, code, addr, hops, wake)
    self:after(TIMEOUT, function() wake(false, "timeout") end)
    local chain = {}
    for i = #hops, 1, -1 do chain[#chain + 1] = hops[i] end
    self.way = { time = 0 }
    local ok, at, final = pcall(self.connect, self, from, addr, chain)
    local time = self.way.time
    if not ok or final ~= "127.0.0.1:9080" then
        return self:after(time, function() wake(false, "connection failed") end)
    end
    self.calls[#self.calls + 1] = { from = from.name, to = at.name, code = code }
    if self.broken[at.name] == "silent" then return end
    self:after(time, function()
        self:execute(at, code, function(sent, text)
            self.calls[#self.calls + 1] = { from = at.name, to = from.name, code = text }
            if self.broken[at.name] then text = self.broken[at.name] end
            self:after(time, function()
                if not sent then return wake(false, text) end
                local f = load(text, "=(rpc)", "t", setmetatable({}, { __index = from.env }))
                if f then wake(true, f) else wake(false, "malformed response") end
            end)
        end)
    end)
end

return world
