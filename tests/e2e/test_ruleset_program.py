"""The ruleset and the process: starting, SIGHUP, the options about Lua, -c, --check."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

from support import clients, data, net
from support.proxy import Proxy, binary


@pytest.fixture
def write(tmp_path):
    def put(text, name="ruleset.lua"):
        path = tmp_path / name
        path.write_text(text)
        return path
    return put


def run(*args, cwd=None):
    return subprocess.run([binary(), *args], capture_output=True, text=True,
                          timeout=2 * net.DEADLINE, check=False, cwd=cwd)


def reload(proxy, expected):
    mark = proxy.mark()
    proxy.signal(signal.SIGHUP)
    return proxy.wait_log(expected, mark)


@pytest.mark.parametrize("text,message", [
    ("\nerror('bad at load')", r"ruleset\.lua:2: bad at load$"),
    ("x = ", r"ruleset\.lua:1: unexpected symbol near <eof>$"),
    ("return 5", r"ruleset: expected table, got number$"),
    ("await.sleep(0)", r"not in asynchronous routine$"),
    ("\ufeff\u0000", "unexpected symbol"), (None, "No such file or directory$")])
def test_a_ruleset_that_does_not_load_ends_the_start(write, tmp_path, text, message):
    path = write(text) if text is not None else tmp_path / "nofile.lua"
    done = run("-l", "127.0.0.1:0", "-r", path)
    assert done.returncode == 1
    first, second = done.stdout.splitlines()[-2:]
    assert first.startswith("E ") and "ruleset load: " in first
    assert second.startswith("F ") and second.endswith(f"unable to load ruleset: {path}")
    assert re.search(message, first), first


@pytest.mark.parametrize("threads", ["1", "2"])
def test_sighup_replaces_the_rules_and_nothing_else(io, write, echo, threads):
    write("return {loaded = os.clock()}", "beside.lua")
    rules = """
        print("LOADED", ..., require("beside").loaded, _G.kept, %r)
        _G.kept = "kept"
        return {resolve = function() await.sleep(0.05) return "127.0.0.1:%d" end}"""
    path = write(rules % ("one", echo.port))
    with Proxy("-r", path, "--threads", threads, io=io) as proxy:
        first = proxy.wait_log(r"LOADED\truleset\t(\S+)\tnil\tone").group(1)
        with clients.open_tunnel(proxy.address, ("a", 1), "socks5h") as old:
            write(rules % ("two", echo.port))
            found = reload(proxy, r"LOADED\truleset\t(\S+)\tkept\ttwo")
            assert found.group(1) == first, "a module was loaded again"
            proxy.wait_log("^I .*ruleset successfully reloaded")
            # What fails keeps what was there.
            for text, message in (("error('no')", "ruleset.lua:1: no"), ("x =", "unexpected"),
                                  ("return nil", "ruleset: expected table, got nil")):
                write(text)
                reload(proxy, f"^W .*failed to reload ruleset: .*{message}")
            os.unlink(path)
            reload(proxy, "^W .*failed to reload ruleset: cannot open")
            with clients.open_tunnel(proxy.address, ("a", 1), "socks5h") as sock:
                data.ping(sock)
            data.ping(old)


def test_require_finds_the_neighbours_and_the_current_directory_first(io, write, tmp_path):
    rules = tmp_path / "rules"
    here = tmp_path / "here"
    rules.mkdir()
    here.mkdir()
    (rules / "beside.lua").write_text("return 'beside'")
    (rules / "both.lua").write_text("return 'beside'")
    (here / "both.lua").write_text("return 'here'")
    (rules / "r.lua").write_text("print('FOUND', require('beside'), require('both')) return {}")
    with Proxy("-r", rules / "r.lua", io=io, cwd=here) as proxy:
        proxy.wait_log("FOUND\tbeside\there")


def test_print_is_not_buffered(io, write):
    rules = write("print('a', nil, 1.5) io.write('no line end') return {}")
    with Proxy("-r", rules, io=io) as proxy:
        proxy.wait_log("^a\tnil\t1.5$")
        proxy.wait_log("no line end")


def test_ticks(io, write):
    path = write("""neosocksd.setinterval(0.05)
        local count = 0
        return {tick = function(now)
            count = count + 1
            print("TICK", math.type(now), math.abs(now - time.wall()) < 1)
            if count == 3 then neosocksd.setinterval(0) print("STOP") end
            error("tick fails")
        end}""")
    with Proxy("-r", path, io=io) as proxy:
        proxy.wait_log("STOP")
        proxy.wait_log("^W .*ruleset.tick: .*tick fails")
        assert proxy.count_log("TICK\tfloat\ttrue") == 3


def test_traceback(io, write):
    path = write("""return {resolve = function()
        neosocksd.async(function(ok, e) print("GOT", e) end, function() error("deep") end)
        print("PLAIN", select(2, pcall(error, "plain", 0)))
    end}""")
    for options, lines in ((("--traceback",), 1), ((), 0)):
        with Proxy("-r", path, *options, io=io, loglevel=5) as proxy:
            clients.expect_refusal(proxy.address, ("a", 1), "socks5h", 1)
            proxy.wait_log("GOT\t.*ruleset.lua:2: deep$")
            proxy.wait_log("PLAIN\tplain$")
            assert proxy.count_log("^stack traceback:") == lines


@pytest.mark.parametrize("options, end", [((), "$"), (("--traceback",), "")],
                         ids=["plain", "traceback"])
def test_last_error_of_a_callback(io, write, options, end):
    path = write("""return {resolve = function(address)
        if address == "show:1" then
            print("LAST", (neosocksd.stats().lasterror:gsub("\\n", " ")))
            return nil
        end
        error("boom")
    end}""")
    with Proxy("-r", path, *options, io=io) as proxy:
        clients.expect_refusal(proxy.address, ("a", 1), "socks5h", 1)
        clients.expect_refusal(proxy.address, ("show", 1), "socks5h", 1)
        proxy.wait_log(r"LAST\t.*ruleset.lua:6: boom" + (end or " stack traceback:"))


def test_memory_limit_is_soft(io, write):
    path = write("""return {resolve = function()
        local t = setmetatable({}, {__mode = "v"})
        for i = 1, 40 do t[i] = {("x"):rep(1 << 20) .. i} end
        print("HELD", neosocksd.stats().bytes_allocated > 0)
    end}""")
    with Proxy("-r", path, "--memlimit", "8", io=io) as proxy:
        for _ in range(30):
            clients.expect_refusal(proxy.address, ("a", 1), "socks5h", 1)
        net.wait_for(lambda: proxy.count_log("HELD\ttrue") == 30, "thirty lines")
        assert proxy.rss() < 700 << 20


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("how", ["f()", "coroutine.wrap(f)()", "os.execute('sleep 1.5')"])
def test_the_watchdog_barks(io, write, tmp_path, threads, how):
    barked = tmp_path / "barked"
    path = write(f"""
        local function f() while not io.open("{barked}") do end end
        return {{resolve = function() {how} {how if threads == "2" else ""} print("DONE") end}}""")
    with Proxy("-r", path, "--lua-watchdog", "0.5", "--threads", threads, io=io) as proxy:
        bark = r"^W .*ruleset: Lua (has )?kept the control thread for ([0-9.]+) s"
        if how.startswith("os"):
            clients.expect_refusal(proxy.address, ("a", 1), "socks5h", 1)
            assert float(proxy.wait_log(bark).group(2)) >= 1.5
        else:
            with net.connect(proxy.address) as sock, net.Stopwatch() as watch:
                begun = time.monotonic()
                sock.sendall(clients.socks4a_request("a", 1))
                found = proxy.wait_log(bark)
                took = time.monotonic() - begun
                assert found.group(1), "it barks while Lua runs"
                assert 0.5 <= float(found.group(2)) <= took + 0.05  # it is rounded
                assert float(found.group(2)) - (took - watch.elapsed()) < 1.0 * net.SCALE
                barked.touch()
                assert clients.read_socks4_reply(sock) == 0x5B
            proxy.wait_log("^DONE$")
            assert proxy.text().index("stack traceback") < proxy.text().index("DONE")
            assert "ruleset.lua:2: in" in proxy.text()
        assert proxy.count_log("kept the control thread") == 1


def test_the_watchdog_is_off_or_silent(io, write):
    path = write("""neosocksd.setinterval(0.01) return {
        tick = function() local e = time.monotonic() + 0.005 while time.monotonic() < e do end end,
        resolve = function() local e = time.monotonic() + 0.7 while time.monotonic() < e do end end
    }""")
    for seconds in ("0", "30"):  # nor does it bark at a machine that stands still for a moment
        with Proxy("-r", path, "--lua-watchdog", seconds, io=io) as proxy:
            clients.expect_refusal(proxy.address, ("a", 1), "socks5h", 1)
            time.sleep(1)
            assert proxy.count_log("kept the control thread") == 0


def test_children_get_nothing_of_ours(io, write, tmp_path):
    marker = tmp_path / "pid"
    path = write(f"""return {{resolve = function(address)
        if address == "long:1" then
            local me = coroutine.running()
            neosocksd.async(print, function()
                while not io.open("{marker}") do await.sleep(0.01) end
                coroutine.close(me)
            end)
            await.execute("echo $$ > {marker}.new; mv {marker}.new {marker}; exec sleep 100")
        end
        print("ENDED", await.execute("ls -l /proc/$$/fd; grep SigIgn /proc/$$/status; exit 3"))
    end}}""")
    with Proxy("-r", path, io=io) as proxy:
        clients.expect_refusal(proxy.address, ("a", 1), "socks5h", 1)
        proxy.wait_log("ENDED\tnil\texit\t3")
        assert proxy.count_log("socket:|anon_inode|eventpoll") == 0
        assert int(proxy.wait_log(r"SigIgn:\s*([0-9a-f]+)").group(1), 16) & 0x7fffffff == 0
        clients.expect_refusal(proxy.address, ("long", 1), "socks5h", 1)
        pid = int(marker.read_text())
        net.wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the child's end")


@pytest.mark.parametrize("way", ["os.execute({})", "await.execute({})",
                                 "io.write(io.popen({}):read('a'))"],
                         ids=["os.execute", "await.execute", "io.popen"])
def test_no_way_of_starting_a_program_leaks_a_descriptor(io, write, echo, tmp_path, way):
    """Listeners, clients, logs, the pid file, the API, and what a service manager left us."""
    path = write(f"""return {{route = function(address)
        {way.format("'ls -l /proc/self/fd; env; echo SEEN'")}
        return address
    end}}""")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("")  # an abstract name of the kernel's choice
        name = "@" + manager.getsockname()[1:].decode()
        env = {**os.environ, "NOTIFY_SOCKET": name, "WATCHDOG_USEC": "50000000"}
        with Proxy("-r", path, "--api", "127.0.0.1:0", "--access-log", tmp_path / "access",
                   "--pidfile", tmp_path / "pid", "--threads", "2", io=io, env=env) as proxy:
            with clients.open_tunnel(proxy.address, echo.address):
                with clients.open_tunnel(proxy.address, echo.address):
                    proxy.stop()
    assert proxy.count_log("^SEEN") == 2
    opened = re.findall(r"^l\S+ .* (\d+) -> (.*)$", proxy.text("out"), re.MULTILINE)
    assert {number for number, _ in opened} == {"0", "1", "2", "3"}
    assert all(re.fullmatch(r"/proc/\d+/fd", what) for number, what in opened if number == "3")
    assert "NOTIFY_SOCKET" not in proxy.text() and "WATCHDOG" not in proxy.text()


# Boot configuration.

def test_a_configuration_sets_options_and_brings_the_ruleset(io, write, echo):
    path = write(f"""assert(... == "config")
        return {{listen = "127.0.0.1:0", timeout = 7.5, loglevel = 6, unknown = 1, ruleset = {{
            resolve = function()
                print(neosocksd.config().timeout)
                return "127.0.0.1:{echo.port}"
            end
        }}}}""", "boot.lua")
    with Proxy("-c", path, io=io, listen=None) as proxy:
        with clients.open_tunnel(proxy.address, ("a", 1), "socks5h") as sock:
            data.ping(sock)
        proxy.wait_log(r"^7\.5$")
        write("return {listen = '127.0.0.1:0', loglevel = 6, ruleset = {}}", "boot.lua")
        reload(proxy, "ruleset successfully reloaded")
        clients.expect_refusal(proxy.address, ("a", 1), "socks5h", 1)
        write("return {loglevel = '6'}", "boot.lua")
        reload(proxy, "failed to reload ruleset: .*field `loglevel' must be an integer")
        write("return {loglevel = 6}", "boot.lua")
        reload(proxy, "failed to reload ruleset: listen address is not specified")


@pytest.mark.parametrize("text,message", [
    ("return 5", "config: expected table, got number"),
    ("return {timeout = 'x'}", "boot: field `timeout' must be a number"),
    ("return {listen = 5}", "boot: field `listen' must be a string"),
    ("return {pipe = 1}", "boot: field `pipe' must be a boolean"),
    ("return {max_sessions = 1.5}", "boot: field `max_sessions' must be an integer"),
    ("return {ruleset = 'x'}", "boot: field `ruleset' must be a table"),
    ("error('x', 0)", "x$")])
def test_a_bad_configuration_ends_the_start(write, text, message):
    done = run("-c", write(text, "boot.lua"), "-l", "127.0.0.1:0")
    assert done.returncode == 1 and re.search(message, done.stdout, re.M), done.stdout
    assert "unable to load configuration" in done.stdout


@pytest.mark.parametrize("options", [
    ["-l", "127.0.0.1:1080"], ["-l", ":1080", "--http", "127.0.0.1:8080", "-t", "7.5"],
    ["--http", "-l", "127.0.0.1:8080"],
    ["-l", "unix:/tmp/a\"b\\c", "-f", "h:1", "--max-startups", "1:2:3", "-m", "9", "--no-pipe"],
    ["-l", ":1", "-x", "socks5://u:p@h:1,http://h", "-u", "nobody:", "--keepalive", "off", "-4"]])
def test_a_dump_is_a_configuration(write, options):
    first = run(*options, "--dump-config")
    assert first.returncode == 0 and first.stdout.startswith("return {\n"), first.stdout
    second = run("-c", write(first.stdout, "boot.lua"), "--dump-config")
    assert second.stdout == first.stdout


# Trying the rules.

def test_check_loads_and_asks(write):
    path = write("""return {
        resolve = function(address, user, password, request)
            if user ~= "al" or password ~= "pw" then return end
            await.sleep(0.01)
            if address == "f.test:1" and await.forward("h:2", "http://p:3") then return end
            return address, "socks5://near:1", "http://first:2"
        end,
        route = function(address, _, _, request) print(request.client) error("route fails") end,
        route6 = function() await.sleep(1000) end}""")
    rows = [
        ([], 0, "loaded"),
        (["--ask", "example.org:443", "--user", "al:pw"], 0,
         "connect to example.org:443 through http://first:2, socks5://near:1"),
        (["--ask", "example.org:443"], 1, "reject"),
        (["--ask", "f.test:1", "--user", "al:pw"], 0, "connected by await.forward"),
        (["--ask", "192.0.2.1:1", "--from", "192.0.2.7:5000"], 1, "192.0.2.7:5000"),
        (["--ask", "192.0.2.1:1"], 1, "ruleset.lua:8: route fails"),
        (["--ask", "[::1]:1", "-t", "5"], 1, "none within 5 seconds"),
        (["--ask", "192.0.2.1:1", "--from", "me"], 1, "--from: `me' is neither"),
        (["--ask", "nonsense"], 1, "nonsense")]
    for options, status, text in rows:
        done = run("--check", "-r", path, *options)
        assert (done.returncode, text in done.stdout) == (status, True), (options, done.stdout)
    for text, message in (("x = ", ":1: unexpected"), ("return 1", "expected table")):
        done = run("--check", "-r", write(text))
        assert done.returncode == 1 and message in done.stdout
