"""`neosocksd ctl`: each command against a running server, and what it says when there is none."""

import contextlib
import json
import re
import socket
import threading

import pytest

from support import clients, data, net
from support.api import Api
from support.ctl import ctl
from support.proxy import Proxy

RULESET = """
rpc = { echo = function(...) return ... end }
local ruleset = {}
function ruleset.resolve(addr)
    if addr == "rejected.invalid:80" then return nil end
    return "127.0.0.1:1", "socks5://127.0.0.1:2"
end
function ruleset.route(addr) return addr end
function ruleset.stats(dt, q) return "asked: " .. tostring(q) .. "\\n" end
function ruleset.healthy() return sick end
return ruleset
"""


@pytest.fixture
def start(io, tmp_path):
    """start(*args) -> (proxy, api)"""
    (tmp_path / "r.lua").write_text(RULESET)
    with contextlib.ExitStack() as stack:
        def run(*args, rules=True, api="127.0.0.1:0"):
            words = ["--api", api, *(["-r", tmp_path / "r.lua"] if rules else []), *args]
            proxy = stack.enter_context(Proxy(*words, io=io))
            return proxy, Api(proxy) if api == "127.0.0.1:0" else api
        yield run


@pytest.fixture
def api(start):
    return start()[1]


@pytest.fixture
def file(tmp_path):
    """file(text) -> its path"""
    def write(text, name="code.lua"):
        (tmp_path / name).write_text(text)
        return tmp_path / name
    return write


def test_stats(api):
    text = ctl(api, "stats")
    assert re.match(r"neosocksd .*\n.*\n\nServer Time         : ", text)
    assert "Accept Rate" not in text
    text = ctl(api, "stats", "-q", "a b&c=d")
    assert "Accept Rate" in text and text.endswith("asked: a b&c=d\n")
    assert json.loads(ctl(api, "stats", "--json"))["sessions"]["established"] == 0
    said = json.loads(ctl(api, "stats", "--json", "-q", "a b"))
    assert said["rates"]["seconds"] >= 0 and said["ruleset_stats"] == "asked: a b\n"


def test_metrics_gc_and_healthy(api):
    assert ctl(api, "metrics").startswith("# HELP neosocksd_")
    text = ctl(api, "gc")
    assert re.match(r"Difference          : .*\nRuleset Allocated   : .*\nTime Cost ", text)
    assert ctl(api, "healthy") == "healthy\n"
    api.invoke("_G.sick = 'no upstream'")
    assert ctl(api, "healthy", status=1) == "neosocksd ctl: no upstream\n"


def test_invoke(api, file):
    assert ctl(api, "invoke", "-e", "_G.x = 1").startswith("Time Cost  ")
    ctl(api, "invoke", file("_G.x = x + 1"))
    ctl(api, "invoke", "-", stdin="assert(x == 2)")
    assert ctl(api, "invoke", "-e", "error('boom')", status=1) == (
        "neosocksd ctl: (invoke):1: boom\n")


def test_rpcall_prints_results_one_a_line(api, file):
    assert ctl(api, "rpcall", "-e", "await.sleep(0.01) return rpc.echo('hi', 42, {1}, nil)") == (
        "hi\n42\n{1,}\nnil\n")
    assert ctl(api, "rpcall", file("return 'two\\nlines', '\"'")) == 'two\nlines\n"\n'
    assert ctl(api, "rpcall", "-", stdin="return") == ""
    long = ctl(api, "rpcall", "-e", "return ('x'):rep(100000)")  # travels compressed
    assert long == "x" * 100000 + "\n"
    assert ctl(api, "rpcall", "-e", "error('boom')", status=1) == "neosocksd ctl: (rpc):1: boom\n"
    assert ctl(api, "rpcall", "-e", "return (", status=1).startswith("neosocksd ctl: (rpc):1: ")


