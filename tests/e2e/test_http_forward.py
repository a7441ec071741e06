"""Plain HTTP requests through the mixed port and the HTTP listener, on the wire."""

import socket

import pytest

from support import clients, data, net
from support.http_origin import OK, ask, chunked, exchange, read_request, read_response, request
from support.proxy import Proxy
from support.servers import Listener


@pytest.fixture(params=["mixed", "http"])
def proxy(io, request):
    with Proxy(*(["--http"] if request.param == "http" else []), io=io) as running:
        yield running


@pytest.fixture
def client(proxy):
    with net.connect(proxy.address) as sock:
        yield sock


def test_rebuilds_the_request(client, listener):
    seen, response = exchange(
        client, listener, b"HTTP/1.1 200 Fine\r\nServer: s\r\nConnection: x-hop\r\nX-Hop: 1\r\n"
        b"Keep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok",
        "GET", "/a/b?c=d", ["Connection: keep-alive, X-Mine", "X-Mine: 1", "X-Other: 2", "TE: x",
                            "Proxy-Authorization: Basic YTpi", "Proxy-Connection: keep-alive"])
    assert seen.line == "GET /a/b?c=d HTTP/1.1"
    assert seen.fields == [("Host", f"127.0.0.1:{listener.port}"), ("X-Other", "2"),
                           ("Via", "1.1 neosocksd"), ("Connection", "close")]
    assert response.line == "HTTP/1.1 200 Fine" and response.body == b"ok"
    assert response.fields == [("Server", "s"), ("Via", "1.1 neosocksd"), ("Content-Length", "2")]


@pytest.mark.parametrize("cut", ["whole", "bytewise"])
def test_segments_do_not_matter(client, listener, cut):
    whole = request(listener, "POST", "/", ["Transfer-Encoding: chunked"],
                    body=chunked(b"hello ", b"world"))
    answer = (b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n"
              b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"hi ", b"there"))
    send = clients.send_whole if cut == "whole" else clients.send_bytewise
    send(client, whole)
    with listener.accept() as origin:
        seen = read_request(origin)
        send(origin, answer)
    assert seen.body == b"hello world" and seen.get("Transfer-Encoding") == ["chunked"]
    assert read_response(client).status == 103
    assert read_response(client).body == b"hi there"


def test_serves_several_requests_for_several_targets(client, listener):
    with Listener() as other:
        for number in range(3):
            for origin in (listener, other):
                path = f"/{number}"
                seen, response = exchange(client, origin, OK, "GET", path)
                assert seen.line == f"GET {path} HTTP/1.1"
                assert seen.get("Host") == [f"127.0.0.1:{origin.port}"]
                assert response.body == b"ok" and not response.get("Connection")


def test_pipelined_requests_are_answered_in_order(client, listener):
    paths = [f"/{n}" for n in range(5)]
    bodies = [b"body %d" % n for n in range(5)]
    client.sendall(b"".join(
        request(listener, "POST", path, [f"Content-Length: {len(body)}"], body=body)
        for path, body in zip(paths, bodies)))
    for path, body in zip(paths, bodies):
        with listener.accept() as origin:
            seen = read_request(origin)
            assert seen.line == f"POST {path} HTTP/1.1" and seen.body == body
            origin.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + path.encode())
    for path in paths:
        assert read_response(client).body == path.encode()


def test_a_tunnel_may_follow(client, listener, echo):
    exchange(client, listener, OK)
    client.sendall(clients.http_request(*echo.address))
    assert clients.read_http_head(client)[0] == 200
    data.ping(client)


def test_closes_when_asked_to(client, listener):
    _, response = exchange(client, listener, OK, "GET", "/", ["Connection: close"])
    assert response.get("Connection") == ["close"] and response.body == b"ok"
    net.expect_end(client)


def test_http_1_0_clients(proxy, listener):
    """No interim responses, no chunks, the end of the connection ends the body."""
    for answer in (b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"ab", b"c"), b"\r\nabc",
                   b"Content-Length: 3\r\n\r\nabc"):
        with net.connect(proxy.address) as client:
            seen, response = exchange(
                client, listener, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + answer,
                "GET", "/", ["Connection: keep-alive"], version="1.0")
            assert seen.line == "GET / HTTP/1.0"
            assert not response.get("Transfer-Encoding")
            assert response.get("Connection") == ["close"] and response.body == b"abc"
            net.expect_end(client)


@pytest.mark.parametrize("method,head,fields", [
    ("HEAD", "200 OK\r\nContent-Length: 1000", [("Content-Length", "1000")]),
    ("HEAD", "200 OK\r\nTransfer-Encoding: chunked", []),
    ("GET", "204 No Content\r\nContent-Length: 7", []),
    ("GET", "304 Not Modified\r\nContent-Length: 9", [("Content-Length", "9")])])
