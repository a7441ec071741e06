"""Requests cut at every byte, and byte by byte, in every language; early data behind them."""

import socket

import pytest

from support import clients, data, net
from support.clients import send_bytewise, send_cut
from support.proxy import Proxy

AUTH = ("alice", "secret")


@pytest.fixture
def proxy(io):
    with Proxy(io=io) as running:
        yield running


def whole_request(kind, target, auth=None):
    """The bytes of a client that does not wait for answers in between."""
    if kind == "socks5":
        greeting = clients.socks5_greeting(2) + clients.socks5_auth(
            *(part.encode() for part in auth)) if auth else clients.socks5_greeting(0)
        return greeting + clients.socks5_request("localhost", target[1])
    if kind == "socks4":
        return clients.socks4_request(*target, b"alice")
    if kind == "socks4a":
        return clients.socks4a_request("localhost", target[1], b"alice")
    return clients.http_request("localhost", target[1], auth)


def read_answers(kind, sock, auth=None):
    if kind == "socks5":
        assert net.recv_exact(sock, 4 if auth else 2) == (b"\5\2\1\0" if auth else b"\5\0")
        assert clients.read_socks5_reply(sock).code == 0
    elif kind == "http":
        assert clients.read_http_head(sock)[0] == 200
    else:
        assert clients.read_socks4_reply(sock) == 0x5A


CASES = [("socks4", None), ("socks4a", None), ("socks5", None), ("socks5", AUTH), ("http", AUTH)]
IDS = ["socks4", "socks4a", "socks5", "socks5-auth", "http"]


@pytest.mark.parametrize("kind,auth", CASES, ids=IDS)
def test_byte_by_byte(proxy, echo, kind, auth):
    for target in (echo.address, ("localhost", echo.port)):
        if kind != "socks4" or target is echo.address:
            name = "socks4" if kind == "socks4a" and target is echo.address else kind
            with clients.open_tunnel(proxy.address, target, name, auth, send_bytewise) as sock:
                data.ping(sock)


@pytest.mark.parametrize("kind,auth", CASES, ids=IDS)
def test_cut_at_every_byte(proxy, echo, kind, auth):
    """The whole conversation pipelined, in two segments; three bytes of early data behind it."""
    request = whole_request(kind, echo.address, auth) + b"abc"
    for position in range(1, len(request)):
        with net.connect(proxy.address) as sock:
            send_cut(position)(sock, request)
            read_answers(kind, sock, auth)
            assert net.recv_exact(sock, 3) == b"abc", f"cut at {position}"


@pytest.mark.parametrize("kind,auth", CASES, ids=IDS)
@pytest.mark.parametrize("size", [1, 1000, 20_000, 300_000])
def test_early_data(proxy, listener, rng, kind, auth, size):
    """Sent with the request, before any answer: arrives once, whole, before what comes later."""
    early, later = rng.randbytes(size), rng.randbytes(1000)
    with net.connect(proxy.address) as sock:
        sending = data.Background(
            data.send_stream, sock, whole_request(kind, listener.address, auth) + early, False)
        with listener.accept() as target:
            data.expect_stream(target, early, False)
            sending.join()
            read_answers(kind, sock, auth)
            sock.sendall(later)
            sock.shutdown(socket.SHUT_WR)
            data.expect_stream(target, later, True)


@pytest.mark.parametrize("kind,auth", CASES, ids=IDS)
def test_server_speaks_first(proxy, listener, rng, kind, auth):
    greeting = rng.randbytes(5000)
    with net.connect(proxy.address) as sock:
        sock.sendall(whole_request(kind, listener.address, auth))
        with listener.accept() as target:
            target.sendall(greeting)
            read_answers(kind, sock, auth)
            data.expect_stream(sock, greeting, False)


@pytest.mark.parametrize("kind,auth", CASES, ids=IDS)
def test_client_leaves_at_every_byte(proxy, echo, kind, auth):
    """In order and by reset, in the middle of its request: the next client is served."""
    request = whole_request(kind, echo.address, auth)
    for position in range(len(request)):
        with net.connect(proxy.address) as sock:
            sock.sendall(request[:position])
        sock = net.connect(proxy.address)
        sock.sendall(request[:position])
        net.reset(sock)
    with clients.open_tunnel(proxy.address, echo.address) as sock:
        data.ping(sock)
    net.wait_for(lambda: proxy.fd_count("socket") <= 12, "the descriptors to be closed")