def test_update_and_reload(api, file):
    rules = file("return { route = function() return nil end }", "new.lua")
    ctl(api, "reload", rules)
    assert "Verdict             : reject\n" in ctl(api, "explain", "192.0.2.1:80")
    ctl(api, "update", "--module", "mine", "-", stdin="return { answer = 42 }")
    assert ctl(api, "rpcall", "-e", "return require('mine').answer") == "42\n"
    broken = file("return {\n} }", "broken.lua")
    # Named as the server names the files that it reads itself.
    message = ctl(api, "reload", broken, status=1)
    assert message.startswith("neosocksd ctl: ") and "broken.lua:2: " in message
    assert "other:1:" in ctl(api, "update", "--chunkname", "=other", "-", stdin="}", status=1)
    message = ctl(api, "reload", status=2)
    assert "SIGHUP" in message


def test_code_larger_than_a_body_is_compressed(api, file):
    ctl(api, "invoke", file("_G.big = true --" + "x" * 6_000_000))
    assert ctl(api, "rpcall", "-e", "return big") == "true\n"


def test_explain(api):
    text = ctl(api, "explain", "name.example:443", "--user", "anna", "--from", "192.0.2.7:4000")
    assert text.startswith("Request             : resolve of name.example:443\n"
                           "Verdict             : connect\n")
    assert "Target              : 127.0.0.1:1 (rewritten)\n" in text
    assert "Chain               : socks5://127.0.0.1:2\n" in text
    assert "Verdict             : reject\n" in ctl(api, "explain", "rejected.invalid:80")
    assert json.loads(ctl(api, "explain", "rejected.invalid:80", "--json"))["verdict"] == "reject"
    assert ctl(api, "explain", "nonsense", status=1).startswith("neosocksd ctl: explain: ")


def test_sessions_and_kill(start, echo):
    proxy, api = start(rules=False)
    assert ctl(api, "sessions").split()[0] == "ID"
    with contextlib.ExitStack() as stack:
        def tunnel(name):
            sock = stack.enter_context(clients.open_tunnel(
                proxy.address, echo.address, "http", (name, "secret")))
            data.ping(sock)
            return sock
        anna, bert, carl = (tunnel(name) for name in ("anna", "bert", "car\x1bl"))
        rows = ctl(api, "sessions").splitlines()
        assert rows[0].split() == ["ID", "CLIENT", "USER", "PROTOCOL", "STATE", "AGE", "UP", "DOWN",
                                   *rows[0].split()[8:]]
        assert len(rows) == 4
        of_anna, _, _ = (next(row for row in rows if f" {name} " in row)
                         for name in ("anna", "bert", "car?l"))
        assert "{}:{}".format(*anna.getsockname()) in of_anna
        assert len({row.index("established") for row in rows[1:]}) == 1
        assert len(ctl(api, "sessions", "user=bert").splitlines()) == 2
        assert len(ctl(api, "sessions", "--limit", "2").splitlines()) == 3
        assert len(json.loads(ctl(api, "sessions", "--json"))["sessions"]) == 3

        ident = of_anna.split()[0]
        assert ctl(api, "kill", ident) == "1 session ended\n"
        net.expect_closed(anna)
        net.wait_for(lambda: api.get(f"/sessions/{ident}").status == 404, "the session to end")
        assert ctl(api, "kill", ident, status=1) == (
            f"neosocksd ctl: no session has the ID {ident}\n")
        data.ping(bert)
        assert ctl(api, "kill", "user=bert", "protocol=http") == "1 session ended\n"
        net.expect_closed(bert)
        data.ping(carl)
        assert ctl(api, "kill", "user=nobody") == "0 sessions ended\n"
        assert ctl(api, "kill", "usr=anna", status=1) == (
            "neosocksd ctl: sessions: unknown parameter `usr'\n")
        data.ping(carl)


def test_sessions_come_in_pages(start, echo):
    proxy, api = start(rules=False)
    with contextlib.ExitStack() as stack:
        for _ in range(1100):
            stack.enter_context(clients.open_tunnel(proxy.address, echo.address))
        idents = [int(row.split()[0]) for row in ctl(api, "sessions").splitlines()[1:]]
        assert len(idents) == 1100 and sorted(set(idents)) == idents
        assert len(ctl(api, "sessions", "--limit", "1050").splitlines()) == 1051
        pages = ctl(api, "sessions", "--json").splitlines()
        assert [len(json.loads(page)["sessions"]) for page in pages] == [1000, 100]
        assert ctl(api, "kill", "min_age=0") == "1100 sessions ended\n"


