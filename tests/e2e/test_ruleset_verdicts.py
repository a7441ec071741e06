"""What becomes of what a rule returns, row by row: protocols.md section 6 and lua.md section 9; and
of a rule that fails, waits, or is left alone."""

import contextlib
import time

import pytest

from support import clients, data, net
from support.hops import Hop
from support.proxy import Proxy

NO = {"socks4a": 0x5B, "socks5h": 1, "http": 403}


@pytest.fixture
def rules(tmp_path):
    """A ruleset whose `resolve` has this body."""
    def write(body, name="ruleset.lua"):
        path = tmp_path / name
        path.write_text(f"local ruleset = {{}}\nfunction ruleset.resolve(address)\n{body}\nend\n"
                        "return ruleset\n")
        return path
    return write


def test_an_address_replaces_the_request(io, rules, echo):
    with Proxy("-r", rules(f"return '127.0.0.1:{echo.port}'"), io=io) as proxy:
        for kind in ("socks4a", "socks5h", "http"):
            with clients.open_tunnel(proxy.address, ("nowhere.test", 1), kind) as sock:
                data.ping(sock)


def test_proxies_are_written_from_the_target_back(io, rules, microsocks, microsocks_auth):
    """The last value is the first hop; those of -x come before."""
    with Hop("socks4a") as near:
        chain = f"'{near.url()}', '{microsocks_auth.url()}'"
        with Proxy("-x", microsocks.url(), "-r", rules(f"return 'final.test:443', {chain}"),
                   io=io) as proxy:
            with clients.open_tunnel(proxy.address, ("a.test", 1), "socks5h") as sock:
                data.ping(sock)
            assert near.messages[0][0].endswith(b"\0final.test\0")
        assert proxy.count_log("proxies of -x come first") == 1


@pytest.mark.parametrize("threads", ["1", "2"])
def test_what_is_no_route_is_refused(io, rules, threads):
    returned = {
        "": None, "nil": None, "false": None, "true": "value 1", "{}": "value 1",
        "5": "invalid address: `5'", "'h'": "invalid address: `h'", "''": "invalid address: `'",
        "'h:99999'": "99999", "'h:http'": "http", "('h'):rep(300) .. ':1'": "address too long",
        "'h:80', nil": "value 2", "'h:80', 5": "", "'h:80', ''": "", "'h:80', 'foo://p:1'": "foo",
        "'h:80', 'socks5://p:1', nil": "value 3", "nil, 'socks5://p:1'": None,
    }
    body = "local number = tonumber(address:match('%d+'))\n" + "\n".join(
        f"if number == {number} then return {value} end" for number, value in enumerate(returned))
    with Proxy("-r", rules(body), "--threads", threads, io=io) as proxy:
        for number, (value, complaint) in enumerate(returned.items()):
            mark = proxy.mark()
            for kind, code in NO.items():
                clients.expect_refusal(proxy.address, (f"r{number}.test", 1), kind, code)
            if complaint is None:
                assert proxy.count_log("^E ", mark) == 0, value
            else:
                assert complaint in proxy.wait_log("^E .*ruleset.resolve: .*", mark).group(0)


def test_errors_refuse_at_once_and_name_the_line(io, rules):
    body = """
        if address == "early:1" then error("now") end
        if address == "object:1" then error(setmetatable({}, {__tostring = error})) end
        await.sleep(0.01)
        if address == "late:1" then local x = nil + 1 end
        if address == "inner:1" then coroutine.wrap(function() error("deep") end)() end
    """
    path = rules(body)
    with Proxy("-r", path, "-t", "60", io=io) as proxy:
        for name, message in (("early", ":4: now"), ("late", ":7: attempt to perform arithmetic"),
                              ("inner", "deep"), ("object", "")):
            mark = proxy.mark()
            started = time.monotonic()
            for kind, code in NO.items():
                clients.expect_refusal(proxy.address, (name, 1), kind, code)
            assert time.monotonic() - started < 20
            proxy.wait_log(r"^E .*ruleset error: .*" + message, mark)
            net.wait_for(lambda start=mark: proxy.count_log("stack traceback", start) == 3,
                         "a traceback for each")


