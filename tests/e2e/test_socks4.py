"""SOCKS4 and SOCKS4A on the wire."""

import struct

import pytest

from support import clients, data, net
from support.dns import Dns
from support.proxy import Proxy

YES = b"\0\x5a\0\0\0\0\0\0"
NO = b"\0\x5b\0\0\0\0\0\0"


@pytest.fixture
def proxy(io):
    with Proxy(io=io) as running:
        yield running


def converse(proxy, request):
    with net.connect(proxy.address) as sock:
        sock.sendall(request)
        return net.recv_all(sock)


@pytest.mark.parametrize("user", [b"", b"alice", b"u" * 255], ids=["none", "short", "255"])
def test_connected(proxy, echo, user):
    """5A with port and address zero; the user id does not matter without a ruleset."""
    with net.connect(proxy.address) as sock:
        sock.sendall(clients.socks4_request(*echo.address, user))
        assert net.recv_exact(sock, 8) == YES
        data.ping(sock)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_connected_by_name(proxy, echo, name):
    with net.connect(proxy.address) as sock:
        sock.sendall(clients.socks4a_request(name, echo.port, b"alice"))
        assert net.recv_exact(sock, 8) == YES
        data.ping(sock)


@pytest.mark.parametrize("last", [1, 7, 255])
def test_any_last_byte_marks_a_name(proxy, echo, last):
    request = struct.pack("!BBH", 4, 1, echo.port) + bytes([0, 0, 0, last]) + b"\0localhost\0"
    with net.connect(proxy.address) as sock:
        sock.sendall(request)
        assert net.recv_exact(sock, 8) == YES


def test_refused(proxy):
    holder, address = net.dead_port()
    with holder:
        assert converse(proxy, clients.socks4_request(*address)) == NO


def test_unresolved(io):
    with Dns({}) as dns, Proxy("--nameserver", dns.address_text, io=io) as proxy:
        assert converse(proxy, clients.socks4a_request("no.such.test", 80)) == NO


@pytest.mark.parametrize("command", [2, 0, 3, 255])
def test_other_commands(proxy, command):
    assert converse(proxy, clients.socks4_request("127.0.0.1", 1, command=command)) == NO


@pytest.mark.parametrize("request_", [
    clients.socks4_request("127.0.0.1", 1, b"u" * 256),
    clients.socks4_request("127.0.0.1", 1, b"u" * 5000),
    clients.socks4a_request("n" * 256, 80),
    clients.socks4a_request("n" * 5000, 80),
    clients.socks4a_request("", 80),
    clients.socks4a_request(b"a\r\nb", 80),
    clients.socks4_request("224.0.0.1", 80),
], ids=["user 256", "user 5000", "name 256", "name 5000", "no name", "control", "multicast"])
def test_not_granted(proxy, request_):
    assert converse(proxy, request_) == NO


def test_our_own_listener_is_not_granted(proxy):
    assert converse(proxy, clients.socks4_request(*proxy.address)) == NO
    assert converse(proxy, clients.socks4a_request("localhost", proxy.port)) == NO
