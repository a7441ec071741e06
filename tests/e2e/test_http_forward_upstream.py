"""Origins that misbehave, leave, stall; clients that leave or are slow."""

import socket
import threading
import time

import pytest

from support import net
from support.clients import send_whole
from support.hops import Hop
from support.http_origin import OK, ask, chunked, exchange, read_head, read_response, request
from support.proxy import Proxy
from support.servers import Blackhole

HEAD = b"HTTP/1.1 200 OK\r\n"

GARBAGE = {
    "nothing": b"",
    "words": b"SSH-2.0-OpenSSH\r\n",
    "binary": b"\x16\x03\x01\x02\x00",
    "HTTP/0.9": b"<html>hello</html>",
    "HTTP/2": b"HTTP/2.0 200 OK\r\n\r\n",
    "no status": b"HTTP/1.1\r\n\r\n",
    "bad status": b"HTTP/1.1 20x OK\r\n\r\n",
    "status 099": b"HTTP/1.1 099 OK\r\n\r\n",
    "half a head": HEAD + b"Content-Le",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "bare CR": HEAD + b"X: a\rb\r\n\r\n",
    "NUL": HEAD + b"X: a\0b\r\n\r\n",
    "folded": HEAD + b"X: a\r\n b\r\n\r\n",
    "no colon": HEAD + b"X\r\n\r\n",
    "blank before the colon": HEAD + b"Content-Length : 5\r\n\r\nhello",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "both": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello"),
    "bad length": HEAD + b"Content-Length: five\r\n\r\nhello",
    "huge length": HEAD + b"Content-Length: 99999999999999999999\r\n\r\nhello",
    "gzip coding": HEAD + b"Transfer-Encoding: gzip\r\n\r\nhello",
    "chunked in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"x"),
    "bad chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nhello",
    "chunk without CRLF": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na0\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
    "large head": HEAD + b"X: " + b"a" * 9000 + b"\r\n\r\n",
    "endless head": HEAD + b"X: y\r\n" * 20_000,
    "many fields": HEAD + b"X: y\r\n" * 101 + b"\r\n",
    "garbage behind an interim response": b"HTTP/1.1 100 Continue\r\n\r\ngarbage",
}


@pytest.fixture
def proxy(io):
    with Proxy("--http", "-t", "5", io=io) as running:
        yield running


@pytest.fixture
def client(proxy):
    with net.connect(proxy.address) as sock:
        yield sock


def test_garbage_is_a_bad_gateway(proxy, listener):
    for name, answer in GARBAGE.items():
        with net.connect(proxy.address) as client:
            sock, _ = ask(client, listener)
            with sock:
                try:
                    sock.sendall(answer)
                    sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass  # it had enough
                response = read_response(client)
                if response.status == 100:
                    response = read_response(client)
            assert response.status == 502, f"{name}: {response.line}"
            net.expect_end(client)


def test_a_reset_is_a_bad_gateway(client, listener):
    sock, _ = ask(client, listener)
    net.reset(sock)
    assert read_response(client).status == 502


@pytest.mark.parametrize("answer", [
    b"Content-Length: 10\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"], ids=["length", "chunk", "in a chunk"])
def test_a_response_cut_short_is_seen_to_be(client, listener, answer):
    sock, _ = ask(client, listener)
    sock.sendall(HEAD + answer)
    sock.close()
    read_head(client)
    got = net.recv_all(client)
    assert b"hel" in got and not got.endswith(b"0\r\n\r\n")


def test_a_response_cut_short_is_reset_where_its_end_is_the_end(client, listener):
    sock, _ = ask(client, listener, version="1.0")
    sock.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    read_head(client)
    assert net.recv_exact(client, 5) == b"hello"
    sock.close()
    net.expect_reset(client)


def test_nobody_answers_in_time(client, listener):
    sock, _ = ask(client, listener)
    with sock:
        client.settimeout(5 + net.DEADLINE)
        assert read_response(client).status == 504
        net.expect_end(client)


def test_a_body_may_take_its_time(proxy, listener):
    """T is for the wait, not for the body; and it starts anew with each sign of life."""
    with net.connect(proxy.address) as client, net.connect(proxy.address) as idle:
        sock, _ = ask(client, listener)
        begin = time.monotonic()
        exchange(idle, listener, OK)
        idle.settimeout(5 + net.DEADLINE)
        with sock:
            sock.sendall(HEAD + b"\r\nslow")
            read_head(client)
            assert net.recv_exact(client, 9) == b"4\r\nslow\r\n"
            net.expect_end(idle)  # no further request came: T
            assert 4.5 < time.monotonic() - begin
            net.expect_silence(client, 1)
            sock.sendall(b"ly")
        assert net.recv_all(client)[:12] == b"2\r\nly\r\n0\r\n\r\n"[:12]


