"""SOCKS5 (RFC 1928, RFC 1929) on the wire: every row of the reply table, to the byte."""

import socket
import struct

import pytest

from support import clients, data, net
from support.dns import Dns
from support.proxy import Proxy

FAILURE = b"\0\1\0\0\0\0\0\0"  # behind version and code: no address


@pytest.fixture
def proxy(io):
    with Proxy(io=io) as running:
        yield running


def converse(proxy, request):
    """Everything that answers greeting and request, up to the end."""
    with net.connect(proxy.address) as sock:
        sock.sendall(clients.socks5_greeting(0) + request)
        assert net.recv_exact(sock, 2) == b"\5\0"
        return net.recv_all(sock)


@pytest.mark.parametrize("offered,chosen", [
    ([0], 0), ([0, 2], 0), ([2, 0], 2), ([2], 2), ([2, 1, 0], 2), ([1, 0], 0), ([1], 0xFF),
    ([], 0xFF), ([1, 3, 0x80], 0xFF), (list(range(3, 256)), 0xFF), (list(range(255, 0, -1)), 2)])
def test_method_choice(proxy, offered, chosen):
    """The first acceptable method in the client's order; none: FF and the end."""
    with net.connect(proxy.address) as sock:
        sock.sendall(clients.socks5_greeting(*offered))
        assert net.recv_exact(sock, 2) == bytes([5, chosen])
        if chosen == 0xFF:
            net.expect_end(sock)


@pytest.mark.parametrize("user,password", [
    (b"u", b"p"), (b"u" * 255, b"p" * 255), (bytes(range(1, 200)), b":@%\xff")])
def test_any_credentials_will_do_without_a_ruleset(proxy, echo, user, password):
    with net.connect(proxy.address) as sock:
        sock.sendall(clients.socks5_greeting(2))
        assert net.recv_exact(sock, 2) == b"\5\2"
        sock.sendall(clients.socks5_auth(user, password))
        assert net.recv_exact(sock, 2) == b"\1\0"
        sock.sendall(clients.socks5_request(*echo.address))
        assert clients.read_socks5_reply(sock).code == 0
        data.ping(sock)


@pytest.mark.parametrize("auth,answer", [
    (clients.socks5_auth(b"", b"p"), b"\1\1"), (clients.socks5_auth(b"u", b""), b"\1\1"),
    (b"\2\1u\1p", b""), (b"\5\1u\1p", b"")])
def test_bad_authentication_ends_it(proxy, auth, answer):
    """Empty user or password: status 01. Another version: no answer."""
    with net.connect(proxy.address) as sock:
        sock.sendall(clients.socks5_greeting(2))
        assert net.recv_exact(sock, 2) == b"\5\2"
        sock.sendall(auth)
        assert net.recv_all(sock) == answer


def test_connected(proxy, echo):
    """00, and BND is the local end of our outgoing socket."""
    with net.connect(proxy.address) as sock:
        reply = clients.socks5(sock, *echo.address)
        assert reply.code == 0
        data.ping(sock)
        assert (reply.host, reply.port) == echo.peers[0]


def test_connected_over_ipv6(io, rng):
    from support.servers import Server, echo as handler
    with Server(handler, "::1") as target, Proxy(io=io, listen="[::1]:0") as proxy:
        assert proxy.address[0] == "::1"
        with net.connect(proxy.address) as sock:
            reply = clients.socks5(sock, *target.address)
            assert reply.code == 0
            data.ping(sock)
            assert (reply.host, reply.port) == target.peers[0]


def test_bnd_is_towards_the_first_hop(io, echo):
    from support.hops import Hop
    with Hop("http") as hop, Proxy("-x", hop.url(), io=io) as proxy:
        with net.connect(proxy.address) as sock:
            reply = clients.socks5(sock, "far.test", 80)
            assert (reply.code, (reply.host, reply.port)) == (0, hop.peers[0])


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_address_or_name_as_a_domain(proxy, echo, name):
    with net.connect(proxy.address) as sock:
        sock.sendall(clients.socks5_greeting(0)
                     + clients.socks5_request(name.encode(), echo.port))
        assert net.recv_exact(sock, 2) == b"\5\0"
        assert clients.read_socks5_reply(sock).code == 0
        data.ping(sock)


