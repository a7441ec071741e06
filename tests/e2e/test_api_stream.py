"""/sessions/stream: sessions as they open and close, and how fast they are."""

import contextlib
import json
import socket
import subprocess

import pytest

from support import clients, data, net
from support.api import Api, request
from support.proxy import Proxy


@pytest.fixture(params=[1, 2], ids=["alone", "two workers"])
def proxy(request, io):
    with Proxy("--api", "127.0.0.1:0", "--threads", request.param, "-t", "5", io=io) as child:
        yield child


class Stream:
    def __init__(self, proxy, query="rates=0", rcvbuf=None):
        self.sock = net.connect(Api(proxy).address, rcvbuf=rcvbuf)
        self.sock.sendall(request("GET", "/sessions/stream?" + query))
        self.head = net.recv_until(self.sock, b"\r\n\r\n")

    def read(self):
        """The next event: its name and its data."""
        text = net.recv_until(self.sock, b"\n\n").decode()
        while text == ":\n\n":
            text = net.recv_until(self.sock, b"\n\n").decode()
        name, content = text.removesuffix("\n\n").split("\n")
        return name.removeprefix("event: "), json.loads(content.removeprefix("data: "))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def test_a_session_opens_and_closes(proxy, echo):
    with Stream(proxy) as stream:
        assert b"HTTP/1.1 200 OK\r\n" in stream.head
        assert b"\r\nContent-Type: text/event-stream\r\n" in stream.head
        with clients.open_tunnel(proxy.address, echo.address, auth=("alice", "x")) as sock:
            name, opened = stream.read()
            assert name == "open" and opened["user"] == "alice"
            assert opened["address"] == f"127.0.0.1:{echo.port}"
            data.ping(sock, b"x" * 100)
        name, closed = stream.read()
        assert name == "close" and closed["reason"] == "finished"
        same = ("id", "client", "user", "target", "address")
        assert [closed[name] for name in same] == [opened[name] for name in same]
        assert (closed["up_bytes"], closed["down_bytes"]) == (100, 100)


def test_reasons(proxy, echo):
    with Stream(proxy) as stream:
        dead, address = net.dead_port()
        with dead:
            clients.expect_refusal(proxy.address, address, "socks5", 5)
        name, closed = stream.read()
        assert (name, closed["reason"]) == ("close", "connection_refused")
        with clients.open_tunnel(proxy.address, echo.address):
            _, opened = stream.read()
            Api(proxy).ask("DELETE", f"/sessions/{opened['id']}")
            closed = stream.read()[1]
            assert closed["reason"] == "killed by the API"
            assert closed["address"] == opened["address"]
        sock = clients.open_tunnel(proxy.address, echo.address)
        stream.read()
        net.reset(sock)
        closed = stream.read()[1]
        assert closed["reason"] == "reset by client"
        assert closed["address"] == opened["address"]


def test_filters_hold_for_events(proxy, echo):
    with Stream(proxy, "rates=0&user=bob") as stream:
        for user in ("alice", "bob"):
            with clients.open_tunnel(proxy.address, echo.address, auth=(user, "x")):
                pass
        assert [stream.read()[1]["user"] for _ in range(2)] == ["bob", "bob"]


def test_rates_come_now_and_then(proxy, echo):
    with clients.open_tunnel(proxy.address, echo.address) as sock, \
            clients.open_tunnel(proxy.address, echo.address), \
            Stream(proxy, "rates=1") as stream:
        name, rates = stream.read()
        assert name == "rates" and rates["matched"] == 2
        data.ping(sock, b"x" * 50_000)
        # The next report may have come before that, or in the midst of it.
        rows = []
        while not rows or rows[-1]["down_bytes"] < 50_000:
            name, rates = stream.read()
            assert name == "rates"
            rows += rates["sessions"]
        assert len({row["id"] for row in rows}) == 1
        assert rows[-1]["down_bytes"] == 50_000 and max(row["up_rate"] for row in rows) > 1000


def test_it_outlives_the_time_out_and_ends_with_the_server(proxy, echo):
    with Stream(proxy, "rates=1") as stream:
        for _ in range(6):
            assert stream.read()[0] == "rates"
        proxy.stop()
        net.recv_all(stream.sock)


def test_a_slow_watcher_hears_how_much_it_has_missed(proxy, echo):
    with Stream(proxy, rcvbuf=4096) as slow, Stream(proxy) as quick:
        names = []
        sessions = 1500
        for _ in range(sessions):
            clients.open_tunnel(proxy.address, echo.address, auth=("u" * 255, "x")).close()
            names += [quick.read()[0], quick.read()[0]]
        assert sorted(set(names)) == ["close", "open"]
        seen = lost = 0
        while seen + lost < 2 * sessions:
            name, content = slow.read()
            if name == "lost":
                lost += content["events"]
            else:
                seen += 1
        assert seen + lost == 2 * sessions and lost > 0


def test_watchers_are_bounded_and_leave(proxy):
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream(proxy)) for _ in range(16)]
        assert Api(proxy).get("/sessions/stream").status == 503
        streams[0].sock.shutdown(socket.SHUT_WR)
        net.recv_all(streams[0].sock)
        streams[1].sock.close()

        def again():
            with Stream(proxy) as stream:
                return b" 200 OK" in stream.head

        net.wait_for(again, "a free place")


def test_curl_shows_events_as_they_come(proxy, echo):
    """As docs/sessions-api.md has it."""
    address = "{}:{}".format(*Api(proxy).address)
    with subprocess.Popen(["curl", "-sN", f"http://{address}/sessions/stream?user=alice"],
                          stdout=subprocess.PIPE, text=True) as curl:
        try:
            lines = []
            reading = data.Background(lambda: lines.append(curl.stdout.readline()))

            def told():
                clients.open_tunnel(proxy.address, echo.address, auth=("alice", "x")).close()
                return lines

            net.wait_for(told, "an event")
            reading.join()
            assert lines == ["event: open\n"] or lines == ["event: close\n"]
        finally:
            curl.kill()


@pytest.mark.parametrize("query", ["x=1", "rates=x", "limit=5", "state=odd"])
def test_what_is_not_understood_is_refused(proxy, query):
    assert Api(proxy).get("/sessions/stream?" + query).status == 400
