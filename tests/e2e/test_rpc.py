"""Outgoing RPC: the bytes that peers of 1.4.2 know, what comes of every answer, and two of us."""

import contextlib
import re
import time
import zlib

import pytest

from support import net
from support.api import RPC_TYPE, Api
from support.dns import Dns
from support.proxy import Proxy
from support.servers import Listener

RULESET = """
rpc = {}
function rpc.echo(...) return ... end
-- What await.invoke brings, as one line of text.
function ask(code, ...)
    local ok, f = await.invoke(code, ...)
    if not ok then return "failed: " .. f end
    return marshal(f())
end
return { resolve = function(addr) return addr end }
"""
HEAD = (b"POST /ruleset/%s HTTP/1.1\r\nAccept-Encoding: deflate\r\nContent-Length: %d\r\n"
        b"Content-Type: application/x-neosocksd-rpc; version=1\r\n%s\r\n")
TYPE = f"Content-Type: {RPC_TYPE}\r\n".encode()


@pytest.fixture
def start(io, tmp_path):
    (tmp_path / "r.lua").write_text(RULESET)
    with contextlib.ExitStack() as stack:
        def run(*args, timeout="60"):
            return stack.enter_context(Proxy("--api", "127.0.0.1:0", "-r", tmp_path / "r.lua",
                                             "-t", timeout, *args, io=io))
        yield run


def target_of(address):
    return f"{address[0]}:{address[1]}"


