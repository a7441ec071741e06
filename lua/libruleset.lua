-- libruleset: the rule library. Rule tables, matchers, actions, authentication, futures, RPC,
-- event log and statistics for rulesets; `docs/ruleset.md` is the guide, this file the reference.
--
--     _G.libruleset = require("libruleset")
--     _G.redirect_name = { { match.domain(".example"), rule.reject() } }
--     return setmetatable({}, { __index = function(_, k) return _G.libruleset[k] end })
--
-- It is one file, although a long one, because a running server replaces it as one: POST it to
-- /ruleset/update?module=libruleset. What must survive that (counters, events, credentials, RPC
-- handlers) lives in globals which are kept when they exist; everything else is defined anew.
--
-- Asking costs little: what a request runs through makes no table, no closure and no vararg list.
-- Long lists become native sets where the program offers them (neosocksd.set).
--
-- Matchers and actions are called with the address text and the request (see neosocksd.lua):
--     text matchers and actions   f(address, nil, request)
--     IPv4 matchers               f(integer, nil, request)
--     IPv6 matchers               f(high, low, request)
-- The request is the third argument everywhere, so that one matcher fits every table.

local byte, find, format, gmatch = string.byte, string.find, string.format, string.gmatch
local gsub, lower, strmatch, sub = string.gsub, string.lower, string.match, string.sub
local pack, unpack = table.pack, table.unpack
local parse_ipv4, parse_ipv6 = neosocksd.parse_ipv4, neosocksd.parse_ipv6
local splithostport = neosocksd.splithostport
local native = neosocksd.set

_G.config = neosocksd.config()

-- Functions that others (agent.lua, the ruleset) have put into a table of ours stay available when
-- this file is loaded again.
local function define(name)
    local new, old = {}, _G[name]
    if type(old) == "table" then
        for key, value in pairs(old) do new[key] = value end
    end
    _G[name] = new
    return new
end

--------------------------------------------------------------------------------
-- Small helpers

function _G.printf(...)
    print(format(...))
end

-- Local time, such as 2023-11-14T22:13:20+00:00.
local function format_timestamp(t)
    local text = os.date("%Y-%m-%dT%H:%M:%S%z", math.floor(t))
    return sub(text, 1, -3) .. ":" .. sub(text, -2)
end
_G.format_timestamp = format_timestamp

