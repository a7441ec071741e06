"""Who may not use the API: pages of other sites, names that are not ours, clients without a token,
and clients of the proxy itself."""

import contextlib

import pytest

from support import clients, net
from support.api import Api
from support.clients import FORBIDDEN
from support.dns import Dns, Name
from support.proxy import Proxy
from support.udp import Association, UdpEcho, command


@pytest.fixture
def start(io, tmp_path):
    """start(*args) -> (proxy, api), with a ruleset that notes what was run."""
    (tmp_path / "r.lua").write_text("return { resolve = function(a) return a end }")
    with contextlib.ExitStack() as stack:
        def run(*args, api="127.0.0.1:0"):
            proxy = stack.enter_context(
                Proxy("--api", api, "-r", tmp_path / "r.lua", *args, io=io))
            return proxy, Api(proxy)
        yield run


@pytest.mark.parametrize("host, status", [
    (None, 200), ("127.0.0.1", 200), ("localhost:9080", 200), ("[::1]:9080", 200), ("", 200),
    ("192.0.2.1:80", 200), ("api.neosocksd.internal", 200), ("PROXY.example:1", 200),
    ("evil.example", 403), ("evil.example:80", 403), ("localhost.evil.example", 403),
    ("2130706433", 403), ("[::1", 403)])
def test_unknown_names_are_refused(start, host, status):
    proxy, api = start("--api-host", "proxy.example,other.example")
    fields = [] if host is None else [f"Host: {host}"]
    assert api.get("/stats", *fields).status == status
    if status == 403:
        assert api.post("/ruleset/invoke", b"_G.ran = true", *fields).status == 403
        proxy.wait_log("W .*refused: unknown Host; --api-host lists names")
        assert api.invoke("assert(not ran)").status == 200


@pytest.mark.parametrize("fields, status", [
    (["Origin: http://evil.example"], 403), (["Origin: null"], 403),
    (["Origin: http://127.0.0.1"], 403), (["Origin: http://HOST"], 200),
    (["Sec-Fetch-Site: cross-site"], 403), (["Sec-Fetch-Site: same-site"], 403),
    (["Sec-Fetch-Site: none"], 200), (["Sec-Fetch-Site: same-origin", "Origin: http://HOST"], 200),
    (["Sec-Fetch-Site: same-origin", "Origin: http://evil.example"], 403)])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pages_of_other_sites_are_refused(start, method, fields, status):
    _, api = start()
    host = "127.0.0.1:%d" % api.address[1]
    fields = [f"Host: {host}", *(field.replace("HOST", host) for field in fields)]
    body = b"" if method == "POST" else None
    assert api.ask(method, "/stats", body, *fields).status == status
    assert api.ask(method, "/healthy", body, *fields).status == status
    answer = api.post("/ruleset/invoke", b"_G.ran = true", *fields)
    assert answer.status == status
    assert not [name for name, _ in answer.fields if name.lower().startswith("access-control")]
    assert api.invoke("assert(not ran)").status == (200 if status == 403 else 500)


def test_preflight_gets_no_permission(start):
    _, api = start()
    answer = api.ask("OPTIONS", "/ruleset/invoke", None, "Origin: http://evil.example",
                     "Access-Control-Request-Method: POST")
    assert answer.status == 403
    assert not [name for name, _ in answer.fields if name.lower().startswith("access-control")]


READ, ADMIN = "Authorization: Bearer look-only", "Authorization: bearer s3cret"


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "tokens"
    path.write_text("# of the tests\nread look-only\nadmin s3cret\nbare\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("method, target, needs", [
    ("GET", "/healthy", None), ("GET", "/stats", "read"), ("GET", "/metrics", "read"),
    ("POST", "/stats", "admin"), ("POST", "/ruleset/invoke", "admin"),
    ("POST", "/ruleset/update", "admin"), ("POST", "/ruleset/gc", "admin"),
    ("POST", "/ruleset/rpcall", "admin")])
