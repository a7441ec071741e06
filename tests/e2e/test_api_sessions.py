"""/sessions: what the proxy serves now, by filter and by page, and how it is ended."""

import contextlib
import json
import urllib.parse

import pytest

from support import clients, data, net, udp
from support.api import Api
from support.http_origin import read_response
from support.proxy import Proxy
from support.servers import Blackhole, Listener


@pytest.fixture(params=[1, 2], ids=["alone", "two workers"])
def threads(request):
    return request.param


@pytest.fixture
def proxy(io, threads):
    with Proxy("--api", "127.0.0.1:0", "--threads", threads, "--enable-socks5-udp", "-t", "20",
               io=io) as child:
        yield child


@pytest.fixture
def api(proxy):
    return Api(proxy)


def listed(api, **filters):
    answer = api.get("/sessions?" + urllib.parse.urlencode(filters))
    assert answer.status == 200, answer
    assert answer.get("Content-Type") == ["application/json"]
    return json.loads(answer.body)


def ids(api, **filters):
    return [row["id"] for row in listed(api, **filters)["sessions"]]


def address(sock):
    return "{}:{}".format(*sock.getsockname())


def kill(api, **filters):
    answer = api.ask("DELETE", "/sessions?" + urllib.parse.urlencode(filters))
    assert answer.status == 200, answer
    return json.loads(answer.body)["killed"]


def test_a_tunnel_is_shown_with_all_that_is_known(proxy, api, echo, threads):
    assert listed(api) == {"matched": 0, "next": None, "sessions": []}
    with clients.open_tunnel(proxy.address, echo.address, "http", ("alice", "secret")) as sock:
        data.ping(sock, b"x" * 1000)
        net.wait_for(lambda: listed(api)["sessions"][0]["down_bytes"] == 1000, "the count")
        answer = listed(api)
        (row,) = answer["sessions"]
        assert answer["matched"] == 1 and answer["next"] is None
        expected = {
            "client": address(sock), "user": "alice", "protocol": "http", "command": "connect",
            "listener": f"127.0.0.1:{proxy.port}", "target": f"127.0.0.1:{echo.port}",
            "route": None, "chain": [], "address": f"127.0.0.1:{echo.port}",
            "state": "established", "engine": proxy.io, "up_bytes": 1000, "down_bytes": 1000}
        assert {key: row[key] for key in expected} == expected
        assert 0 <= row["age"] < 20 and row["worker"] in range(threads) and row["id"] > 0
        assert row["up_rate"] >= 0 and row["down_rate"] >= 0
        one = json.loads(api.get(f"/sessions/{row['id']}").body)
        assert one["client"] == address(sock)
        assert b"secret" not in api.get("/sessions").body
    net.wait_for(lambda: not ids(api), "the session to end")
    assert api.get(f"/sessions/{row['id']}").status == 404


def test_filters(proxy, api, echo):
    with contextlib.ExitStack() as stack:
        def tunnel(kind, user):
            auth = (user, "x") if user else None
            return stack.enter_context(
                clients.open_tunnel(proxy.address, echo.address, kind, auth))

        first, second = tunnel("socks5", "alice"), tunnel("http", "bob")
        third = tunnel("socks4", None)
        rows = {row["client"]: row["id"] for row in listed(api)["sessions"]}
        alice, bob, nobody = (rows[address(sock)] for sock in (first, second, third))
        everyone = sorted(rows.values())
        for filters, wanted in (
                ({"user": "alice"}, [alice]), ({"user": ""}, [nobody]), ({"user": "x"}, []),
                ({"client": address(second)}, [bob]), ({"client": "127.0.0.0/8"}, everyone),
                ({"client": "127.0.0.1"}, everyone), ({"client": "192.0.2.1"}, []),
                ({"protocol": "socks4"}, [nobody]), ({"state": "established"}, everyone),
                ({"state": "dialling"}, []), ({"target": "127.0.0.1"}, everyone),
                ({"target": f"127.0.0.1:{echo.port}"}, everyone), ({"target": "127.0.0.2"}, []),
                ({"listener": f"127.0.0.1:{proxy.port}"}, everyone), ({"worker": 9}, []),
                ({"min_age": 100}, []), ({"max_age": 100}, everyone), ({"min_bytes": 1}, []),
                ({"user": "alice", "protocol": "http"}, [])):
            assert ids(api, **filters) == wanted, filters


def test_pages(proxy, api, echo):
    with contextlib.ExitStack() as stack:
        for _ in range(7):
            stack.enter_context(clients.open_tunnel(proxy.address, echo.address))
        everyone = ids(api)
        assert len(everyone) == 7 and everyone == sorted(everyone)
        seen, after = [], 0
        while after is not None:
            page = listed(api, limit=3, after=after)
            assert len(page["sessions"]) <= 3 and page["matched"] == 7 - len(seen)
            seen += [row["id"] for row in page["sessions"]]
            after = page["next"]
        assert seen == everyone
        assert listed(api, limit=0) == {"matched": 7, "next": None, "sessions": []}


@pytest.mark.parametrize("query", ["x=1", "limit=1001", "state=odd", "client=name", "min_age=-1"])
def test_what_is_not_understood_is_refused_and_kills_nobody(proxy, api, echo, query):
    with clients.open_tunnel(proxy.address, echo.address) as sock:
        for method in ("GET", "DELETE"):
            assert api.ask(method, "/sessions?" + query).status == 400
        assert api.ask("DELETE", "/sessions").status == 400
        assert api.ask("DELETE", "/sessions/x").status == 404
        assert api.ask("DELETE", "/sessions/0").status == 404
        assert api.ask("POST", "/sessions").get("Allow") == ["GET, DELETE"]
        data.ping(sock)