@pytest.mark.parametrize("text,message", [
    ("return {}", r"ruleset\.resolve: attempt to call a nil value"),
    ("neosocksd.async(print, function() await.sleep(0) _G.ruleset = nil return 'GONE' end) "
     "return {}",
     r"attempt to index a nil value"),
    ("return {resolve = 'text'}", "attempt to call a string value")])
def test_a_missing_callback_refuses_at_once(io, tmp_path, text, message):
    path = tmp_path / "ruleset.lua"
    path.write_text(text)
    with Proxy("-r", path, io=io) as proxy:
        if "GONE" in text:
            proxy.wait_log("true\tGONE")
        clients.expect_refusal(proxy.address, ("a", 1), "socks5h", 1)
        proxy.wait_log(r"^E .*ruleset error: .*" + message)


def test_time_runs_out_and_the_routine_goes_on(io, rules):
    body = """
        if address == "go:1" then go = true return nil end
        while not go do await.sleep(0.01) end
        print('WENT ON', select(2, pcall(await.forward, 'a:1')))"""
    with Proxy("-r", rules(body), "-t", "5", io=io) as proxy, contextlib.ExitStack() as stack:
        watch = stack.enter_context(net.Stopwatch())
        started = time.monotonic()
        asked = {}
        for kind, request in (("socks4a", clients.socks4a_request("a", 1)),
                              ("http", clients.http_request("a", 1))):
            asked[kind] = stack.enter_context(net.connect(proxy.address))
            asked[kind].sendall(request)
        try:
            clients.open_tunnel(proxy.address, ("a", 1), "socks5h")
        except clients.Refused as refusal:
            assert refusal.code == 6
        assert time.monotonic() - started > 4.5 and watch.elapsed() < 6 + 2 * net.SCALE
        assert net.recv_all(asked["socks4a"]) in (b"", b"\0\x5b\0\0\0\0\0\0")
        assert not net.recv_all(asked["http"]).startswith(b"HTTP/1.1 2")
        assert proxy.count_log("WENT ON") == 0
        clients.expect_refusal(proxy.address, ("go", 1), "socks5h", 1)
        proxy.wait_log(r"WENT ON\s+await.forward: the request is not forwardable")
        net.wait_for(lambda: proxy.count_log("WENT ON") == 3, "three routines")


def test_a_client_that_hangs_up_is_forgotten(io, rules):
    body = """
        if address == "go:1" then go = true return nil end
        go = false
        print('BEGUN')
        while not go do await.sleep(0.01) end
        print('WENT ON')
        return '127.0.0.1:1'"""
    with Proxy("-r", rules(body), io=io) as proxy:
        for leave in (net.reset, lambda sock: sock.close()):
            mark = proxy.mark()
            sock = net.connect(proxy.address)
            sock.sendall(clients.socks4a_request("a", 1))
            proxy.wait_log("BEGUN", mark)
            leave(sock)
            # The session is gone before the routine is.
            net.wait_for(lambda: proxy.fd_count("socket:") <= 2, "the session to end")
            assert proxy.count_log("WENT ON", mark) == 0
            clients.expect_refusal(proxy.address, ("go", 1), "socks5h", 1)
            proxy.wait_log("WENT ON", mark)
            assert proxy.count_log("Connection refused", mark) == 0


def test_a_target_that_the_rules_leave_stays_the_clients(io, rules):
    """Our own listener is refused, as without rules; one that the rules name is theirs."""
    with Proxy("-r", rules("return address"), io=io) as proxy:
        clients.expect_refusal(proxy.address, ("127.0.0.1", proxy.port), "http", 403)
