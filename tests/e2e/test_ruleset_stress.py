"""Rules at their worst, while clients keep asking and SIGHUP keeps replacing them: no request hangs
beyond -t, nothing crashes, memory stays, and every request is counted once.

NEOSOCKSD_RELOADS makes it longer (default 150; the long run is 1000)."""

import os
import signal
import threading
import time

import pytest

from support import clients, data, net
from support.proxy import sanitizer
from support.rules import RulesProxy

RELOADS = int(os.environ.get("NEOSOCKSD_RELOADS", "150"))
T = 5.0

RULES = """
local version = %d
local mischief = {}
local function add(f) mischief[#mischief + 1] = f end

add(function() return "127.0.0.1:PORT" end)
add(function() await.idle() return "127.0.0.1:PORT" end)
add(function() if await.forward("127.0.0.1:PORT") then return end end)
add(function() error("on purpose") end)
add(function() error(setmetatable({}, {__tostring = function() return {} end})) end)
add(function() local g <close> = setmetatable({}, {__close = error}) error({}) end)
add(function() return {}, 5, nil, print end)
add(function() return table.unpack({}, 1, 1000) end)
add(function() for i = 1, 50 do await.idle() end end)
add(function() for i = 1, 5 do pcall(await.resolve, "x" .. math.random(3) .. ".invalid") end end)
add(function() local t = {} for i = 1, 2000 do t[i] = ("x"):rep(100) .. i end await.sleep(0.01) end)
add(function() coroutine.yield() end)
add(function()
    local me = coroutine.running()
    neosocksd.async(print, function() await.sleep(0.002) coroutine.close(me) end)
    await.sleep(1000)
end)
add(function()
    local me = coroutine.running()
    neosocksd.async(function() end, function() await.idle() coroutine.resume(me) end)
    await.sleep(1000)
    return "127.0.0.1:PORT"
end)
add(function() coroutine.resume(coroutine.running()) coroutine.close(coroutine.running()) end)
add(function()
    local me = coroutine.running()
    neosocksd.async(function() end, function() await.idle() coroutine.close(me) end)
    await.forward("127.0.0.1:HOLE")
end)
add(function()
    local inner = coroutine.wrap(function() await.sleep(0.001) error("inner") end)
    inner() await.sleep(0.003)
end)
add(function()
    local function last_words(t) coroutine.resume(t.co) coroutine.close(t.co) end
    local t = setmetatable({}, {__gc = last_words})
    t.co = neosocksd.async(function() end, function() coroutine.yield() end)
end)
add(function() await.execute("exit 1") end)
-- Beyond the time of its client; rare, or nobody would be left to ask.
add(function() if math.random(10) == 1 then await.sleep(6) end return "127.0.0.1:PORT" end)

math.randomseed(version)
local ruleset = {tick = function() collectgarbage() end}
function ruleset.resolve() return mischief[math.random(#mischief)]() end
neosocksd.setinterval(0.2)
if version %% 7 == 3 then error("this version does not load") end
return ruleset
"""


@pytest.mark.threads
@pytest.mark.parametrize("threads", ["1", "2"])
def test_mischief(io, tmp_path, echo, threads):
    hole, address = net.dead_port()
    path = tmp_path / "ruleset.lua"
    text = RULES.replace("PORT", str(echo.port)).replace("HOLE", str(address[1]))
    path.write_text(text % 0)
    ending = threading.Event()
    answered, late = [0, 0], []

    def ask(number):
        while not ending.is_set():
            kind = ("socks4a", "socks5h", "http")[number % 3]
            number += 1
            started = watch.elapsed()
            sock = net.connect(proxy.address)
            try:
                sock.settimeout(T + 10 * net.SCALE)
                if number % 13 == 0:
                    sock.sendall(clients.socks4a_request("a", 1))
                    net.reset(sock)
                    continue
                clients.request_tunnel(kind, sock, "a", 1)
                data.ping(sock)
                answered[0] += 1
            except (clients.Refused, net.Ended, ConnectionError):
                answered[1] += 1
            finally:
                sock.close()
            took = watch.elapsed() - started
            if took > T + 3 * net.SCALE:
                late.append(took)

    with hole, net.Stopwatch() as watch, \
            RulesProxy(path, "-t", T, "--threads", threads, "--memlimit", "16", io=io,
                       loglevel=4) as proxy:
        threads_ = [data.Background(ask, number) for number in range(8)]
        sizes = []
        for version in range(1, RELOADS + 1):
            path.write_text(text % version)
            proxy.signal(signal.SIGHUP)
            time.sleep(0.02)
            sizes.append(proxy.rss())
        net.wait_for(lambda: min(answered) > RELOADS / 10, lambda: f"answers: {answered}",
                     2 * T + net.DEADLINE)
        ending.set()
        for thread in threads_:
            thread.join(T + 20 * net.SCALE)
        assert not late, late
        # Every routine ends, and every session is counted.
        net.wait_for(lambda: int(proxy.call("neosocksd.stats().num_thread_active")) <= 1,
                     "the routines to end", T + 10 * net.SCALE)
        net.wait_for(lambda: proxy.call("neosocksd.stats().num_sessions") == "0"
                     and proxy.call("neosocksd.stats().num_halfopen") == "0",
                     "the sessions to end")
        figures = {name: int(proxy.call(f"neosocksd.stats().{name}")) for name in (
            "num_request", "num_success", "num_reject_ruleset", "num_reject_timeout",
            "num_reject_upstream", "num_sessions", "num_halfopen")}
        ended = sum(value for name, value in figures.items()
                    if name.startswith(("num_success", "num_reject")))
        assert figures["num_sessions"] == figures["num_halfopen"] == 0, figures
        assert ended <= figures["num_request"] <= ended + RELOADS * 100, figures
        quarter = len(sizes) // 4
        if not sanitizer() and RELOADS >= 1000:
            first, last = max(sizes[quarter:2 * quarter]), max(sizes[-quarter:])
            assert last < first * 1.2 + (4 << 20), sizes[::quarter]
        print("RSS by quarter:", [max(sizes[i * quarter:(i + 1) * quarter]) >> 10
                                  for i in range(4)], "KiB", answered, figures)
