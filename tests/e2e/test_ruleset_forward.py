"""await.forward: lua.md section 11, row by row, with real dials."""

import re

import pytest

from support import clients, data, net, udp
from support.dns import Dns
from support.hops import Hop
from support.proxy import Proxy
from support.servers import Blackhole, Listener

BOTH = pytest.mark.parametrize("threads", ["1", "2"])


@pytest.fixture
def rules(tmp_path):
    def write(body):
        path = tmp_path / "ruleset.lua"
        path.write_text(f"local ruleset = {{}}\nfunction ruleset.resolve(address)\n{body}\nend\n"
                        "return ruleset\n")
        return path
    return write


@BOTH
@pytest.mark.parametrize("kind", ["socks4a", "socks5h", "http"])
def test_it_relays_at_once_whatever_comes_later(io, rules, echo, kind, threads):
    body = f"""
        if address == "go:1" then go = true return nil end
        print("FORWARD", await.forward("127.0.0.1:{echo.port}"))
        while not go do await.sleep(0.01) end
        print("AGAIN", pcall(await.forward, "127.0.0.1:{echo.port}"))
        error("later")"""
    with Proxy("-r", rules(body), "--threads", threads, io=io) as proxy:
        with clients.open_tunnel(proxy.address, ("a", 1), kind) as sock:
            data.ping(sock)
            proxy.wait_log("FORWARD\ttrue$")
            assert proxy.count_log("AGAIN") == 0
            clients.expect_refusal(proxy.address, ("go", 1), "socks5h", 1)
            proxy.wait_log("AGAIN\tfalse\tawait.forward: the request is not forwardable$")
            proxy.wait_log("ruleset error: .*later")
            data.ping(sock)


@BOTH
def test_failures_leave_the_request_open(io, rules, echo, threads):
    dead, address = net.dead_port()
    with dead, Hop("socks5", reply=b"\5\5\0\1\0\0\0\0\0\0") as no, \
            Dns({}) as dns:
        body = f"""
            print("1", await.forward("127.0.0.1:{address[1]}"))
            print("2", await.forward("does-not-exist.invalid:1"))
            print("3", await.forward("a:1", "{no.url()}"))
            print("6", select("#", await.forward()), await.forward(nil, "x"))
            print("7", pcall(await.forward, "a"))
            print("8", pcall(await.forward, "a:1", "foo://x:1"))
            print("9", pcall(coroutine.wrap(await.forward), "a:1"))
            neosocksd.async(print, await.forward, "a:1")
            if address == "no:1" then return nil end
            return "127.0.0.1:{echo.port}" """
        with Proxy("-r", rules(body), "--threads", threads, "--nameserver", dns.address_text,
                   io=io) as proxy:
            with clients.open_tunnel(proxy.address, ("a", 1), "socks5h") as sock:
                data.ping(sock)
            for line in ("1\tfalse\tconnection failed", "2\tfalse\tname resolution failed",
                         "3\tfalse\tproxy refused connection", "6\t1\tnil",
                         "7\tfalse\tinvalid address", "8\tfalse\tinvalid address",
                         "9\tfalse\tawait.forward must be called from a ruleset request handler",
                         "false\tawait.forward must be called from a ruleset request handler"):
                proxy.wait_log(f"^{re.escape(line)}$")
            clients.expect_refusal(proxy.address, ("no", 1), "socks5h", 1)


def socks5_says(code):
    return {"scheme": "socks5", "reply": b"\5%c\0\1\0\0\0\0\0\0" % code}


def http_says(status):
    return {"scheme": "http", "reply": b"HTTP/1.1 %d No\r\n\r\n" % status}


@pytest.mark.parametrize("hop, reason", [
    ({"scheme": "socks5", "choice": b"\5\xff"}, "proxy authentication failed"),
    ({"scheme": "socks5", "choice": b"\5\2", "status": b"\1\1"}, "proxy authentication failed"),
    (http_says(407), "proxy authentication failed"),
    (socks5_says(1), "proxy refused connection"),
    (socks5_says(4), "proxy refused connection"),
    (socks5_says(5), "proxy refused connection"),
    (http_says(502), "proxy refused connection"),
    ({"scheme": "socks4a", "reply": b"\0\x5b\0\0\0\0\0\0"}, "proxy refused connection"),
    (socks5_says(2), "request rejected by proxy"),
    (socks5_says(7), "proxy refused connection"),
    (http_says(403), "request rejected by proxy"),
    ({"scheme": "socks4a", "reply": b"\0\x5d\0\0\0\0\0\0"}, "request rejected by proxy"),
    ({"scheme": "socks5", "reply": None}, "unexpected end of connection"),
    ({"scheme": "http", "reply": b"220 mail.test ESMTP\r\n"}, "proxy protocol error"),
    ({"scheme": "socks5", "choice": b"HT"}, "proxy protocol error"),
], ids=str)
def test_what_is_said_of_a_hop(io, rules, hop, reason):
    with Hop(**hop) as peer:
        user = "user:password@" if hop.get("choice") == b"\5\2" else ""
        body = f'print("SAID", await.forward("a:1", "{peer.url(user)}"))'
        with Proxy("-r", rules(body), io=io) as proxy:
            clients.expect_refusal(proxy.address, ("a", 1), "socks5h", 1)
            proxy.wait_log(f"^SAID\tfalse\t{reason}$")