def test_a_request_that_stalls_ends(client, listener):
    client.sendall(request(listener, "POST", "/", ["Content-Length: 5"], body=b"he"))
    with listener.accept() as sock:
        net.recv_until(sock, b"\r\n\r\nhe")
        sock.settimeout(5 + net.DEADLINE)
        net.expect_closed(sock)
    net.expect_closed(client)


def test_a_client_that_leaves_ends_its_request(proxy, listener):
    for leave in (socket.socket.close, net.reset):
        for more in ({}, {"method": "POST", "fields": ["Content-Length: 9"], "body": b"half"}):
            client = net.connect(proxy.address)
            client.sendall(request(listener, **more))
            with listener.accept() as sock:
                net.recv_until(sock, more.get("body", b"\r\n\r\n"))
                leave(client)
                net.expect_closed(sock)


def test_a_client_that_leaves_ends_the_dial(proxy):
    with Blackhole() as hole:
        client = net.connect(proxy.address)
        client.sendall(request(hole))
        net.until_read(client)
        net.reset(client)
        proxy.wait_log("the client hung up")


def test_a_request_may_be_all_that_a_client_sends(io):
    """nc -N: the end of its stream, while the target is still dialled, is no hang-up."""
    told = threading.Event()

    def late(sock, data):
        told.wait(2 * net.DEADLINE)
        send_whole(sock, data)

    def origin(sock):
        read_head(sock)
        sock.sendall(OK)

    with Hop("socks5", send=late, then=origin) as hop:
        with Proxy("--http", "-x", hop.url(), io=io) as proxy, net.connect(proxy.address) as client:
            client.sendall(b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            time.sleep(0.1)  # longer than a quick dial, which nobody watches
            told.set()
            assert read_response(client).status == 200


def test_a_client_may_close_its_side(client, listener):
    sock, _ = ask(client, listener)
    with sock:
        client.shutdown(socket.SHUT_WR)
        net.expect_end(sock)  # as in a tunnel
        sock.sendall(HEAD + b"\r\n" + b"late")
    assert read_response(client).body == b"late"
    net.expect_end(client)


def test_pipelined_requests_survive_the_end_of_the_clients_side(client, listener):
    client.sendall(request(listener, path="/1") + request(listener, path="/2"))
    client.shutdown(socket.SHUT_WR)
    for _ in range(2):
        with listener.accept() as sock:
            net.recv_until(sock, b"\r\n\r\n")
            time.sleep(0.05)
            sock.sendall(OK)
        assert read_response(client).body == b"ok"
    net.expect_end(client)


def test_an_early_answer_to_a_long_upload(client, listener):
    """The origin answers, and reads no further: the client still gets the answer."""
    client.sendall(request(listener, "POST", "/", ["Content-Length: 100000000"]))
    with listener.accept() as sock:
        net.recv_until(sock, b"\r\n\r\n")
        sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!")
        response = read_response(client)
        assert response.status == 413 and response.body == b"no!"
        assert response.get("Connection") == ["close"]


def test_shutdown_ends_it_at_once(io, listener):
    with Proxy(io=io) as proxy:
        waiting, idle, streaming = (net.connect(proxy.address) for _ in range(3))
        with waiting, idle, streaming:
            exchange(idle, listener, OK)
            first, _ = ask(waiting, listener)
            second, _ = ask(streaming, listener)
            with first, second:
                second.sendall(HEAD + b"\r\nabc")
                read_head(streaming)
                with net.Stopwatch() as watch:
                    proxy.stop()
                    assert watch.elapsed() < 2 * net.SCALE


def test_drain_lets_an_exchange_finish(io, listener):
    with Proxy("--drain", "20", "--threads", "1", io=io) as proxy, \
            net.connect(proxy.address) as client, net.connect(proxy.address) as idle:
        exchange(idle, listener, OK)
        sock, _ = ask(client, listener)
        with sock:
            proxy.signal(15)
            net.expect_end(idle)
            sock.sendall(OK)
            response = read_response(client)
            assert response.body == b"ok" and response.get("Connection") == ["close"]
        net.expect_end(client)
        client.close()
        proxy.expect_exit()


def test_counts_and_logs_a_connection_once(io, listener):
    with Proxy(io=io) as proxy:
        with net.connect(proxy.address) as client:
            for _ in range(3):
                exchange(client, listener, OK)
        line = proxy.wait_log(r"closed, up=(\d+) down=(\d+), .* (\d+) HTTP requests")
        assert int(line.group(3)) == 3 and int(line.group(1)) > 100 and int(line.group(2)) > 100
        assert proxy.count_log("established") == 1
