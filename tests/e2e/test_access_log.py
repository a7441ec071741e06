"""The access log: what each kind of request and of end says in it, in both formats."""

import datetime
import signal
import socket

import pytest

from support import clients, data, http_origin, net
from support.access_log import AccessLog
from support.hops import Hop, close
from support.proxy import Proxy
from support.servers import Blackhole, Listener
from support.udp import Association, UdpEcho, command


@pytest.fixture(params=["text", "json"])
def log(request, tmp_path):
    return AccessLog(tmp_path / "access.log", request.param)


@pytest.fixture
def text_log(tmp_path):
    return AccessLog(tmp_path / "access.log")


def address_text(address):
    return "{}:{}".format(*address)


def client_of(sock):
    return address_text(sock.getsockname())


@pytest.mark.parametrize("kind", clients.KINDS)
def test_a_tunnel_of_each_protocol(io, echo, log, kind):
    begun = datetime.datetime.now(datetime.timezone.utc)
    with Proxy(*log.args(), io=io) as proxy:
        with clients.open_tunnel(proxy.address, echo.address, kind, ("alice", "x")
                                 if kind in ("socks4", "http") else None) as sock:
            client = client_of(sock)
            data.ping(sock, b"1234567")
            sock.sendall(b"more")
            sock.shutdown(socket.SHUT_WR)
            net.recv_all(sock)
        record = log.one()
    protocol = {"socks5h": "socks5"}.get(kind, kind)
    assert record | {"time": 0, "duration": 0, "setup": 0} == {
        "time": 0, "duration": 0, "setup": 0, "client": client,
        "user": "alice" if kind in ("socks4", "http") else None,
        "listener": address_text(proxy.address), "protocol": protocol, "command": "connect",
        "target": address_text(echo.address), "route": None,
        "address": address_text(echo.address), "chain": None, "outcome": "established",
        "end": "finished", "up": 11, "down": 11}
    assert 0 < record["setup"] < record["duration"] < net.DEADLINE
    time = datetime.datetime.fromisoformat(record["time"])
    assert -0.1 < (time - begun).total_seconds() < net.DEADLINE


def test_ends_of_a_relay(io, listener, text_log):
    def tunnel():
        sock = clients.open_tunnel(proxy.address, listener.address)
        return sock, listener.accept()

    with Proxy(*text_log.args(), io=io) as proxy:
        client, target = tunnel()
        net.reset(client)
        net.expect_reset(target)
        assert text_log.records(1)[0]["end"] == "client_reset"
        target.close()
        client, target = tunnel()
        net.reset(target)
        net.expect_reset(client)
        assert text_log.records(2)[1]["end"] == "target_reset"
        client.close()
        client, target = tunnel()
        proxy.stop()
        assert text_log.records(3)[2]["end"] == "stopped"
        client.close()
        target.close()


def test_a_relay_cut_by_the_protocol_timeout(io, listener, text_log):
    with Proxy("-t", "5", "--proto-timeout", *text_log.args(), io=io) as proxy:
        with clients.open_tunnel(proxy.address, listener.address), listener.accept():
            record = text_log.one()
    assert (record["outcome"], record["end"]) == ("established", "protocol_timeout")


def test_requests_that_fail(io, log, tmp_path):
    rules = tmp_path / "rules.lua"
    rules.write_text("return {resolve = function() return nil end,"
                     " route = function(addr) return addr end}")
    holder, dead = net.dead_port()
    with holder, Proxy("-r", rules, "--block-outbound", "multicast", *log.args(), io=io) as proxy:
        def expect(count, outcome, target, protocol, **more):
            record = log.records(count)[-1]
            wanted = {"outcome": outcome, "target": target, "protocol": protocol, "end": None,
                      "setup": None, "up": 0, "down": 0, "address": None} | more
            assert {name: record[name] for name in wanted} == wanted

        clients.expect_refusal(proxy.address, dead, "socks5", 5)
        expect(1, "connection_refused", address_text(dead), "socks5", command="connect")
        clients.expect_refusal(proxy.address, ("name.test", 80), "socks5h", 1)
        expect(2, "rejected", "name.test:80", "socks5")
        clients.expect_refusal(proxy.address, ("224.0.0.1", 80), "socks4", 0x5B)
        expect(3, "blocked", "224.0.0.1:80", "socks4")
        clients.expect_refusal(proxy.address, proxy.address, "socks5", 2)
        expect(4, "own_listener", address_text(proxy.address), "socks5")
        clients.expect_refusal(proxy.address, ("name.test", 80), "http", 403)
        expect(5, "rejected", "name.test:80", "http", status=403)
        net.connect(proxy.address).close()
        expect(6, "early_eof", None, None, command=None)
        with net.connect(proxy.address) as sock:
            sock.sendall(b"\6nonsense")
            net.expect_closed(sock)
        expect(7, "bad_request", None, None, command=None, user=None)
        with net.connect(proxy.address) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert net.recv_all(sock).startswith(b"HTTP/1.1 4")
        assert log.records(8)[-1]["outcome"] == "bad_request"
        assert log.records(8)[-1]["status"] >= 400
        with command(proxy.address, 2) as sock:
            assert clients.read_socks5_reply(sock).code == 7
        expect(9, "bad_request", None, "socks5")


