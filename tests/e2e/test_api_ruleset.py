"""/ruleset/...: code that the API runs, and what it answers."""

import re
import time
import zlib

import pytest

from support import net
from support.api import RPC_TYPE, Api, request
from support.http_origin import read_response
from support.proxy import Proxy

RULESET = """
rpc = {}
function rpc.echo(...) return ... end
function rpc.slow(n) await.sleep(n) done = true return n end
return { resolve = function(addr) return addr end }
"""


@pytest.fixture
def proxy(io, tmp_path):
    (tmp_path / "r.lua").write_text(RULESET)
    with Proxy("--api", "127.0.0.1:0", "-r", tmp_path / "r.lua", "-t", "5", io=io) as running:
        yield running


@pytest.fixture
def api(proxy):
    return Api(proxy)


COST = rb"Time Cost           : [\d.]+(ns|\xc2\xb5s|ms)\n"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["", "/invoke", "/rpcall", "/x/y"])
def test_without_a_ruleset_there_is_none(io, method, path):
    with Proxy("--api", "127.0.0.1:0", io=io) as proxy:
        answer = Api(proxy).ask(method, "/ruleset" + path)
        assert answer.status == 500
        assert answer.body == b"ruleset is not enabled on the server"
        assert answer.get("Content-Type") == ["text/plain; charset=utf-8"]


def test_invoke_runs_code(api):
    answer = api.invoke("_G.x = 41; y = 1; return 'ignored'")
    assert answer.status == 200 and re.fullmatch(COST, answer.body), answer
    assert [name for name, _ in answer.fields] == [
        "Date", "Connection", "Content-Type", "X-Content-Type-Options", "Content-Length"]
    assert api.invoke("error(x .. tostring(y), 0)").body == b"41nil"
    assert api.invoke("").status == 200


@pytest.mark.parametrize("code, message", [
    ("error('boom')", b"(invoke):1: boom"),
    ("x = return", b"(invoke):1: unexpected symbol near 'return'"),
    ("\x1bLua", b"attempt to load a binary chunk (mode is 't')"),
    ("error()", b"(nil)"),
    ("error(5, 0)", b"(error object is not a string)"),
    ("error({})", b"(error object is not a string)"),
    ("await.sleep(0)", b"not in asynchronous routine"),
])
def test_invoke_tells_errors(proxy, api, code, message):
    answer = api.invoke(code)
    assert answer.status == 500
    assert answer.body == message or answer.body.endswith(message)
    assert answer.get("Connection") == ["close"]
    assert answer.get("Content-Type") == ["text/plain; charset=utf-8"]
    proxy.wait_log(r"W .*ruleset invoke: ")


def test_a_long_message_is_cut(api):
    answer = api.invoke("error(('x'):rep(100000), 0)")
    assert answer.body == b"x" * 8192


def test_update_replaces_the_ruleset(api):
    answer = api.post("/ruleset/update", b"return { name = 'second' }")
    assert answer.status == 200 and re.fullmatch(COST, answer.body), answer
    assert api.invoke("error(ruleset.name, 0)").body == b"second"


@pytest.mark.parametrize("query, code, message", [
    ("", b"error('e')", b"ruleset:1: e"),
    ("?module=foo", b"error('e')", b"foo:1: e"),
    ("?chunkname=%40foo.lua", b"error('e')", b"foo.lua:1: e"),
    ("?chunkname=%3Dfoo&module=bar", b"error('e')", b"foo:1: e"),
    ("", b"return", b"ruleset: expected table, got nil"),
    ("", b"return 5", b"ruleset: expected table, got number"),
])
def test_update_tells_errors_and_keeps_the_old_one(proxy, api, query, code, message):
    answer = api.post("/ruleset/update" + query, code)
    assert (answer.status, answer.body) == (500, message)
    proxy.wait_log(r"W .*ruleset update: " + re.escape(message.decode()))
    assert api.invoke("assert(ruleset.resolve)").status == 200


def test_update_loads_modules(api):
    assert api.post("/ruleset/update?module=m", b"return { v = 1 }").status == 200
    assert api.invoke("assert(require 'm'.v == 1 and m == nil)").status == 200
    assert api.invoke("_G.m = require 'm'").status == 200
    assert api.post("/ruleset/update?module=m", b"return { v = ... }").status == 200
    assert api.invoke("assert(m.v == 'm')").status == 200
    assert api.post("/ruleset/update?module=%", b"return {}").status == 400
    refused = api.post("/ruleset/update?module=", b"return {}")
    assert (refused.status, refused.body) == (400, b"module: the name is empty")


def test_gc_collects(api):
    answer = api.post("/ruleset/gc")
    lines = (rb"Difference          : -?[\d.]+([KM]i)?B? \(-?\d+ objects\)\n"
             rb"Ruleset Allocated   : [\d.]+[KM]iB \([\d.]+k? objects\)\n" + COST)
    assert answer.status == 200 and re.fullmatch(lines, answer.body), answer
    api.invoke("_G.junk = {}; for i = 1, 1e4 do junk[i] = {} end; junk = nil; _G.junk = nil")
    assert re.match(rb"Difference          : -[\d.]+[KM]iB \(-", api.post("/ruleset/gc").body)