def test_tokens(start, tokens, method, target, needs):
    proxy, api = start("--api-token-file", tokens)
    body = b"return {}" if method == "POST" else None
    kind = "Content-Type: application/x-neosocksd-rpc; version=1"

    def status(*fields):
        return api.ask(method, target, body, kind, *fields).status

    wrong = [[], ["Authorization: Bearer wrong"], ["Authorization: Basic czNjcmV0"],
             ["Authorization: Bearer"], ["Authorization: s3cret"]]
    for fields in wrong:
        assert status(*fields) == (401 if needs else 200), fields
    assert status(READ) == (403 if needs == "admin" else 200)
    assert status(ADMIN) == 200
    assert status("Authorization: Bearer bare") == 200
    assert proxy.count_log("W .*token") == 0


def test_a_missing_token_is_asked_for(start, tokens):
    _, api = start("--api-token-file", tokens)
    answer = api.get("/nothing")
    assert answer.status == 401
    assert answer.get("WWW-Authenticate") == ['Bearer realm="neosocksd"']
    assert api.get("/nothing", READ).status == 404
    assert api.post("/ruleset/invoke", b"x" * 100, "Expect: 100-continue").status == 401


def test_a_readable_token_file_is_complained_of(start, tokens):
    tokens.chmod(0o644)
    proxy, _ = start("--api-token-file", tokens)
    proxy.wait_log("W .*token file .* can be read by every user")


@pytest.mark.parametrize("text, why", [
    (None, "No such file or directory"), ("", "no token in it"), ("write x\n", "line 1: neither"),
    ("read\n", "line 1: no token")])
def test_a_bad_token_file_ends_the_start(io, tmp_path, text, why):
    path = tmp_path / "tokens"
    if text is not None:
        path.write_text(text)
    with Proxy("--api", "127.0.0.1:0", "--api-token-file", path, io=io, ready=False) as proxy:
        proxy.wait_log(f"E .*token file `{path}': {why}")
        proxy.wait_log("F .*failed to start api server")
        proxy.expect_exit(1)


@pytest.mark.parametrize("address, token, warned", [
    ("127.0.0.1:0", False, False), ("[::1]:0", False, False), ("0.0.0.0:0", False, True),
    (":0", False, True), ("[::]:0", False, True), ("0.0.0.0:0", True, False)])
def test_an_open_api_is_warned_of(start, tokens, address, token, warned):
    args = ["--api-token-file", tokens] if token else []
    proxy, _ = start(*args, api=address)
    assert bool(proxy.count_log("W .*the API listens on .* run code in this process")) == warned


@pytest.mark.parametrize("address, lines", [
    ("127.0.0.1", ["unable to parse address: 127.0.0.1"]),
    ("PORT", ["bind error: Address already in use", "failed to start api server"])])
def test_a_bad_address_ends_the_start(io, address, lines):
    with Proxy(io=io) as first:
        if address == "PORT":
            address = f"127.0.0.1:{first.port}"
        with Proxy("--api", address, io=io, ready=False) as proxy:
            for line in lines:
                proxy.wait_log(line)
            proxy.expect_exit(1)


ZONE = {"api.test": Name(["127.0.0.1"], ["::1"])}


@pytest.mark.parametrize("kind", ["socks4a", "socks5", "http"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "api.test", "::1", "::ffff:127.0.0.1",
                                  "64:ff9b::7f00:1"])
def test_proxy_clients_do_not_reach_the_api(io, kind, host):
    with Dns(ZONE) as dns, Proxy("--nameserver", dns.address_text, "--api", "[::]:0",
                                 io=io) as proxy:
        target = (host, Api(proxy).address[1])
        clients.expect_refusal(proxy.address, target, kind, FORBIDDEN[kind])


@pytest.mark.parametrize("host", [b"2130706433", b"127.1", b"0x7f.1", b"localhost.", b"0"])
def test_odd_spellings_do_not_reach_the_api(io, host):
    with Dns(ZONE) as dns, Proxy("--nameserver", dns.address_text, "--api", "127.0.0.1:0",
                                 io=io) as proxy, net.connect(proxy.address) as sock:
        sock.sendall(clients.socks5_greeting(0) +
                     clients.socks5_request(host, Api(proxy).address[1]))
        assert net.recv_exact(sock, 2) == b"\5\0"
        assert clients.read_socks5_reply(sock).code in (1, 2, 4)