def test_a_client_that_does_not_wait(io, text_log):
    with Blackhole() as target, Proxy(*text_log.args(), io=io) as proxy:
        with net.connect(proxy.address) as sock:
            clients.send_whole(sock, clients.socks4_request(*target.address))
            net.until_read(sock)
        assert text_log.one()["outcome"] == "client_gone"
        # And one whom the end of the server overtakes.
        with net.connect(proxy.address) as sock:
            clients.send_whole(sock, clients.socks4_request(*target.address))
            net.until_read(sock)
            proxy.stop()
        assert text_log.records(2)[1]["outcome"] == "stopped"


def test_chain_without_credentials(io, echo, log):
    with Hop("socks5", choice=b"\5\2") as hop, Hop("socks5", reply=None, then=close) as bad:
        second = f"http://user:secret@127.0.0.9:{echo.port}"
        with Proxy("-x", hop.url("bob:secret@"), *log.args(), io=io) as proxy:
            with clients.open_tunnel(proxy.address, ("name.test", 443), "socks5h") as sock:
                data.ping(sock)
            record = log.one()
        assert record["chain"] == [f"socks5://{hop.host}:{hop.port}"]
        assert record["address"] == address_text(hop.address)
        assert record["target"] == "name.test:443"
        with Proxy("-x", f"{bad.url()},{second}", *log.args(), io=io) as proxy:
            clients.expect_refusal(proxy.address, ("name.test", 443), "socks5h", 1)
            record = log.records(2)[1]
        assert record["chain"] == [bad.url(), f"http://127.0.0.9:{echo.port}"]
        assert record["outcome"] == "upstream_failed"
        assert record["address"] == address_text(bad.address)
    assert "secret" not in log.text()


def test_what_the_rules_decide(io, echo, log, tmp_path):
    rules = tmp_path / "rules.lua"
    with Hop("http") as hop:
        rules.write_text(f"""return {{resolve = function(addr)
            if addr == "direct.test:80" then return "127.0.0.1:{echo.port}" end
            return addr, "http://u:secret@127.0.0.1:{hop.port}" end}}""")
        with Proxy("-r", rules, *log.args(), io=io) as proxy:
            for name in ("direct.test", "chained.test"):
                with clients.open_tunnel(proxy.address, (name, 80), "socks5h") as sock:
                    data.ping(sock)
            direct, chained = sorted(log.records(2), key=lambda record: record["chain"] or [])
    assert (direct["target"], direct["route"]) == ("direct.test:80", address_text(echo.address))
    assert (direct["address"], direct["chain"]) == (address_text(echo.address), None)
    assert (chained["target"], chained["route"]) == ("chained.test:80", None)
    assert (chained["address"], chained["chain"]) == (
        address_text(hop.address), [f"http://127.0.0.1:{hop.port}"])