function string.startswith(s, prefix)
    return sub(s, 1, #prefix) == prefix
end

function string.endswith(s, suffix)
    return suffix == "" or sub(s, -#suffix) == suffix
end

-- table.get(t, k1, k2, ...): t[k1][k2]..., or nil as soon as a step is nil.
function table.get(t, ...)
    for i = 1, select("#", ...) do
        if t == nil then return nil end
        t = t[(select(i, ...))]
    end
    return t
end

-- Replaces a loaded module; a global of its name that was the old module follows.
function package.replace(name, chunk)
    local follows = rawequal(_G[name], package.loaded[name])
    local module = chunk(name)
    package.loaded[name] = module
    if follows then _G[name] = module end
end

-- The inverse of marshal(). The text is code: it runs without any global, but it runs.
function _G.unmarshal(s)
    local chunk, problem = load("return " .. s, "=(unmarshal)", "t", {})
    if not chunk then error(problem, 0) end
    return chunk()
end

local function has_name(value, name)
    local metatable = getmetatable(value)
    return type(metatable) == "table" and rawget(metatable, "__name") == name
end

-- The host part of an address, with its brackets; and host and port as an address.
local function host_text(addr)
    return strmatch(addr, "^(.*):")
end

local function join(host, port)
    if find(host, ":", 1, true) and byte(host, 1) ~= 91 then -- 91 is "["
        return "[" .. host .. "]:" .. port
    end
    return host .. ":" .. port
end

--------------------------------------------------------------------------------
-- list: an array with methods

local list = { __name = "list" }
list.__index = list
_G.list = list

list.insert = function(self, ...) table.insert(self, ...) end
list.remove = table.remove
list.unpack = table.unpack
list.concat = table.concat
list.iter = ipairs

function list:new(t)
    return setmetatable(t or {}, self)
end

function list:check(value)
    return has_name(value, "list") and value or nil
end

function list:insertf(...)
    self[#self + 1] = format(...)
end

function list:append(t)
    return table.move(t, 1, #t, #self + 1, self)
end

function list:map(f)
    for i, value in ipairs(self) do self[i] = f(value) end
    return self
end

function list:reverse()
    local n = #self
    for i = 1, n // 2 do
        self[i], self[n + 1 - i] = self[n + 1 - i], self[i]
    end
    return self
end

function list:sort(...)
    table.sort(self, ...)
    return self
end

function list:totable()
    return setmetatable(self, nil)
end

--------------------------------------------------------------------------------
-- rlist: a ring of the last `cap` items; items[pos] is the newest

local rlist = { __name = "rlist" }
rlist.__index = rlist
_G.rlist = rlist

-- `t` holds the first items, oldest first, and becomes the ring.
function rlist:new(cap, t)
    t = t or {}
    local n = #t
    if n > cap then
        table.move(t, n - cap + 1, n, 1)
        for i = cap + 1, n do t[i] = nil end
        n = cap
    end
    t.cap, t.len, t.pos = cap, n, n
    return setmetatable(t, self)
end

function rlist:check(value)
    return has_name(value, "rlist") and value or nil
end

function rlist:push(value)
    local pos = self.pos % self.cap + 1
    self[pos], self.pos = value, pos
    if self.len < self.cap then self.len = self.len + 1 end
end

-- 1 is the newest, len the oldest; -1 is the oldest, -len the newest.
function rlist:get(i)
    local len = self.len
    if i < 0 then i = len + 1 + i end
    if i < 1 or i > len then return nil end
    return self[(self.pos - i) % self.cap + 1]
end

local function rlist_next(ring, i)
    i = i + 1
    if i <= ring.len then return i, ring:get(i) end
end

-- for i, value in ring:iter(): newest first.
function rlist:iter()
    return rlist_next, self, 0
end

-- Keeps a ring over a reload, whose class is a new one.
local function keep_ring(name, cap, first)
    local ring = _G[name]
    _G[name] = rlist:check(ring) and setmetatable(ring, rlist) or rlist:new(cap, first)
end

--------------------------------------------------------------------------------
-- Log and events

keep_ring("recent_events", 100)

local function logging()
    if neosocksd.explaining and neosocksd.explaining() then return true end
    local config = _G.config
    return config and (config.loglevel or 0) >= 6
end

-- `level` is the stack level of whoever logs, as seen from the caller of emit().
local function emit(level, text)
    local info = debug.getinfo(level + 1, "Sl")
    local source, line = "?", 0
    if info then
        source, line = info.short_src, info.currentline
        if byte(info.source, 1) == 64 then -- "@": a file
            source = strmatch(info.source, "[^/]*$", 2)
        end
    end
    print(format("D %s %s:%d %s", format_timestamp(os.time()), source, line, text))
end

local function join_arguments(...)
    local words = pack(...)
    for i = 1, words.n do words[i] = tostring(words[i]) end
    return table.concat(words, "\t", 1, words.n)
end

local function record(msg)
    local events, now = _G.recent_events, os.time()
    local newest = events:get(1)
    if newest and newest.msg == msg then
        newest.count, newest.tstamp = newest.count + 1, now
    else
        events:push({ msg = msg, count = 1, tstamp = now })
    end
end

function _G.log(...)
    if logging() then emit(2, join_arguments(...)) end
end

function _G.logf(...)
    if logging() then emit(2, format(...)) end
end

function _G.evlog(...)
    local text = join_arguments(...)
    record(text)
    if logging() then emit(2, text) end
end

local function evlogf(...)
    local text = format(...)
    record(text)
    if logging() then emit(2, text) end
end
_G.evlogf = evlogf

--------------------------------------------------------------------------------
-- Subnets. The third and later results of the cidr functions are masks.

local function cidr4(text, level)
    local addr, digits = strmatch(text, "^(.*)/(%d+)$")
    local size = digits and tonumber(digits)
    if not size or size > 32 then
        error(format("invalid prefix size %q", text), level + 1)
    end
    local mask = (0xFFFFFFFF << (32 - size)) & 0xFFFFFFFF
    local net = parse_ipv4(addr)
    if not net or net & ~mask ~= 0 then
        error(format("invalid subnet %q", text), level + 1)
    end
    return net, size, mask
end

local function cidr6(text, level)
    local addr, digits = strmatch(text, "^(.*)/(%d+)$")
    local size = digits and tonumber(digits)
    if not size or size > 128 then
        error(format("invalid prefix size %q", text), level + 1)
    end
    local mask1 = size < 64 and ~(-1 >> size) or -1
    local mask2 = size > 64 and (size < 128 and ~(-1 >> (size - 64)) or -1) or 0
    local net1, net2 = parse_ipv6(addr)
    if not net1 or net1 & ~mask1 ~= 0 or net2 & ~mask2 ~= 0 then
        error(format("invalid subnet %q", text), level + 1)
    end
    return net1, net2, size, mask1, mask2
end

-- "10.0.0.0/8": network as an integer, prefix length.
function _G.parse_cidr(text)
    local net, size = cidr4(text, 2)
    return net, size
end

-- "fe80::/10": both halves of the network, prefix length.
function _G.parse_cidr6(text)
    local net1, net2, size = cidr6(text, 2)
    return net1, net2, size
end

--------------------------------------------------------------------------------
-- Asynchronous routines

local future = { __name = "future" }
future.__index = future

-- true, results... or false, error. Waits if it must, which only a routine can.
function future:get()
    local result = self.result
    if not result then
        assert(coroutine.isyieldable())
        local wakeup = self.wakeup
        wakeup[#wakeup + 1] = coroutine.running()
        repeat
            coroutine.yield()
            result = self.result
        until result
    end
    return unpack(result, 1, result.n)
end

-- Starts f(...) in a routine of its own, which runs at once to its first await.
function _G.async(f, ...)
    local self = setmetatable({ wakeup = {} }, future)
    local function finish(...)
        local wakeup = self.wakeup
        self.result, self.wakeup = pack(...), nil
        for i = 1, #wakeup do coroutine.resume(wakeup[i]) end
    end
    self.co = neosocksd.async(finish, f, ...)
    return self
end

-- Calls f(cb, ...) and waits until somebody calls cb(...); returns what cb was given.
function await.callback(f, ...)
    if not coroutine.isyieldable() then error("not in asynchronous routine", 0) end
    local routine, result, waiting = coroutine.running(), nil, false
    f(function(...)
        if result then error("callback was called already", 2) end
        result = pack(...)
        if waiting then coroutine.resume(routine) end
    end, ...)
    waiting = true
    while not result do coroutine.yield() end
    return unpack(result, 1, result.n)
end

--------------------------------------------------------------------------------
-- RPC: functions of `rpc` answer calls, functions of `msgh` take messages

_G.rpc = _G.rpc or {}
_G.msgh = _G.msgh or {}

function rpc.echo(...)
    return ...
end

function msgh.nop()
end

-- The name becomes part of the code that the other side runs: identifiers and dots only.
local function check_name(name)
    local plain = type(name) == "string" and not find(name, "[^%w_.]")
    if plain then
        for word in gmatch(name .. ".", "([^.]*)%.") do
            plain = plain and find(word, "^[%a_]") ~= nil
        end
    end
    if not plain then error(format("invalid function name: %s", tostring(name)), 3) end
end

local function answer(called, ok, ...)
    if not called then return false, ok end
    if ok == true then return true, ... end
    if ok == false then return false, ... end
    return false, "malformed response"
end

-- Calls rpc.NAME(...) of the server at `target`, {address, proxyN, ..., proxy1}.
-- true, results... or false, message.
function await.rpcall(target, name, ...)
    check_name(name)
    local code = "return rpc." .. name .. "(" .. marshal(...) .. ")"
    local ok, response = await.invoke(code, unpack(target))
    if not ok then return false, response end
    return answer(pcall(response))
end

-- Calls msgh.NAME(...) over there, without waiting for anything.
function neosocksd.sendmsg(target, name, ...)
    check_name(name)
    neosocksd.invoke("msgh." .. name .. "(" .. marshal(...) .. ")", unpack(target))
end

--------------------------------------------------------------------------------
-- Regular expressions: \d \w \s and \D \W \S, which POSIX lacks

local CLASSES = {
    d = "[0-9]", w = "[_[:alnum:]]", s = "[[:space:]]",
    D = "[^0-9]", W = "[^_[:alnum:]]", S = "[^[:space:]]",
}
local MEMBERS = { d = "0-9", w = "_[:alnum:]", s = "[:space:]" }

-- Rewrites them into bracket expressions, also inside one: [\d.] becomes [0-9.].
function regex.compat(s)
    local out, pos = {}, 1
    while pos <= #s do
        local text = strmatch(s, "^[^\\%[]+", pos)
        if not text then
            text = strmatch(s, "^%[%^?%]?[^%]]*", pos)
            if text then -- a bracket expression, up to its end; [:classes:] have brackets too
                while find(text, "%[[:.=][^:.=]*[:.=]$") do
                    text = text .. (strmatch(s, "^%][^%]]*", pos + #text) or "]")
                end
                pos = pos + #text
                text = gsub(text, "\\([dws])", MEMBERS)
            else -- a backslash and what it escapes
                text = sub(s, pos, pos + 1)
                pos = pos + 2
                text = CLASSES[sub(text, 2)] or text
            end
        else
            pos = pos + #text
        end
        out[#out + 1] = text
    end
    return table.concat(out)
end

--------------------------------------------------------------------------------
-- Matchers on text

local match = define("match")

-- Makes a native set; what is wrong with its arguments is told with the ruleset's own line.
local function build(make, ...)
    local ok, result = pcall(make, ...)
    -- Called through pcall, the function has no name to Lua.
    if not ok then error((gsub(result, " to '%?'", "")), 3) end
    return result
end

local function offered(kind)
    local make = native and native[kind]
    if not make then error(format("this program offers no neosocksd.set.%s", kind), 3) end
    return make
end

-- A mistyped variable is nil: a rule made of it would match nothing, and nobody would notice.
local function as_list(value, level)
    if value == nil then error("a text or a list is expected, not nil", level or 3) end
    return type(value) == "table" and value or { value }
end

function match.any()
    return function() return true end
end

-- The whole address, such as "example.org:443"; case does not matter.
function match.exact(value)
    local set, count, only = {}, 0, nil
    for _, addr in ipairs(as_list(value)) do
        if not find(addr, ":", 1, true) then
            error(format("invalid address %q", addr), 2)
        end
        only = lower(addr)
        set[only], count = true, count + 1
    end
    if count == 1 then
        local size = #only
        return function(addr)
            return #addr == size and lower(addr) == only
        end
    end
    return function(addr)
        return set[lower(addr)] or false
    end
end

-- Names compare in lower case and without the dot that may end them, as native sets do it.
local function plain_name(name)
    name = lower(name)
    return byte(name, -1) == 46 and sub(name, 1, -2) or name -- 46 is "."
end

local function bare_host(name)
    return plain_name(strmatch(name, "^%[(.*)%]$") or name)
end

-- The whole host; any port.
function match.host(value)
    if native and native.host then
        local set = build(native.host, as_list(value))
        return set
    end
    local set = {}
    for _, name in ipairs(as_list(value)) do set[bare_host(name)] = true end
    return function(addr)
        return set[plain_name((splithostport(addr)))] or false
    end
end

-- The text behind the last colon, which is near the end.
local function port_text(addr)
    return strmatch(addr, ":([^:]*)$", -6) or strmatch(addr, "^.*:(.*)$") or ""
end

-- A port, a range of ports, or a list of ports (which compares text: "0443" is not 443).
function match.port(from, to)
    if type(from) == "table" then
        local set = {}
        for _, port in ipairs(from) do set[tostring(port)] = true end
        return function(addr)
            return set[port_text(addr)] or false
        end
    end
    to = to or from
    return function(addr)
        local port = tonumber(port_text(addr))
        return port ~= nil and from <= port and port <= to
    end
end

local function without_dot(name)
    return byte(name, 1) == 46 and sub(name, 2) or name
end

-- match.domain("."): hosts that end in a dot, or are empty.
local function rooted(addr)
    local host = splithostport(addr)
    return host == "" or byte(host, -1) == 46
end

local function in_domains(set)
    return function(addr)
        local name, dot = plain_name((splithostport(addr))), 0
        repeat
            if set[sub(name, dot + 1)] then return true end
            dot = find(name, ".", dot + 1, true)
        until not dot
        return false
    end
end

-- The domain itself and every name below it; ".example.org" is the same as "example.org".
function match.domain(value)
    if type(value) ~= "table" then
        value = as_list(value)[1]
        if without_dot(value) == "" then return rooted end
        value = { value }
    end
    if native then
        local set = build(native.domain, value)
        return set
    end
    local set = {}
    for _, name in ipairs(value) do
        name = plain_name(without_dot(name))
        if name ~= "" then set[name] = true end
    end
    return in_domains(set)
end

-- Nested tables from the top level down: {com = {example = true}} is example.com and below.
function match.domaintree(tree)
    if type(tree) ~= "table" then error("domain tree should be a table", 2) end
    if native then
        local set = build(native.domaintree, tree)
        return set
    end
    local set = {}
    local function walk(branch, suffix)
        for label, below in pairs(branch) do
            local name = lower(label) .. suffix
            if below == true then
                set[name] = true
            elseif type(below) == "table" then
                walk(below, "." .. name)
            end
        end
    end
    walk(tree, "")
    return in_domains(set)
end

-- A domain for each line of a text file, which may be compressed by gzip.
function match.domain_file(path)
    local set = build(offered("domain_file"), path)
    return set
end

-- The country of a literal address, by a MaxMind database: match.geoip("country.mmdb", "CN", "JP").
-- For all tables; names have no country before they are resolved.
function match.geoip(db, ...)
    local set = build(offered("geoip"), db, ...)
    return set
end

-- The autonomous system, in the same way: match.asn("asn.mmdb", 64500).
function match.asn(db, ...)
    local set = build(offered("asn"), db, ...)
    return set
end

-- Lua patterns, found anywhere in the address.
function match.pattern(value)
    if type(value) ~= "table" then
        return function(addr) return find(addr, value) ~= nil end
    end
    return function(addr)
        for i = 1, #value do
            if find(addr, value[i]) then return true end
        end
        return false
    end
end

-- POSIX extended regular expressions, found anywhere in the address. A bad one is an error; in a
-- list, which is often somebody else's, it is left out and recorded as an event.
function match.regex(value)
    if type(value) ~= "table" then
        local ok, reg = pcall(regex.compile, regex.compat(value))
        if not ok then error(reg, 2) end
        return function(addr) return reg:find(addr) ~= nil end
    end
    local compiled = {}
    for _, pattern in ipairs(value) do
        local ok, reg = pcall(regex.compile, regex.compat(pattern))
        if ok then
            compiled[#compiled + 1] = reg
        else
            evlogf("match.regex: skipped %q: %s", pattern, reg)
        end
    end
    return function(addr)
        for i = 1, #compiled do
            if compiled[i]:find(addr) then return true end
        end
        return false
    end
end

--------------------------------------------------------------------------------
-- Matchers on addresses

local inet = define("inet")

function inet.subnet(value)
    local list4 = as_list(value)
    if #list4 == 1 then
        local net, _, mask = cidr4(list4[1], 2)
        return function(ip) return ip & mask == net end
    end
    if native then
        local set = build(native.subnet, list4)
        return set
    end
    local masks, sets, count = {}, {}, 0 -- the networks of each prefix length
    for _, text in ipairs(list4) do
        local net, _, mask = cidr4(text, 2)
        local i = 1
        while i <= count and masks[i] ~= mask do i = i + 1 end
        if i > count then count, masks[i], sets[i] = i, mask, {} end
        sets[i][net] = true
    end
    return function(ip)
        for i = 1, count do
            if sets[i][ip & masks[i]] then return true end
        end
        return false
    end
end

function inet.subnet_file(path)
    local set = build(offered("subnet_file"), path)
    return set
end

local inet6 = define("inet6")

function inet6.subnet(value)
    local list6 = as_list(value)
    if #list6 == 1 then
        local net1, net2, _, mask1, mask2 = cidr6(list6[1], 2)
        return function(ip1, ip2) return ip1 & mask1 == net1 and ip2 & mask2 == net2 end
    end
    if native then
        local set = build(native.subnet6, list6)
        return set
    end
    local masks1, masks2, sets, count = {}, {}, {}, 0
    for _, text in ipairs(list6) do
        local net1, net2, _, mask1, mask2 = cidr6(text, 2)
        local i = 1
        while i <= count and not (masks1[i] == mask1 and masks2[i] == mask2) do i = i + 1 end
        if i > count then count, masks1[i], masks2[i], sets[i] = i, mask1, mask2, {} end
        local nets = sets[i]
        nets[net1] = nets[net1] or {}
        nets[net1][net2] = true
    end
    return function(ip1, ip2)
        for i = 1, count do
            local nets = sets[i][ip1 & masks1[i]]
            if nets and nets[ip2 & masks2[i]] then return true end
        end
        return false
    end
end

function inet6.subnet_file(path)
    local set = build(offered("subnet6_file"), path)
    return set
end

--------------------------------------------------------------------------------
-- Matchers on the request. They fit every table, and fail where there is no request to look at.

-- Whether request[field] is the value, or one of the list.
local function on_request(field, value)
    local set = {}
    for _, one in ipairs(as_list(value, 4)) do set[one] = true end
    return function(_, _, request)
        local got = request and request[field]
        return got ~= nil and set[got] or false
    end
end

-- The client's address: prefixes of both families, or plain addresses.
function match.client(value)
    local list4, list6 = {}, {}
    for _, text in ipairs(as_list(value)) do
        local v6 = find(text, ":", 1, true)
        if not find(text, "/", 1, true) then text = text .. (v6 and "/128" or "/32") end
        if v6 then cidr6(text, 2) else cidr4(text, 2) end
        local into = v6 and list6 or list4
        into[#into + 1] = text
    end
    local in4, in6 = inet.subnet(list4), inet6.subnet(list6)
    return function(_, _, request)
        local client = request and request.client
        if not client or not find(client, ":[^:]*$") then return false end
        local host = splithostport(client)
        local ip = parse_ipv4(host)
        if ip then return in4(ip) end
        local high, low = parse_ipv6(host)
        if not high then return false end -- a unix socket's peer
        if high == 0 and low >> 32 == 0xFFFF then return in4(low & 0xFFFFFFFF) end
        return in6(high, low)
    end
end

-- The authenticated user name. A number is the user id of a unix socket's peer.
function match.user(value)
    local by_name = on_request("user", value)
    local by_id = on_request("user_id", value)
    return function(_, _, request)
        return by_name(nil, nil, request) or by_id(nil, nil, request)
    end
end

-- The listener that took the connection, as the log names it: "127.0.0.1:1080".
function match.listener(value)
    return on_request("listener", value)
end

-- What the client speaks, such as "socks5" or "http".
function match.protocol(value)
    return on_request("protocol", value)
end

--------------------------------------------------------------------------------
-- Scanning a table of rules

-- The action and tag of the first rule that matches. A rule without an action may be functional:
-- its matcher returns `action, tag`. If it just matches, the table has nothing to say.
local function scan(rules, a, b, request)
    local i, entry = 1, rules[1]
    while entry ~= nil do
        local matched, tag = entry[1](a, b, request)
        if matched then
            local action = entry[2]
            if action then return action, entry[3] end
            local kind = type(matched)
            if kind == "function" or kind == "table" then return matched, tag end
            return nil
        end
        i = i + 1
        entry = rules[i]
    end
end

local composite = define("composite")

function composite.inverse(m)
    return function(a, b, request) return not m(a, b, request) end
end

function composite.anyof(matchers)
    return function(a, b, request)
        local i, m = 1, matchers[1]
        while m ~= nil do
            if m(a, b, request) then return true end
            i = i + 1
            m = matchers[i]
        end
        return false
    end
end

function composite.allof(matchers)
    return function(a, b, request)
        local i, m = 1, matchers[1]
        while m ~= nil do
            if not m(a, b, request) then return false end
            i = i + 1
            m = matchers[i]
        end
        return true
    end
end

-- t[k], looked up at each request: for matchers that are loaded later.
function composite.maybe(t, k)
    return function(a, b, request)
        local m = t[k]
        if m then return m(a, b, request) end
        return false
    end
end

-- A table of rules within a table of rules, looked up at each request:
-- { composite.subchain(t, k) }.
function composite.subchain(t, k)
    return function(a, b, request)
        local rules = t[k]
        if rules then return scan(rules, a, b, request) end
        return nil
    end
end

--------------------------------------------------------------------------------
-- The decision: which rules apply to a request

-- Keeps a call from being a tail call, so that rules which lead back to themselves end in a stack
-- overflow (the request is refused) instead of running for ever.
local function results(...)
    return ...
end

local function default(addr, request)
    local entry = _G.route_default
    local action = entry and entry[1]
    if not action then return addr end
    local tag = entry[2]
    if tag then evlogf("[%s] %q", tag, addr) end
    return action(addr, nil, request)
end

local function route_ip(addr, ip, request)
    local action, tag
    local rules = _G.redirect
    if rules then action, tag = scan(rules, addr, nil, request) end
    if not action then
        rules = _G.route
        if rules then action, tag = scan(rules, ip, nil, request) end
        if not action then return default(addr, request) end
    end
    if tag then evlogf("[%s] %q", tag, addr) end
    return action(addr, nil, request)
end

local function route_ip6(addr, high, low, request)
    local action, tag
    local rules = _G.redirect6
    if rules then action, tag = scan(rules, addr, nil, request) end
    if not action then
        rules = _G.route6
        if rules then action, tag = scan(rules, high, low, request) end
        if not action then return default(addr, request) end
    end
    if tag then evlogf("[%s] %q", tag, addr) end
    return action(addr, nil, request)
end

-- The decisions themselves, without authentication and counting.
local decide = {}

function decide.resolve(addr, request)
    local rules = _G.redirect_name
    if rules then
        local action, tag = scan(rules, addr, nil, request)
        if action then
            if tag then evlogf("[%s] %q", tag, addr) end
            return action(addr, nil, request)
        end
    end
    local host, port = splithostport(addr)
    local hosts = _G.hosts
    local replacement = hosts and hosts[lower(host)]
    if replacement then
        addr = join(replacement, port)
        host = strmatch(replacement, "^%[(.*)%]$") or replacement
    end
    local ip = parse_ipv4(host)
    if ip then return route_ip(addr, ip, request) end
    local high, low = parse_ipv6(host)
    if high then return route_ip6(addr, high, low, request) end
    return default(addr, request)
end

function decide.route(addr, request)
    return route_ip(addr, parse_ipv4((splithostport(addr))), request)
end

function decide.route6(addr, request)
    local high, low = parse_ipv6((splithostport(addr)))
    return route_ip6(addr, high, low, request)
end

-- By whatever the host part is.
local function decide_any(addr, request)
    local host = splithostport(addr)
    if parse_ipv4(host) then return decide.route(addr, request) end
    if parse_ipv6(host) then return decide.route6(addr, request) end
    return decide.resolve(addr, request)
end

--------------------------------------------------------------------------------
-- Actions

local rule = define("rule")

-- The action that dials edit(addr) through a chain, which is given in connection order. The usual
-- lengths are written out: the general case makes a list of arguments for each request.
local function through(edit, ...)
    local n = select("#", ...)
    if n == 0 then return edit end
    if n == 1 then
        local p1 = ...
        return function(addr, _, request) return edit(addr, _, request), p1 end
    end
    if n == 2 then
        local p1, p2 = ...
        return function(addr, _, request) return edit(addr, _, request), p2, p1 end
    end
    local chain = {}
    for i = 1, n do chain[n + 1 - i] = (select(i, ...)) end
    return function(addr, _, request)
        return edit(addr, _, request), unpack(chain, 1, n)
    end
end

local function same(addr)
    return addr
end

function rule.direct()
    return same
end

function rule.reject()
    return function() return nil end
end

function rule.proxy(...)
    if select("#", ...) == 1 then
        local p1 = ...
        return function(addr) return addr, p1 end
    end
    return through(same, ...)
end

-- "host:port" instead; ":port" keeps the host, "host:" keeps the port.
function rule.redirect(dst, ...)
    if not find(dst, ":", 1, true) then error(format("invalid address %q", dst), 2) end
    local host, port = splithostport(dst)
    local edit
    if host == "" then
        edit = function(addr) return join(host_text(addr), port) end
    elseif port == "" then
        edit = function(addr) return dst .. port_text(addr) end
    else
        edit = function() return dst end
    end
    return through(edit, ...)
end

-- What gsub makes of the address.
function rule.rewrite(pattern, repl, ...)
    return through(function(addr)
        return (gsub(addr, pattern, repl))
    end, ...)
end

-- The rewritten address is decided by the same rules, from their beginning.
function rule.loopback(pattern, repl)
    return function(addr, _, request)
        if not _G.ruleset then return nil end
        return results(decide_any((gsub(addr, pattern, repl)), request))
    end
end

function rule.default()
    return function(addr, _, request)
        return results(default(addr, request))
    end
end

-- t[k], looked up at each request: for actions that are defined later. Rejects until then.
function rule.maybe(t, k)
    return function(addr, b, request)
        local action = t[k]
        if action then return action(addr, b, request) end
        return nil
    end
end

-- The name is resolved here, and its address decided by the rules for addresses.
function rule.resolve()
    return function(addr, _, request)
        local host, port = splithostport(addr)
        local found = await.resolve(host)
        if not found then
            evlogf("cannot resolve %q", host)
            return nil
        end
        addr = join(found, port)
        return results(decide_any(addr, request))
    end
end

-- Tries the chains in turn: true once one of them has connected the request. The elements of a
-- chain are in decision order; {} is a direct connection.
local function failover(addr, chains)
    for i = 1, #chains do
        local chain = chains[i]
        if await.forward(addr, unpack(chain)) then return true end
    end
    return false
end

-- The same as an action, each chain in connection order: rule.failover({p1, p2}, {p3}, {}). What
-- failed becomes an event.
function rule.failover(...)
    local chains = {}
    for i, chain in ipairs({ ... }) do
        chains[i] = list:new({ unpack(chain) }):reverse():totable()
    end
    return function(addr)
        for i = 1, #chains do
            local ok, reason = await.forward(addr, unpack(chains[i]))
            if ok then return nil end
            evlogf("failover: chain %d: %s", i, reason)
        end
        return nil
    end
end

--------------------------------------------------------------------------------
-- Load balancing between actions

local lb = define("lb")

function lb.roundrobin(actions)
    local i = 0
    return function(addr, b, request)
        local n = #actions
        if n == 0 then error("lb.roundrobin: no actions") end
        i = i % n + 1
        return actions[i](addr, b, request)
    end
end

-- Interleaved weighted round robin over {{weight, action}, ...}: a threshold climbs from 0 to 1 in
-- `cycle` calls; each call takes the next action in turn whose share of the greatest weight is
-- above the threshold. A weight of 0 takes an action out.
function lb.iwrr(entries, cycle)
    cycle = cycle or 100
    local actions, shares, greatest = {}, {}, 0
    for _, entry in ipairs(entries) do
        local weight = entry[1]
        if weight > 0 then
            actions[#actions + 1], shares[#shares + 1] = entry[2], weight
            if weight > greatest then greatest = weight end
        end
    end
    local n = #actions
    for i = 1, n do shares[i] = shares[i] / greatest end
    local i, step = 0, -1
    return function(addr, b, request)
        if n == 0 then return nil end
        step = step + 1
        if step >= cycle then step = 0 end
        local threshold = step / cycle
        repeat
            i = i % n + 1
        until shares[i] > threshold
        return actions[i](addr, b, request)
    end
end

--------------------------------------------------------------------------------
-- Requests: counting and authentication

_G.secrets = _G.secrets or {}
_G.num_requests = _G.num_requests or 0
_G.num_authorized = _G.num_authorized or 0
_G.RECENT_EVENTS_STATS = _G.RECENT_EVENTS_STATS or 10

-- Whether clients must authenticate; nil until the first request. A boot configuration may load
-- this file before the server's options are final, so "no" is asked again once.
local required = config.auth_required or nil

local function secret_accepts(user, password)
    local secret = user ~= nil and secrets and secrets[user]
    return secret == true or type(secret) == "string" and secret == password
end

local function admit(addr, user, password, request)
    if required == nil then
        required = neosocksd.config().auth_required or false
        if not required then return true end
    end
    local authenticate = _G.ruleset and _G.ruleset.authenticate
    local accepted
    if authenticate then
        accepted = authenticate(addr, user, password, request)
    else
        accepted = secret_accepts(user, password)
    end
    if not accepted then
        evlogf("authenticate failed: %q", user)
        return false
    end
    if request and user ~= nil then request.user = user end
    return true
end

local ruleset = { decide = decide, failover = failover }

-- Four named parameters: the program makes the request table only for those who take it.
local function callback(name)
    return function(addr, user, password, request)
        num_requests = num_requests + 1
        if required ~= false and not admit(addr, user, password, request) then return nil end
        num_authorized = num_authorized + 1
        return decide[name](addr, request)
    end
end

ruleset.resolve = callback("resolve")
ruleset.route = callback("route")
ruleset.route6 = callback("route6")

--------------------------------------------------------------------------------
-- Statistics: a history of num_requests, an entry for each tick

keep_ring("stat_requests", 60, { num_requests })

function ruleset.tick()
    stat_requests:push(num_requests)
end

local GRAPH_ROWS = 5

local function request_graph(w)
    -- How many requests in each interval, oldest first; the last one is still running.
    local columns, peak, before = {}, 1, stat_requests:get(-1)
    for i = 2, stat_requests.len + 1 do
        local total = stat_requests:get(-i) or num_requests
        local count = total - before
        columns[#columns + 1], before = count, total
    end
    local shown = 0
    for _, count in ipairs(columns) do
        if count > shown then shown = count end
    end
    peak = math.max(peak, shown)
    for row = GRAPH_ROWS, 1, -1 do
        local line = {}
        for i, count in ipairs(columns) do
            local height = math.floor(count / peak * GRAPH_ROWS + 0.5)
            line[i] = height >= row and "|" or " "
        end
        w:insert(table.concat(line))
    end
    w:insertf("%s* (peak=%d)", string.rep("-", #columns - 1), shown)
end

function ruleset.stats()
    local w = list:new({ "> Recent Events" })
    for i, event in recent_events:iter() do
        if i > RECENT_EVENTS_STATS then break end
        local times = event.count > 1 and format(" (x%d)", event.count) or ""
        w:insertf("%s %s%s", format_timestamp(event.tstamp), event.msg, times)
    end
    w:insert("> Request Stats")
    request_graph(w)
    return w:concat("\n")
end

return ruleset
