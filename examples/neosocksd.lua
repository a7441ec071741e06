---@meta neosocksd
-- The built-in API for editors that understand LuaLS annotations: put this file, and
-- libruleset.lua, into the workspace library. It declares what the program defines itself;
-- docs/lua-api.md explains. Not to be loaded.
error("neosocksd.lua is for editors only")

--------------------------------------------------------------------------------
-- What rulesets are made of

--- An address, "host:port". IPv6 hosts have brackets.
---@alias address string

--- An upstream proxy: "socks5://HOST:PORT", or with socks4a or http; with USER:PASSWORD@ before
--- HOST if need be.
---@alias proxy_uri string

--- What is known of a request besides its address. Fields without a value are absent.
---@class request
---@field client? string "address:port" of the client; absent on a unix socket
---@field listener string address of the listener that took the connection, or "unix:PATH"
---@field protocol "socks4"|"socks4a"|"socks5"|"http"|"forward"|"tproxy"|"redirect"
---@field command "connect"|"bind"|"udp_associate"|"http_forward"
---@field user_id? integer user of the client's process, on a unix socket
---@field proxy_source? string who announced the client, by the PROXY protocol
---@field user? string the authenticated user; set by libruleset

--- A request is decided by the values that a callback returns: `addr` is dialled, through
--- `proxyN, ..., proxy1` if there are any (the last one is the first hop). Nothing, nil or what is
--- no address rejects the request.
---@alias request_callback async fun(addr: address, user?: string, password?: string,
---request?: request): address?, proxy_uri?, ...

---@class ruleset
---@field resolve? request_callback for requests by name, and every HTTP request
---@field route? request_callback for requests by IPv4 address
---@field route6? request_callback for requests by IPv6 address
---@field authenticate? async fun(addr: address, user?: string, password?: string,
---request?: request): boolean for libruleset, with --auth-required
---@field tick? fun(now: number) called every interval, see neosocksd.setinterval
---@field stats? fun(dt: number, q?: string): string? text for POST /stats
---@field metrics? fun(): string? text for GET /metrics
---@field healthy? fun(): string? why GET /healthy should fail
ruleset = {}

--------------------------------------------------------------------------------
-- neosocksd

neosocksd = {}

--- The settings of the server; a new table at each call.
---@return table
function neosocksd.config() end

--- The counters of the server; a new table at each call.
---@return table
function neosocksd.stats() end

--- Unix time of the event that is being handled.
---@return number seconds
function neosocksd.now() end

--- Resolves a name while everything waits. Use await.resolve.
---@param host string
---@return string? address
---@deprecated
function neosocksd.resolve(host) end

--- "example.org:80" -> "example.org", "80". Brackets of IPv6 hosts are removed. Raises if there is
--- no colon.
---@param addr address
---@return string host, string port
function neosocksd.splithostport(addr) end

---@param s string
---@return integer? address the first octet is the most significant; nothing if s is no address
function neosocksd.parse_ipv4(s) end

---@param s string without brackets
---@return integer? high, integer? low nothing if s is no address
function neosocksd.parse_ipv6(s) end

--- ruleset.tick is called every n seconds (at least 0.001); 0 stops it.
---@param n number
function neosocksd.setinterval(n) end

--- Runs func(...) in a routine, then finish(true, results...) or finish(false, err). libruleset's
--- async() is more convenient.
---@param finish fun(ok: boolean, ...) may not await
---@param func async fun(...): ...
---@param ... any
---@return thread
function neosocksd.async(finish, func, ...) end

--- Runs code on another server, without waiting or hearing of it.
---@param code string
---@param addr address of its API
---@param ... proxy_uri the last one is the first hop
function neosocksd.invoke(code, addr, ...) end

--- A message handler for xpcall: the message with a traceback.
---@param msg any
---@return string
function neosocksd.traceback(msg) end

--- Sets for long lists; each function makes a matcher. libruleset's match, inet and inet6 use them.
neosocksd.set = {}

--- Domains with everything below them, and single hosts.
---@param domains string|string[]
---@param hosts? string|string[]
---@return fun(addr: address): boolean
function neosocksd.set.domain(domains, hosts) end

---@param hosts string|string[]
---@return fun(addr: address): boolean
function neosocksd.set.host(hosts) end

