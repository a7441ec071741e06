-- lua.md section 4: await.sleep, idle, resolve, execute, invoke; section 11: forward.

local check = require("check")
local test, eq, raises, returns = check.test, check.eq, check.raises, check.returns

test("sleep waits at least as long as it says, and returns nothing", function()
    for _, seconds in ipairs({ 0.001, 0.02, 0 }) do
        local before = time.monotonic()
        returns(table.pack(await.sleep(seconds)))
        eq(time.monotonic() - before >= seconds, true)
    end
    returns(table.pack(await.sleep("0.001")))
end)

test("sleep refuses what is no time", function()
    for _, value in ipairs({ -1, 1e9 + 1, 1 / 0, -1 / 0, 0 / 0, -0x1p-1074 }) do
        raises("bad argument #1 to '[%a.]*sleep' %(n must be finite and in %[0, 1e9%]%)",
            await.sleep, value)
    end
    raises("bad argument #1 to '[%a.]*sleep' %(number expected, got nil%)", await.sleep, nil)
    raises("bad argument #1 to '[%a.]*sleep' %(number expected, got no value%)", await.sleep)
    raises("bad argument #1 to '[%a.]*sleep' %(number expected, got string%)", await.sleep, "x")
end)

test("sleep(0) gives others their turn", function()
    local order = {}
    neosocksd.async(function() end, function()
        for _ = 1, 3 do order[#order + 1] = "other" await.sleep(0) end
    end)
    for _ = 1, 3 do order[#order + 1] = "here" await.sleep(0) end
    eq(table.concat(order, " "), "other here other here other here")
end)

test("idle is sleep(0)", function()
    returns(table.pack(await.idle()))
end)

test("resolve gives the text of an address", function()
    eq(await.resolve("127.0.0.1"), "127.0.0.1")
    eq(await.resolve("::1"), "::1")
    local localhost = await.resolve("localhost")
    eq(localhost == "127.0.0.1" or localhost == "::1", true)
end)

test("resolve gives no value when there is no address", function()
    returns(table.pack(await.resolve("does-not-exist.invalid")))
    returns(table.pack(await.resolve("")))
    returns(table.pack(await.resolve("127.0.0.1:80")))
    returns(table.pack(await.resolve(("x"):rep(300))))
    raises("bad argument #1 to '[%a.]*resolve' %(string expected, got nil%)", await.resolve, nil)
end)

test("execute returns what os.execute would", function()
    returns(table.pack(await.execute("exit 0")), true, "exit", 0)
    returns(table.pack(await.execute("exit 3")), nil, "exit", 3)
    returns(table.pack(await.execute("kill -9 $$")), nil, "signal", 9)
    returns(table.pack(await.execute("/nonexistent/program 2>/dev/null")), nil, "exit", 127)
    raises("bad argument #1 to '[%a.]*execute' %(string expected, got nil%)", await.execute, nil)
end)

test("execute does not keep others waiting", function()
    local done
    local path = os.tmpname()
    neosocksd.async(function() done = true end, function()
        await.execute("while [ -e " .. path .. " ]; do sleep 0.01; done")
    end)
    await.sleep(0.01)
    eq(done, nil)
    os.remove(path)
    check.wait_for(function() return done end)
end)

local function shell(command)
    local path = os.tmpname()
    await.execute("(" .. command .. ") > " .. path .. " 2>&1")
    local file = io.open(path)
    local text = file:read("a")
    file:close()
    os.remove(path)
    return text
end

test("children have a session of their own, and none of our descriptors", function()
    eq(shell("test $$ = $(ps -o sid= -p $$) && echo own"), "own\n")
    -- The program itself may have been started with descriptors that are not its own.
    local fds = shell("ls -l /proc/self/fd | awk '$9 > 2' | grep -E 'socket:|anon_inode:'")
    eq(fds, "")
end)

test("children die of SIGPIPE, as others do", function()
    local mask = shell("grep SigIgn /proc/self/status"):match("SigIgn:%s*(%x+)")
    eq(tonumber(mask, 16) & (1 << 12), 0)
end)

test("many children at a time", function()
    local ended = 0
    for i = 1, 20 do
        neosocksd.async(function(_, _, _, status) ended = ended + (status == i and 1 or 0) end,
            function() return await.execute("exit " .. i) end)
    end
    check.wait_for(function() return ended == 20 end)
end)

test("invoke: failures are false and a message", function()
    local ok, message = await.invoke("return 1", "127.0.0.1:1")
    eq(ok, false)
    eq(type(message), "string")
    ok, message = await.invoke("return 1", "127.0.0.1:80", "socks5://127.0.0.1:1")
    eq({ ok, type(message) }, { false, "string" })
end)

test("invoke checks code and target", function()
    raises("bad argument #1 to '[%a.]*invoke' %(string expected, got nil%)",
        await.invoke, nil, "a:1")
    for _, target in ipairs({ {}, { "a" }, { "" }, { "a:99999" }, { "a:1", "foo://p:1" },
        { "a:1", 5 }, { "a:1", "" } }) do
        raises("^invalid invocation target", await.invoke, "x", table.unpack(target))
    end
    raises("^invalid invocation target", await.invoke, "x", nil)
    raises("^invalid invocation target", await.invoke, "x", "a:1", nil)
end)

test("forward is for request handlers only", function()
    raises("await.forward must be called from a ruleset request handler", await.forward, "a:1")
end)