@pytest.mark.parametrize("hop, reason", [
    ({"choice": b"\5\xff"}, "proxy authentication failed"),
    ({"reply": b"\5\5\0\1\0\0\0\0\0\0"}, "proxy refused connection"),
    ({"reply": b"\5\2\0\1\0\0\0\0\0\0"}, "request rejected by proxy"),
    ({"reply": None}, "unexpected end of connection"),
    ({"choice": b"HT"}, "proxy protocol error"),
], ids=str)
def test_what_is_said_of_a_hop_that_is_to_bind(io, rules, hop, reason):
    with Hop("socks5", **hop) as peer:
        body = f'print("SAID", await.forward("a:1", "{peer.url()}"))'
        with Proxy("-r", rules(body), "--enable-socks5-bind", io=io) as proxy:
            with udp.command(proxy.address, 2, "a", 1) as sock:
                assert clients.read_socks5_reply(sock).code == 1
            proxy.wait_log(f"^SAID\tfalse\t{reason}$")


@BOTH
def test_a_silent_way_leaves_time_for_another(io, rules, echo, threads):
    with Blackhole() as hole:
        body = f"""
            print("FIRST", await.forward("127.0.0.1:{hole.port}"))
            print("SECOND", await.forward("127.0.0.1:{echo.port}"))"""
        with Proxy("-r", rules(body), "-t", "10", "--threads", threads, io=io) as proxy:
            with clients.open_tunnel(proxy.address, ("a", 1), "socks5h") as sock:
                data.ping(sock)
            proxy.wait_log("^FIRST\tfalse\ttimeout$")
            proxy.wait_log("^SECOND\ttrue$")


def test_policy_is_not_bypassed(io, rules):
    """Nor by a rule that forwards to what the client has asked for: a listener of ours."""
    with Proxy("-r", rules("print(await.forward(address))"), io=io) as proxy:
        clients.expect_refusal(proxy.address, ("127.0.0.1", proxy.port), "http", 403)
        proxy.wait_log("false\tconnection blocked by policy")


@BOTH
def test_a_client_that_hangs_up_ends_the_wait(io, rules, threads):
    with Blackhole() as hole:
        body = f"""print("DIALS") print("ENDED", await.forward("127.0.0.1:{hole.port}"))"""
        with Proxy("-r", rules(body), "--threads", threads, io=io) as proxy:
            sock = net.connect(proxy.address)
            sock.sendall(clients.socks4a_request("a", 1))
            proxy.wait_log("DIALS")
            net.reset(sock)
            proxy.wait_log("ENDED\tfalse\trequest cancelled")


@BOTH
def test_closing_the_routine_cancels_the_dial(io, rules, threads):
    with Blackhole() as hole:
        body = f"""
            local me = coroutine.running()
            neosocksd.async(print, function() await.sleep(0.05) coroutine.close(me) end)
            await.forward("127.0.0.1:{hole.port}")"""
        with Proxy("-r", rules(body), "--threads", threads, io=io) as proxy:
            clients.expect_refusal(proxy.address, ("a", 1), "socks5h", 1)


def test_a_chain_of_tries(io, rules):
    """The first hop is dead, the second serves: what failover does."""
    dead, address = net.dead_port()
    with dead, Hop("http") as hop:
        body = f"""
            for _, proxy in ipairs{{"http://127.0.0.1:{address[1]}", "{hop.url()}"}} do
                if await.forward(address, proxy) then return end
            end"""
        with Proxy("-r", rules(body), io=io) as proxy:
            with clients.open_tunnel(proxy.address, ("a.test", 7), "socks5h") as sock:
                data.ping(sock)
            assert hop.messages[0][0].startswith(b"CONNECT a.test:7 ")


def test_what_the_target_says_first_arrives(io, rules):
    with Listener() as target:
        with Proxy("-r", rules(f"await.forward('127.0.0.1:{target.port}')"), io=io) as proxy:
            with clients.open_tunnel(proxy.address, ("a", 1), "socks5h") as sock:
                far = target.accept()
                far.sendall(b"hello")
                assert net.recv_exact(sock, 5) == b"hello"
                far.close()