---@param tree table<string, table|true> labels from the top level down
---@return fun(addr: address): boolean
function neosocksd.set.domaintree(tree) end

---@param path string a domain a line; may be compressed by gzip
---@return fun(addr: address): boolean
function neosocksd.set.domain_file(path) end

---@param cidr string|string[]
---@return fun(ip: integer): boolean
function neosocksd.set.subnet(cidr) end

---@param cidr string|string[]
---@return fun(high: integer, low: integer): boolean
function neosocksd.set.subnet6(cidr) end

---@param path string a prefix a line; may be compressed by gzip
---@return fun(ip: integer): boolean
function neosocksd.set.subnet_file(path) end

---@param path string
---@return fun(high: integer, low: integer): boolean
function neosocksd.set.subnet6_file(path) end

--- By the country in a MaxMind database.
---@param path string
---@param ... string country codes of two letters
---@return fun(addr_or_high: address|integer, low?: integer): boolean
function neosocksd.set.geoip(path, ...) end

--- By the autonomous system in a MaxMind database.
---@param path string
---@param ... integer
---@return fun(addr_or_high: address|integer, low?: integer): boolean
function neosocksd.set.asn(path, ...) end

--- What is behind a matcher made by these functions.
---@param matcher function
---@return { kind: string, entries: integer, bytes: integer }
function neosocksd.set.info(matcher) end

--------------------------------------------------------------------------------
-- await: for routines only

await = {}

--- Waits at least n seconds.
---@async
---@param n number 0 to 1e9
function await.sleep(n) end

--- Lets everybody else have a turn.
---@async
function await.idle() end

---@async
---@param host string
---@return string? address nothing if there is none
function await.resolve(host) end

--- Runs a shell command; results as those of os.execute.
---@async
---@param command string
---@return true? ok, "exit"|"signal" what, integer status
function await.execute(command) end

--- Runs code on another server and waits for its answer. On success the second result is a
--- function: it returns true and the results, or false and the error of the other side.
---@async
---@param code string
---@param addr address of its API
---@param ... proxy_uri the last one is the first hop
---@return boolean ok, string|fun(): boolean, ...
function await.invoke(code, addr, ...) end

--- Dials for the request that is being decided. After a success the request is served, whatever the
--- callback returns.
---@async
---@param addr address?
---@param ... proxy_uri the last one is the first hop
---@return boolean? ok, string? reason
function await.forward(addr, ...) end

--------------------------------------------------------------------------------
-- regex

regex = {}

--- POSIX regular expressions.
---@class regex
local reg = {}

---@type integer
regex.EXTENDED = 1
---@type integer
regex.ICASE = 2
---@type integer
regex.NEWLINE = 4
---@type integer
regex.NOSUB = 8

---@param pattern string
---@param flags? integer default: regex.EXTENDED | regex.NEWLINE
---@return regex
function regex.compile(pattern, flags) end

---@param s string
---@param init? integer
---@return integer? first, integer? last
function reg:find(s, init) end

--- The whole match, then every group (nil if it took no part).
---@param s string
---@param init? integer
---@return string?, ...
function reg:match(s, init) end

---@param s string
---@param init? integer
---@return fun(): string?, ...
function reg:gmatch(s, init) end

--------------------------------------------------------------------------------
-- time, zlib, marshal

time = {}

---@return number seconds of a clock that never goes back
function time.monotonic() end

---@return number seconds of CPU time of the process
function time.process() end

---@return number seconds of CPU time of the thread
function time.thread() end

---@return number seconds since 1970
function time.wall() end

---@return number seconds since 1970
function time.unix() end

--- How long f(...) takes, and its results. f may not await.
---@param f fun(...): ...
---@param ... any
---@return number seconds, ...
function time.measure(f, ...) end

zlib = {}

---@param s string
---@return string z in zlib's format
function zlib.compress(s) end

---@param z string
---@return string s
function zlib.uncompress(z) end

---@param s string
---@return string z in gzip's format
function zlib.gzip(s) end

---@param z string
---@return string s
function zlib.gunzip(z) end

--- The values as Lua text, which `return` makes values again. Functions, threads, userdata and
--- cycles raise.
---@param ... any
---@return string
function marshal(...) end