def test_without_a_ruleset(start):
    _, api = start(rules=False)
    assert ctl(api, "invoke", "-e", "x = 1", status=1) == (
        "neosocksd ctl: ruleset is not enabled on the server\n")


def test_tokens(start, file):
    tokens = file("read looker\nadmin boss\n", "tokens")
    tokens.chmod(0o600)
    _, api = start("--api-token-file", tokens)
    assert ctl(api, "healthy") == "healthy\n"
    assert ctl(api, "stats", status=1) == (
        "neosocksd ctl: the server wants a token: --token-file FILE (401)\n")
    ctl(api, "stats", "--token-file", tokens)
    ctl(api, "gc", NEOSOCKSD_API_TOKEN_FILE=str(tokens))
    looker = file("read looker", "looker")
    ctl(api, "stats", "--token-file", looker)
    assert "`admin' kind (403)" in ctl(api, "gc", "--token-file", looker, status=1)
    wrong = file("wrong", "wrong")
    assert "does not know this token (401)" in ctl(api, "stats", "--token-file", wrong, status=1)
    assert "No such file" in ctl(api, "stats", "--token-file", wrong.with_name("no"), status=2)
    assert "no token in it" in ctl(api, "stats", "--token-file", file("", "empty"), status=2)


def test_addresses(start, tmp_path):
    _, api = start()
    port = api.address[1]
    for text in (f":{port}", f"localhost:{port}", f"http://127.0.0.1:{port}/"):
        ctl(text, "healthy")
    assert ctl(None, "healthy", NEOSOCKSD_API=f"127.0.0.1:{port}") == "healthy\n"
    _, path = start(api=f"unix:{tmp_path}/api.sock")
    assert ctl(path, "rpcall", "-e", "return 1") == "1\n"


def test_nobody_there(tmp_path):
    held, (_, port) = net.dead_port()
    address = f"127.0.0.1:{port}"
    assert ctl(address, "stats", status=3) == (
        f"neosocksd ctl: cannot connect to {address}: Connection refused\n"
        f"Is it running, with `--api {address}'? `ctl --api ADDRESS' asks another one.\n")
    assert "No such file" in ctl(f"unix:{tmp_path}/none", "stats", status=3)
    assert "is no address" in ctl("nonsense", "stats", status=3)
    assert "cannot resolve" in ctl("host.invalid:1", "stats", status=3)
    held.close()


@contextlib.contextmanager
def one_answer(answer):
    """A server that says that to the first request, whatever it is; None: nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            sock, _ = server.accept()
            with sock:
                sock.recv(65536)
                if answer is None:
                    net.recv_all(sock)
                else:
                    sock.sendall(answer)
        thread = threading.Thread(target=serve)
        thread.start()
        yield "127.0.0.1:%d" % server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("answer, message", [
    (b"", "the server closed without an answer"),
    (b"SSH-2.0-x\r\n\r\n", "the answer is not HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "the answer ends too early"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", "the answer is too large")])
def test_strange_servers(answer, message):
    with one_answer(answer) as address:
        assert ctl(address, "stats", status=3) == f"neosocksd ctl: {address}: {message}\n"


def test_a_server_that_does_not_answer():
    with one_answer(None) as address:
        assert ctl(address, "stats", "--timeout", "0.2", status=3) == (
            f"neosocksd ctl: {address} did not answer within 0.2 s\n")


def test_a_server_that_refuses_before_it_has_read_all(file):
    with one_answer(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n") as address:
        path = file("-" * 4_000_000)
        message = ctl(address, "invoke", path, status=None).stderr
        # A reset may overtake the answer.
        assert "413 Payload Too Large" in message or "broke" in message


def test_an_older_server(file):
    with one_answer(b"HTTP/1.1 404 Not Found\r\nContent-type: text/html\r\n\r\n<HTML>") as address:
        assert ctl(address, "sessions", status=1) == (
            "neosocksd ctl: the server has no /sessions: is it an older version? (404)\n")


def test_command_line():
    assert ctl(None, "--help").startswith("usage: neosocksd ctl ")
    message = ctl(None, "frob", status=2)
    assert message == "neosocksd ctl: unknown command `frob'\nTry `neosocksd ctl --help'.\n"
