-- libruleset.md section 6: await.rpcall, neosocksd.sendmsg and the handlers, without a network: the
-- code they send is caught, or run here as the far side would run it.

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

require("libruleset")

local TARGET = { "api.neosocksd.internal:80", "socks5://192.0.2.2:1080", "http://192.0.2.1:80" }

-- await.rpcall(TARGET, ...) with an await.invoke that answers f(code).
local function call(f, ...)
    local caught
    local arguments = table.pack(...)
    local result = table.pack(check.with(await, {
        invoke = function(...)
            caught = table.pack(...)
            return f((...))
        end,
    }, function() return await.rpcall(TARGET, table.unpack(arguments, 1, arguments.n)) end))
    return result, caught
end

-- What the other side does with the code, and what its answer does here.
local function remote(code)
    local chunk = assert(load(code, "=(rpc)", "t", setmetatable({}, { __index = _G })))
    local result = table.pack(pcall(chunk))
    local body = "return " .. marshal(table.unpack(result, 1, result.n))
    return true, load(body, "=(rpc)", "t", setmetatable({}, { __index = _G }))
end

test("rpcall sends a call of rpc.NAME, to the target as it is given", function()
    local result, caught = call(function() return true, function() return true end end, "echo",
        "hi", 5)
    returns(caught, "return rpc.echo(\"hi\",5)", table.unpack(TARGET))
    returns(result, true)
end)

test("rpcall returns the results of the other side", function()
    returns(call(remote, "echo", "a", nil, { 1, x = true }, nil), true, "a", nil,
        { 1, x = true }, nil)
    returns(call(remote, "echo"), true)
end)

test("rpcall: errors of every kind are false and a message", function()
    returns(call(function() return false, "timeout" end, "echo"), false, "timeout")
    local result = call(remote, "nosuch")
    returns(result, false,
        "(rpc):1: attempt to call a nil value (field 'nosuch')")
    rpc.check_fails = function() error({ 1 }) end
    returns(call(remote, "check_fails"), false, { 1 })
    rpc.check_fails = nil
end)

test("rpcall: an answer that fails, or is none, is an error too", function()
    eq(call(function() return true, load("error('x')") end, "echo")[1], false)
    eq(call(function() return true, load("return 5") end, "echo")[1], false)
    eq(call(function() return true, load("") end, "echo")[1], false)
end)

test("rpcall: the answer may not await, or may: both work", function()
    local answer = function() await.sleep(0) return true, "slept" end
    returns(call(function() return true, answer end, "echo"), true, "slept")
end)

test("dotted names reach into tables", function()
    rpc.sub = { f = function(x) return x * 2 end }
    local result, caught = call(remote, "sub.f", 21)
    returns(result, true, 42)
    eq(caught[1], "return rpc.sub.f(21)")
    rpc.sub = nil
end)

test("names are identifiers, not code", function()
    for _, name in ipairs({ "", ".", "a.", ".a", "a..b", "a b", "f()", "5", "a.5", "a;b", "a:b",
        "x\n", "echo(1) or print" }) do
        raises("invalid function name", call, remote, name)
        raises("invalid function name", neosocksd.sendmsg, TARGET, name)
    end
    raises("invalid function name", call, remote, nil)
    raises("invalid function name", call, remote, {})
end)

test("arguments that cannot be marshalled raise here", function()
    raises("is not marshallable", call, remote, "echo", print)
    raises("is not marshallable", neosocksd.sendmsg, TARGET, "nop", print)
end)

test("sendmsg sends a call of msgh.NAME and returns nothing", function()
    local caught
    local result = table.pack(check.with(neosocksd, {
        invoke = function(...) caught = table.pack(...) end,
    }, neosocksd.sendmsg, TARGET, "nop", 1, "a"))
    returns(result)
    returns(caught, "msgh.nop(1,\"a\")", table.unpack(TARGET))
end)

test("rpc.echo and msgh.nop are there", function()
    returns(table.pack(rpc.echo(1, nil, 2, nil)), 1, nil, 2, nil)
    returns(table.pack(msgh.nop(1)))
end)