def test_plain_http_is_a_line_for_each_request(io, log):
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    holder, dead = net.dead_port()
    with holder, Listener() as origin, Proxy(*log.args(), io=io) as proxy:
        with net.connect(proxy.address) as sock:
            client = client_of(sock)
            http_origin.exchange(sock, origin, ok, "GET", "/a?secret=1")
            http_origin.exchange(sock, origin, missing, "POST", "/b", ("Content-Length: 3",),
                                 body=b"abc")
            first, second = log.records(2)
            sock.sendall(f"GET http://{address_text(dead)}/c HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert b" 502 " in net.recv_all(sock)
            third = log.records(3)[2]
        with net.connect(proxy.address) as sock:
            target, _ = http_origin.ask(sock, origin, "GET", "/d")
            with target:
                target.sendall(b"rubbish\r\n\r\n")
            assert b" 502 " in net.recv_all(sock)
            fourth = log.records(4)[3]
    common = {"client": client, "protocol": "http", "command": "http_forward"}
    for record, more in (
            (first, {"target": address_text(origin.address),
                     "address": address_text(origin.address),
                     "method": "GET", "path": "/a", "status": 200, "outcome": "established",
                     "end": "finished"}),
            (second, {"method": "POST", "path": "/b", "status": 404, "outcome": "established"}),
            (third, {"method": "GET", "path": "/c", "status": 502, "address": None,
                     "outcome": "connection_refused", "end": None}),
            (fourth, {"client": fourth["client"], "path": "/d", "status": 502,
                      "outcome": "upstream_failed", "end": None})):
        wanted = common | more
        assert {name: record[name] for name in wanted} == wanted
    # Heads as we send them on are counted, too.
    assert second["up"] > 3 and first["down"] > len(b"ok") and first["setup"] <= first["duration"]
    assert "secret" not in log.text()
    assert first["time"] <= second["time"] <= third["time"]


def test_an_upgraded_request_is_one_line_at_the_end_of_the_tunnel(io, text_log):
    with Listener() as origin, Proxy(*text_log.args(), io=io) as proxy:
        with net.connect(proxy.address) as sock:
            target, _ = http_origin.ask(sock, origin, "GET", "/chat",
                                        ("Connection: upgrade", "Upgrade: x"))
            with target:
                target.sendall(b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
                net.recv_until(sock, b"\r\n\r\n")
                target.sendall(b"hello")
                assert net.recv_exact(sock, 5) == b"hello"
                assert text_log.text() == ""
        record = text_log.one()
    assert (record["method"], record["path"], record["status"]) == ("GET", "/chat", 101)
    assert record["down"] >= 5 and record["end"] is not None


def test_udp_counts_datagrams(io, log):
    with UdpEcho() as target, Proxy("--enable-socks5-udp", *log.args(), io=io) as proxy:
        with Association(proxy.address) as association:
            for payload in (b"one", b"three"):
                association.ask(target.address, payload)
            association.socket.sendto(b"rubbish", association.relay)
            association.ask(target.address, b"!")
        record = log.one()
    wanted = {"protocol": "socks5", "command": "udp_associate", "target": "0.0.0.0:0",
              "address": address_text(association.relay), "outcome": "established",
              "end": "client_left", "up": 9, "down": 9, "datagrams_up": 3, "datagrams_down": 3,
              "datagrams_dropped": 1}
    assert {name: record[name] for name in wanted} == wanted


def test_bind_names_the_peer(io, log):
    with Proxy("--enable-socks5-bind", *log.args(), io=io) as proxy:
        with command(proxy.address, 2) as sock:
            port = clients.read_socks5_reply(sock).port
            with net.connect(("127.0.0.1", port)) as peer:
                assert clients.read_socks5_reply(sock).code == 0
                peer.sendall(b"abc")
                net.recv_exact(sock, 3)
                name = client_of(peer)
        record = log.one()
    assert (record["command"], record["address"], record["down"]) == ("bind", name, 3)


def test_forwarding_and_unix_sockets(io, echo, log, tmp_path):
    path = tmp_path / "sock"
    with Proxy("-f", address_text(echo.address), *log.args(), io=io) as proxy:
        with net.connect(proxy.address) as sock:
            data.ping(sock)
        record = log.one()
    assert (record["protocol"], record["command"]) == ("forward", "connect")
    assert record["target"] == record["address"] == address_text(echo.address)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        with Proxy("-f", f"unix:{path}", *log.args(), io=io) as proxy:
            with net.connect(proxy.address) as sock:
                server.accept()[0].close()
                net.expect_end(sock)
            record = log.records(2)[1]
        assert record["target"] == record["address"] == f"unix:{path}"


def test_off_it_costs_no_thread_and_a_stray_signal_does_no_harm(io, echo):
    with Proxy("--threads", "1", io=io) as proxy:
        proxy.signal(signal.SIGUSR1)
        proxy.wait_log("there is no access log")
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)
        assert [task.name for task in proxy.tasks()] == ["neosocksd"]