@pytest.mark.parametrize("command", [2, 3, 0, 4, 0xF0])
def test_other_commands(proxy, command):
    """07; as soon as four bytes are there, and before the address type is looked at."""
    request = clients.socks5_request("127.0.0.1", 1, command)
    assert converse(proxy, request) == b"\5\7" + FAILURE
    assert converse(proxy, bytes([5, command, 0, 9])) == b"\5\7" + FAILURE


@pytest.mark.parametrize("kind", [0, 2, 5, 0xFF])
def test_other_address_types(proxy, kind):
    assert converse(proxy, bytes([5, 1, 0, kind])) == b"\5\x08" + FAILURE


def test_reserved_byte_is_ignored(proxy, echo):
    request = bytearray(clients.socks5_request(*echo.address))
    request[2] = 0x7F
    with net.connect(proxy.address) as sock:
        sock.sendall(clients.socks5_greeting(0) + request)
        assert net.recv_exact(sock, 2) == b"\5\0"
        assert clients.read_socks5_reply(sock).code == 0


def test_request_of_another_version(proxy):
    assert converse(proxy, b"\4\1\0\1\x7f\0\0\1\0\x50") == b""


def test_refused(proxy):
    holder, (host, port) = net.dead_port()
    with holder:
        assert converse(proxy, clients.socks5_request(host, port)) == b"\5\5" + FAILURE


def test_unresolved(io):
    with Dns({}) as dns, Proxy("--nameserver", dns.address_text, io=io) as proxy:
        request = clients.socks5_request("no.such.test", 80)
        assert converse(proxy, request) == b"\5\4" + FAILURE


def test_multicast_is_not_allowed(proxy):
    request = clients.socks5_request("224.0.0.1", 80)
    assert converse(proxy, request) == b"\5\2" + FAILURE


def test_our_own_listener_is_not_allowed(proxy):
    assert converse(proxy, clients.socks5_request(*proxy.address)) == b"\5\2" + FAILURE


@pytest.mark.parametrize("name", [
    b"a\0.test", b"\0", b"a\r\nHost: b", b"a\n", b"\x1b[2J", b"a b\x7f"])
def test_control_bytes_in_a_name(proxy, name):
    """Refused before anything is sent anywhere; the log shows them escaped."""
    assert converse(proxy, clients.socks5_request(name, 80)) == b"\5\1" + FAILURE
    assert "\0" not in proxy.text() and "\x1b" not in proxy.text()


def test_longest_name(io):
    """255 bytes: valid on the wire, longer than DNS allows: 04 or 01, and no harm."""
    with Dns({}) as dns, Proxy("--nameserver", dns.address_text, io=io) as proxy:
        for name in (b"a" * 255, b".".join([b"a" * 50] * 5), b"." * 255, b""):
            answer = converse(proxy, clients.socks5_request(name, 80))
            assert answer in (b"\5\4" + FAILURE, b"\5\1" + FAILURE), name


def test_port_zero_fails_without_harm(proxy, echo):
    assert converse(proxy, clients.socks5_request("127.0.0.1", 0))[:1] == b"\5"
    with clients.open_tunnel(proxy.address, echo.address) as sock:
        data.ping(sock)


def test_everything_in_one_segment_with_credentials(proxy, echo):
    with net.connect(proxy.address) as sock:
        sock.sendall(clients.socks5_greeting(2) + clients.socks5_auth(b"u", b"p")
                     + clients.socks5_request(*echo.address) + b"early")
        assert net.recv_exact(sock, 4) == b"\5\2\1\0"
        assert clients.read_socks5_reply(sock).code == 0
        assert net.recv_exact(sock, 5) == b"early"


def test_mapped_address(proxy, echo):
    """::ffff:127.0.0.1 as an IPv6 address reaches the IPv4 target."""
    packed = socket.inet_pton(socket.AF_INET6, "::ffff:127.0.0.1")
    with net.connect(proxy.address) as sock:
        sock.sendall(clients.socks5_greeting(0) + b"\5\1\0\4" + packed
                     + struct.pack("!H", echo.port))
        assert net.recv_exact(sock, 2) == b"\5\0"
        assert clients.read_socks5_reply(sock).code == 0
        data.ping(sock)