def test_plain_http_does_not_reach_the_api(io):
    with Proxy("--api", "127.0.0.1:0", io=io) as proxy, net.connect(proxy.address) as sock:
        port = Api(proxy).address[1]
        sock.sendall(b"GET http://127.0.0.1:%d/stats HTTP/1.1\r\nHost: x\r\n\r\n" % port)
        assert net.recv_until(sock, b"\r\n").startswith(b"HTTP/1.1 403 ")


def test_datagrams_do_not_reach_the_port_of_the_api(io):
    with Proxy("--enable-socks5-udp", "--api", "127.0.0.1:0", io=io) as proxy:
        with UdpEcho() as target, Association(proxy.address) as association:
            association.send(Api(proxy).address, b"x")
            # Behind it, so that the first has been looked at when the association ends.
            association.ask(target.address, b"y")
        proxy.wait_log(r"dropped=1 \(blocked=1\)")


def test_a_waiting_port_is_not_for_the_api(io):
    """BIND with the API as the expected peer connects nobody to it; it only waits."""
    with Proxy("--enable-socks5-bind", "--api", "127.0.0.1:0", io=io) as proxy:
        api = Api(proxy)
        with command(proxy.address, 2, "127.0.0.1", api.address[1]) as sock:
            assert clients.read_socks5_reply(sock).code in (0, 2)
            before = api.get("/healthy").status
            assert before == 200
        assert proxy.count_log("connect `127.0.0.1:") == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "LOCALHOST", "localhost", "::ffff:127.0.0.1"])
def test_a_ruleset_that_changes_nothing_does_not_lead_to_the_api(io, host, tmp_path):
    """However it spells the same host."""
    (tmp_path / "r.lua").write_text("local function same(a) return a:lower() end "
                                    "return { resolve = same, route = same, route6 = same }")
    with Proxy("--api", "127.0.0.1:0", "-r", tmp_path / "r.lua", io=io) as proxy:
        clients.expect_refusal(proxy.address, (host, Api(proxy).address[1]), "socks5", 2)


@pytest.mark.parametrize("host", [b"0:0:0:0:0:ffff:7f00:1", b"::FFFF:127.0.0.1", b"localhost."])
def test_a_ruleset_that_respells_nothing_does_not_lead_to_the_api(io, host, tmp_path):
    """A literal that came as a name comes back from the rules in another spelling."""
    (tmp_path / "r.lua").write_text(
        "return { resolve = function(a) return (a:gsub('%.:', ':')) end }")
    with Proxy("--api", "127.0.0.1:0", "-r", tmp_path / "r.lua", io=io) as proxy:
        with net.connect(proxy.address) as sock:
            sock.sendall(clients.socks5_greeting(0) +
                         clients.socks5_request(host, Api(proxy).address[1]))
            assert net.recv_exact(sock, 2) == b"\5\0"
            assert clients.read_socks5_reply(sock).code == 2


def test_a_ruleset_may_lead_to_the_api(start, tmp_path):
    proxy, api = start()
    code = (f"ruleset.resolve = function(a) if a == 'api.neosocksd.internal:80' then "
            f"return '127.0.0.1:{api.address[1]}' end end")
    assert api.invoke(code).status == 200
    with clients.open_tunnel(proxy.address, ("api.neosocksd.internal", 80), "socks5") as sock:
        sock.sendall(b"GET /stats HTTP/1.1\r\nHost: api.neosocksd.internal\r\n\r\n")
        assert net.recv_until(sock, b"\r\n") == b"HTTP/1.1 200 OK\r\n"
    clients.expect_refusal(proxy.address, ("127.0.0.1", api.address[1]), "http", 403)


def test_connections_are_bounded(start):
    proxy, api = start()
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(api.connect()) for _ in range(256)]
        answer = api.raw(b"")
        assert answer.status == 503 and answer.get("Connection") == ["close"]
        proxy.wait_log("W .*api: more than 256 connections, 1 refused so far")
        held[0].close()

        def has_room():
            try:
                return api.raw(b"GET /healthy HTTP/1.1\r\n\r\n").status == 200
            except ConnectionError:
                return False  # turned away unheard: the reset has overtaken the 503

        net.wait_for(has_room, "room")