def ask(proxy, code, *route):
    """ask(code, route...) on the proxy, while the test plays the peer: a connection with the call
    under way; its end is read by `outcome`."""
    sock = Api(proxy).connect()
    arguments = ",".join(f"[==[{word}]==]" for word in (code, *route))
    body = f"return ask({arguments})".encode()
    sock.sendall(b"POST /ruleset/rpcall HTTP/1.1\r\nConnection: close\r\n" + TYPE +
                 b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return sock


def outcome(sock):
    with sock:
        text = net.recv_all(sock).split(b"\r\n\r\n", 1)[1].decode()
    found = re.fullmatch(r'return true,"(.*)"', text, re.DOTALL)
    assert found, text
    return re.sub(r"\\(.)", r"\1", found.group(1))


@pytest.mark.parametrize("code", ["return 1", "", "x" * 255, "-- " + "x" * 253, "-- " + "x" * 9999],
                         ids=["short", "empty", "255", "256", "long"])
def test_the_request_is_that_of_1_4_2(start, listener, code):
    proxy = start()
    sock = ask(proxy, code, target_of(listener.address))
    with listener.accept() as peer:
        head = net.recv_until(peer, b"\r\n\r\n")
        length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
        body = net.recv_exact(peer, length)
        packed = len(code) >= 256
        assert head == HEAD % (b"rpcall", length, b"Content-Encoding: deflate\r\n" * packed)
        assert not packed or body[:1] == b"\x78"
        assert (zlib.decompress(body) if packed else body) == code.encode()
        peer.sendall(b"HTTP/1.1 200 OK\r\n%sContent-Length: 11\r\n\r\nreturn true" % TYPE)
        assert outcome(sock) == "true"
        assert peer.recv(1) == b""


def with_length(head, body):
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


OK = b"HTTP/1.1 200 OK\r\n" + TYPE
RESULT = b'return true,01,{["a"]=-0x1p+1,}'


@pytest.mark.parametrize("answer, result", [
    (with_length(OK, RESULT), "true,1,{[\"a\"]=-0x1p+1,}"),
    (with_length(OK + b"Content-Encoding: deflate\r\n", zlib.compress(RESULT)),
     "true,1,{[\"a\"]=-0x1p+1,}"),
    (with_length(OK, b"return false,\"(rpc):1: boom\""), 'false,"(rpc):1: boom"'),
    (with_length(OK, b""), ""),
    (OK + b"\r\nreturn true,1", "true,1"),
    (OK + b"Transfer-Encoding: chunked\r\n\r\nb\r\nreturn true\r\n0\r\n\r\n", "true"),
    (with_length(b"HTTP/1.0 200 OK\r\n" + TYPE, b"return true"), "true"),
    (with_length(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n", b"return true"),
     "failed: unsupported content-type"),
    (with_length(OK.replace(b"version=1", b"version=2"), b""), "failed: unsupported content-type"),
    (with_length(b"HTTP/1.1 200 OK\r\n", b""), "failed: unsupported content-type"),
    (with_length(OK + b"Content-Encoding: br\r\n", b"x"), "failed: error parsing response"),
    (with_length(OK + b"Content-Encoding: gzip\r\n", b"x"), "failed: error parsing response"),
    (OK + b"Content-Length: x\r\n\r\n", "failed: error parsing response"),
    (OK + b"Content-Length: 4194305\r\n\r\n", "failed: error parsing response"),
    (with_length(b"HTTP/1.1 500 Internal Server Error\r\n" + TYPE, b"its words"),
     "failed: its words"),
    (with_length(b"HTTP/1.1 500 Internal Server Error\r\n" + TYPE, b""),
     "failed: HTTP/1.1 500 Internal Server Error"),
    (with_length(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n", b"<HTML>"),
     "failed: HTTP/1.1 404 Not Found"),
    (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "failed: HTTP/1.1 302 Found"),
    (b"SSH-2.0-x\r\n", "failed: error receiving response"),
    (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "failed: error receiving response"),
    (b"", "failed: error receiving response"),
    (OK + b"Content-Length: 100\r\n\r\nshort", "failed: error receiving response"),
], ids=range(22))
def test_answers(start, listener, answer, result):
    sock = ask(start(), "return 1", target_of(listener.address))
    with listener.accept() as peer:
        net.recv_until(peer, b"return 1")
        peer.sendall(answer)
    assert outcome(sock) == result


def test_an_answer_that_does_not_compile_is_a_failure(start, listener):
    sock = ask(start(), "return 1", target_of(listener.address))
    with listener.accept() as peer:
        net.recv_until(peer, b"return 1")
        peer.sendall(with_length(OK, b"return =="))
        text = outcome(sock)
    assert text == "failed: (rpc):1: unexpected symbol near '=='"


def test_nobody_there(start, listener):
    dead, address = net.dead_port()
    with dead, Dns({}) as dns, net.Stopwatch() as watch:
        proxy = start("--nameserver", dns.address_text)
        assert outcome(ask(proxy, "", target_of(address))) == "failed: failed connecting to server"
        began = watch.elapsed()
        answer = outcome(ask(proxy, "", "no-such-name.invalid:1"))
        assert answer == "failed: failed connecting to server"
        assert watch.elapsed() - began < 4


def test_the_callers_deadline(start, listener):
    """A call of the ruleset's own, which nobody waits for, so that it is heard of."""
    proxy = start(timeout="5")
    began, watch = time.monotonic(), net.Stopwatch()
    code = (f"neosocksd.async(function(...) _G.said = marshal(...) end, ask, '', "
            f"'{target_of(listener.address)}')")
    assert Api(proxy).invoke(code).status == 200
    net.wait_for(lambda: Api(proxy).invoke("assert(said)").status == 200, "the end of the call")
    with watch:
        assert time.monotonic() - began > 4.5 and watch.elapsed() < 7 * net.SCALE
    assert Api(proxy).invoke("error(said, 0)").body == b'true,"failed: timeout"'


@pytest.mark.parametrize("scheme", ["socks4a", "socks5", "http"])
def test_through_proxies(start, io, scheme):
    """The hop is another of us, and the far node's ruleset leads the name to its API."""
    one, two = start(), start()
    own = f"'{target_of(Api(two).address)}'"
    code = f"ruleset.resolve = function(a) return a == 'api.neosocksd.internal:80' and {own} end"
    assert Api(two).invoke(code).status == 200
    with Proxy(io=io) as hop:
        route = ("api.neosocksd.internal:80", f"{scheme}://127.0.0.1:{two.port}",
                 f"socks5://127.0.0.1:{hop.port}")
        assert outcome(ask(one, "return rpc.echo('hi', {1,2})", *route)) == 'true,"hi",{1,2,}'


def test_between_two_of_us(start):
    one, two = start(), start()
    address = target_of(Api(two).address)
    assert outcome(ask(one, "return rpc.echo(1, 'a', 1.5, {x={}}, nil)", address)) \
        == 'true,1,"a",0x1.8p+0,{["x"]={},},nil'
    assert outcome(ask(one, "error('boom')", address)) == 'false,"(rpc):1: boom"'
    # What does not compile there is a failure of the request.
    assert outcome(ask(one, "return ==", address)) == "failed: HTTP/1.1 500 Internal Server Error"
    long = outcome(ask(one, "return ('x'):rep(100000)", address))
    assert long == 'true,"' + "x" * 100000 + '"'


def test_a_message_is_sent_and_its_answer_ignored(start, listener):
    proxy = start()
    api = Api(proxy)
    assert api.invoke(f"neosocksd.invoke('x = 1', '{target_of(listener.address)}')").status == 200
    with listener.accept() as peer:
        request = HEAD % (b"invoke", 5, b"") + b"x = 1"
        assert net.recv_exact(peer, len(request)) == request
        assert peer.recv(1) == b""  # it has closed its side, and reads
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10000)
    assert api.get("/healthy").status == 200


def test_messages_arrive(start):
    one, two = start(), start()
    address = target_of(Api(two).address)
    code = f"for i = 1, 100 do neosocksd.invoke('_G.n = (n or 0) + 1', '{address}') end"
    assert Api(one).invoke(code).status == 200
    net.wait_for(lambda: Api(two).invoke("assert(n == 100)").status == 200, "all messages")


def test_a_message_to_nobody_is_logged(start):
    proxy = start()
    dead, address = net.dead_port()
    with dead:
        Api(proxy).invoke(f"neosocksd.invoke('', '{target_of(address)}')")
        proxy.wait_log(rf"W .*invoke `{target_of(address)}': connect .*Connection refused")


def test_too_many_messages_are_dropped(start):
    proxy = start()
    with Listener() as silent:
        code = f"for i = 1, 300 do neosocksd.invoke('', '{target_of(silent.address)}') end"
        assert Api(proxy).invoke(code).status == 200
        proxy.wait_log("W .*dropped, too many messages in flight")