def test_killing_one_leaves_the_other(proxy, api, echo):
    with clients.open_tunnel(proxy.address, echo.address) as doomed, \
            clients.open_tunnel(proxy.address, echo.address) as other:
        data.ping(doomed)
        (number,) = ids(api, client=address(doomed))
        answer = api.ask("DELETE", f"/sessions/{number}")
        assert answer.status == 204 and answer.get("Content-Length") == []
        assert answer.body == b""
        net.expect_reset(doomed)
        proxy.wait_log(r"closed, up=4 down=4, .*, killed by the API")
        assert api.ask("DELETE", f"/sessions/{number}").status == 404
        data.ping(other)


def test_killing_by_filter_says_how_many(proxy, api, echo):
    with contextlib.ExitStack() as stack:
        socks = {user: [stack.enter_context(
            clients.open_tunnel(proxy.address, echo.address, auth=(user, "x")))
            for _ in range(5)] for user in ("alice", "bob")}
        assert kill(api, user="alice") == 5
        for sock in socks["alice"]:
            net.expect_reset(sock)
        for sock in socks["bob"]:
            data.ping(sock)
        net.wait_for(lambda: len(ids(api)) == 5, "the sessions to end")
        assert kill(api, user="alice") == 0
        assert kill(api, min_age=0) == 5


def test_a_connection_that_says_nothing_is_shown_and_killed(proxy, api):
    with net.connect(proxy.address) as sock:
        net.wait_for(lambda: ids(api), "the connection to be accepted")
        (row,) = listed(api, state="request")["sessions"]
        assert row["target"] is None and row["address"] is None and row["protocol"] is None
        assert kill(api, state="request") == 1
        net.expect_closed(sock)
        proxy.wait_log(r"killed by the API")
        net.wait_for(lambda: not ids(api), "the session to end")


def test_a_dial_is_shown_and_killed(proxy, api):
    with Blackhole() as hole, net.connect(proxy.address) as sock:
        sock.sendall(clients.socks4_request(*hole.address))
        net.wait_for(lambda: ids(api, state="dialling"), "the dial")
        (row,) = listed(api)["sessions"]
        assert row["target"] == "{}:{}".format(*hole.address)
        assert kill(api, state="dialling") == 1
        net.expect_closed(sock)
        net.wait_for(lambda: not ids(api), "the session to end")


def test_plain_http_is_shown_and_killed_between_and_within_requests(proxy, api):
    with Listener() as origin, net.connect(proxy.address) as sock:
        def ask():
            sock.sendall(b"GET http://127.0.0.1:%d/page HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
            target = origin.accept()
            net.recv_until(target, b"\r\n\r\n")
            return target

        with ask() as target:
            net.wait_for(lambda: ids(api, state="http"), "the exchange")
            (row,) = listed(api, target="127.0.0.1")["sessions"]
            assert row["command"] == "http_forward" and row["http_requests"] == 1
            target.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            assert read_response(sock).body == b"ok"
        net.wait_for(lambda: ids(api, state="http_idle"), "the pause")
        assert kill(api, state="http_idle") == 1
        net.expect_closed(sock)
    with Listener() as origin, net.connect(proxy.address) as sock:
        with ask() as target:
            target.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
            net.recv_until(sock, b"half")
            assert kill(api, protocol="http") == 1
            # What has no length must not seem to be complete.
            net.expect_reset(sock)


def test_datagrams_are_shown_and_killed(proxy, api):
    with udp.UdpEcho() as server, udp.Association(proxy.address) as association:
        assert association.ask(server.address, b"hello") == b"hello"
        net.wait_for(lambda: ids(api, state="datagrams"), "the association")
        (row,) = listed(api, state="datagrams")["sessions"]
        assert row["command"] == "udp_associate" and row["up_bytes"] == 5
        assert api.ask("DELETE", f"/sessions/{row['id']}").status == 204
        net.expect_closed(association.control)
        proxy.wait_log(r"killed by the API; datagrams up=1")


def test_the_route_of_rules_is_shown(io, tmp_path, echo):
    (tmp_path / "r.lua").write_text(
        "return {resolve = function(addr) return '127.0.0.1:%d' end}" % echo.port)
    with Proxy("--api", "127.0.0.1:0", "-r", tmp_path / "r.lua", io=io) as proxy:
        with clients.open_tunnel(proxy.address, ("host.invalid", 80), "socks5h") as sock:
            data.ping(sock)
            (row,) = listed(Api(proxy))["sessions"]
            assert row["target"] == "host.invalid:80"
            assert row["route"] == row["address"] == f"127.0.0.1:{echo.port}"


def test_a_chain_is_shown_without_its_password(io, echo):
    with Proxy(io=io) as hop, Proxy("--api", "127.0.0.1:0", "-x",
                                    f"socks5://u:secret@127.0.0.1:{hop.port}", io=io) as proxy:
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)
            (row,) = listed(Api(proxy))["sessions"]
            assert row["chain"] == [f"socks5://127.0.0.1:{hop.port}"]
            assert row["address"] == f"127.0.0.1:{hop.port}"


def test_a_read_token_may_look_and_not_kill(io, tmp_path, echo):
    (tmp_path / "tokens").write_text("read looker\nadmin boss\n")
    (tmp_path / "tokens").chmod(0o600)
    with Proxy("--api", "127.0.0.1:0", "--api-token-file", tmp_path / "tokens", io=io) as proxy:
        api = Api(proxy)
        assert api.get("/sessions").status == 401
        assert api.get("/sessions", "Authorization: Bearer looker").status == 200
        query = "/sessions?min_age=0"
        assert api.ask("DELETE", query, None, "Authorization: Bearer looker").status == 403
        assert api.ask("DELETE", query, None, "Authorization: Bearer boss").status == 200