@pytest.mark.parametrize("code, body", [
    ("return 1,'a',{1,x=true},nil", 'return true,1,"a",{1,["x"]=true,},nil'),
    ("", "return true"),
    ("error('boom')", 'return false,"(rpc):1: boom"'),
    ("error({1})", "return false,{1,}"),
    ("error()", "return false,nil"),
    ("return select('#', ...)", "return true,0"),
    ("await.sleep(0.01) return 2", "return true,2"),
    ("return rpc.echo('hi')", 'return true,"hi"'),
])
def test_rpcall_answers(api, code, body):
    answer = api.rpcall(code, "Connection: close")
    assert (answer.status, answer.body.decode()) == (200, body)
    assert [name for name, _ in answer.fields] == [
        "Date", "Connection", "Content-Type", "Content-Length"]
    assert answer.get("Content-Type") == [RPC_TYPE]
    assert answer.get("Connection") == ["close"]


def test_rpcall_answers_what_can_not_be_marshalled(api):
    body = api.rpcall("return print").body.decode()
    assert re.fullmatch(r'return false,"function: [\w: ]+ is not marshallable"', body), body


def test_rpcall_tells_what_does_not_compile(proxy, api):
    answer = api.rpcall("return ==")
    assert answer.status == 500
    assert answer.body == b"(rpc):1: unexpected symbol near '=='"
    assert answer.get("Content-Type") == ["text/plain; charset=utf-8"]
    proxy.wait_log("W .*ruleset rpcall: ")


@pytest.mark.parametrize("content_type, status", [
    (RPC_TYPE, 200), ('APPLICATION/x-Neosocksd-RPC;charset=x; VERSION="1"', 200),
    ("application/x-neosocksd-rpc", 400), ("application/x-neosocksd-rpc; version=2", 400),
    ("text/plain", 400), (None, 400)])
def test_rpcall_needs_its_type(api, content_type, status):
    fields = [f"Content-Type: {content_type}"] if content_type else []
    assert api.post("/ruleset/rpcall", b"return 1", *fields).status == status


@pytest.mark.parametrize("size, compressed", [(255, False), (256, True), (300, True)])
def test_rpcall_is_compressed_from_256_bytes_on(api, size, compressed):
    code = f"return ('x'):rep({size - len('return true,') - 2})"
    answer = api.rpcall(code, "Accept-Encoding: deflate")
    assert bool(answer.get("Content-Encoding")) == compressed
    body = zlib.decompress(answer.body) if compressed else answer.body
    assert len(body) == size
    assert not compressed or answer.body[:1] == b"\x78"
    assert not api.rpcall(code).get("Content-Encoding")


def test_the_recorded_request_of_1_4_2_is_answered(api):
    answer = api.raw(b"POST /ruleset/rpcall HTTP/1.1\r\nAccept-Encoding: deflate\r\n"
                     b"Content-Length: 21\r\n"
                     b"Content-Type: application/x-neosocksd-rpc; version=1\r\n\r\n"
                     b'return rpc.echo("hi")')
    assert answer.body == b'return true,"hi"'
    packed = bytes.fromhex("789ce5c081000000008020edf00739de0240847801")
    assert zlib.decompress(packed) == b"x" * 256
    answer = api.raw(b"POST /ruleset/rpcall HTTP/1.1\r\nContent-Length: 21\r\nContent-Type: "
                     + RPC_TYPE.encode() + b"\r\nContent-Encoding: deflate\r\n\r\n" + packed)
    assert answer.body.startswith(b"(rpc):1: syntax error near")


def test_a_call_that_takes_too_long_is_closed_and_goes_on(proxy, api):
    with api.connect() as sock, net.Stopwatch() as watch:
        began = time.monotonic()
        sock.sendall(request("POST", "/ruleset/rpcall", b"return rpc.slow(7)",
                             f"Content-Type: {RPC_TYPE}"))
        assert net.recv_all(sock) == b""
        assert 4.5 < time.monotonic() - began and watch.elapsed() < 7 * net.SCALE
    proxy.wait_log(r"W .*POST /ruleset/rpcall was not answered in time")
    net.wait_for(lambda: api.invoke("assert(done)").status == 200, "the routine to finish")


def test_a_caller_that_goes_away_stops_no_routine(api):
    sock = api.connect()
    sock.sendall(request("POST", "/ruleset/rpcall", b"return rpc.slow(1)",
                         f"Content-Type: {RPC_TYPE}"))
    net.until_read(sock)
    net.reset(sock)
    net.wait_for(lambda: api.invoke("assert(done)").status == 200, "the routine to finish")


def test_calls_wait_side_by_side(api):
    socks = [api.connect() for _ in range(20)]
    with net.Stopwatch() as watch:
        for sock in socks:
            sock.sendall(request("POST", "/ruleset/rpcall", b"return rpc.slow(1)",
                                 f"Content-Type: {RPC_TYPE}"))
        for sock in socks:
            with sock:
                assert read_response(sock).body == b"return true,1"
        assert watch.elapsed() < 3 * net.SCALE


def test_the_end_does_not_wait_for_a_call(proxy, api):
    with api.connect() as sock:
        sock.sendall(request("POST", "/ruleset/rpcall", b"return rpc.slow(4)",
                             f"Content-Type: {RPC_TYPE}"))
        net.until_read(sock)
        with net.Stopwatch() as watch:
            proxy.signal(15)
            proxy.expect_exit(0)
            assert watch.elapsed() < 3 * net.SCALE