def test_responses_without_a_body(client, listener, method, head, fields):
    for _ in range(2):
        _, response = exchange(client, listener, f"HTTP/1.1 {head}\r\n\r\n".encode(), method)
        assert response.fields == [("Via", "1.1 neosocksd"), *fields]


def test_expect_100_continue(client, listener):
    client.sendall(request(listener, "PUT", "/", ["Expect: 100-continue", "Content-Length: 5"]))
    with listener.accept() as origin:
        net.recv_until(origin, b"\r\n\r\n")
        net.expect_silence(origin, 0.1)
        origin.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert read_response(client).status == 100
        client.sendall(b"hello")
        assert net.recv_exact(origin, 5) == b"hello"
        origin.sendall(OK)
    assert read_response(client).body == b"ok"
    exchange(client, listener, OK)


def test_an_answer_before_the_body_ends_the_connection(client, listener):
    client.sendall(request(listener, "PUT", "/", ["Expect: 100-continue", "Content-Length: 5"]))
    with listener.accept() as origin:
        net.recv_until(origin, b"\r\n\r\n")
        origin.sendall(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
        response = read_response(client)
        assert response.status == 417 and response.get("Connection") == ["close"]
        net.expect_end(client)


@pytest.mark.parametrize("target", [
    "/", "*", "http:///", "https://127.0.0.1/", "http://u@127.0.0.1/", "http://127.0.0.1:x/",
    "a:80"])
def test_other_targets_are_refused(client, target):
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert read_response(client).status == 400
    net.expect_end(client)


def test_limits(proxy, listener):
    head = request(listener)[:-2]
    for more, status in ((b"X: " + b"a" * (8191 - len(head) - 7) + b"\r\n", 0),
                         (b"A: b\r\n" * 99, 0),
                         (b"X: " + b"a" * (8191 - len(head) - 6) + b"\r\n", 413),
                         (b"A: b\r\n" * 101, 413)):
        with net.connect(proxy.address) as client:
            client.sendall(head + more + b"\r\n")
            if status:
                assert read_response(client).status == status
                continue
            with listener.accept() as origin:
                net.recv_until(origin, b"\r\n\r\n")
                origin.sendall(OK)
                assert read_response(client).body == b"ok"


def test_failures_to_dial(io):
    holder, dead = net.dead_port()
    with holder, Listener() as blocked, \
            Proxy("--block-outbound", "loopback", io=io) as strict, Proxy(io=io) as proxy:
        for where, target, status in ((proxy, dead, 502), (strict, blocked.address, 502),
                                      (proxy, proxy.address, 403)):
            for method in ("GET", "HEAD"):
                with net.connect(where.address) as client:
                    url = f"http://{target[0]}:{target[1]}/"
                    client.sendall(f"{method} {url} HTTP/1.1\r\n\r\n".encode())
                    response = read_response(client, bodiless=method == "HEAD")
                    assert response.status == status
                    net.expect_end(client)
        blocked.expect_nobody(0.05)


@pytest.mark.parametrize("scheme", ["socks5", "socks4a", "http"])
def test_through_a_chain(io, listener, scheme):
    with Proxy(io=io) as hop, Proxy("-x", f"{scheme}://127.0.0.1:{hop.port}", io=io) as proxy:
        with net.connect(proxy.address) as client:
            for _ in range(2):
                assert exchange(client, listener, OK)[1].body == b"ok"
        hop.wait_log(f"127.0.0.1:{listener.port}': established")


def test_a_bodiless_upgrade_becomes_a_tunnel(client, listener):
    fields = ["Connection: keep-alive, Upgrade", "Upgrade: echo", "X: y"]
    sock, seen = ask(client, listener, "GET", "/ws", fields)
    with sock:
        assert seen.get("Upgrade") == ["echo"] and seen.get("Connection") == ["upgrade"]
        sock.sendall(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello")
        response = read_response(client)
        assert response.status == 101 and response.get("Upgrade") == ["echo"]
        assert net.recv_exact(client, 5) == b"hello"
        client.sendall(b"\0raw\r\n")
        assert net.recv_exact(sock, 6) == b"\0raw\r\n"
        client.shutdown(socket.SHUT_WR)
        net.expect_end(sock)
        sock.sendall(b"bye")
    assert net.recv_all(client) == b"bye"


def test_a_refused_upgrade_is_an_ordinary_response(client, listener):
    _, response = exchange(client, listener, OK, "GET", "/",
                           ["Connection: Upgrade", "Upgrade: websocket"])
    assert response.body == b"ok"
    exchange(client, listener, OK)
