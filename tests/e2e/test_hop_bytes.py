"""What we say to a hop, to the byte; and how odd but correct replies are read."""

import base64
import struct

import pytest

from support import clients, data, net
from support.clients import send_bytewise
from support.hops import SUCCESS, Hop
from support.proxy import Proxy
from support.servers import banner, echo

SCHEMES = list(SUCCESS)
PORT = 8443
BANNER = bytes(range(256)) * 12


def said_to(hop, io, host, user=""):
    with Proxy("-x", hop.url(user), io=io) as proxy:
        with clients.open_tunnel(proxy.address, (host, PORT)) as sock:
            data.ping(sock)
    return hop.messages[-1]


HOSTS = {
    "name.test": (b"\3\x09name.test", None, b"name.test"),
    "192.0.2.7": (b"\1\xc0\0\2\7", b"\xc0\0\2\7", b"192.0.2.7"),
    "2001:db8::1": (b"\4" + bytes.fromhex("20010db8" + "00" * 11 + "01"), None, b"[2001:db8::1]"),
}


@pytest.mark.parametrize("host", HOSTS)
def test_socks5_request(io, host):
    with Hop("socks5") as hop:
        greeting, request = said_to(hop, io, host)
    assert greeting == b"\5\1\0"
    assert request == b"\5\1\0" + HOSTS[host][0] + struct.pack("!H", PORT)


@pytest.mark.parametrize("user,wanted", [
    ("bob:pass@", b"\1\3bob\4pass"), ("bob@", b"\1\3bob\0"),
    ("b%40b:p%3A%25@", b"\1\3b@b\3p:%"), ("bob:a:b@", b"\1\3bob\3a:b")])
def test_socks5_credentials(io, user, wanted):
    with Hop("socks5", choice=b"\5\2") as hop:
        greeting, auth, _ = said_to(hop, io, "name.test", user)
    assert (greeting, auth) == (b"\5\2\0\2", wanted)


@pytest.mark.parametrize("host", HOSTS)
def test_socks4a_request(io, host):
    port = struct.pack("!H", PORT)
    with Hop("socks4a") as hop:
        request, = said_to(hop, io, host, "bob:ignored@")
    if HOSTS[host][1]:
        assert request == b"\4\1" + port + HOSTS[host][1] + b"bob\0"
    else:
        assert request == b"\4\1" + port + b"\0\0\0\xff" + b"bob\0" + host.encode() + b"\0"


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("user", ["", "bob:p%40ss@"])
def test_http_request(io, host, user):
    with Hop("http") as hop:
        request, = said_to(hop, io, host, user)
    first, *lines, _, _ = request.split(b"\r\n")
    authority = HOSTS[host][2] + b":%d" % PORT
    assert first == b"CONNECT " + authority + b" HTTP/1.1"
    wanted = [b"Host: " + authority]
    if user:
        wanted.append(b"Proxy-Authorization: Basic " + base64.b64encode(b"bob:p@ss"))
    assert sorted(lines) == sorted(wanted)


def test_first_hop_is_asked_for_the_second(io):
    """The first URL of -x is connected first. It echoes here, so the second hop's reply is bad."""
    with Hop("socks5") as first:
        chain = f"{first.url()},socks4a://second.test:99,http://third.test"
        with Proxy("-x", chain, io=io) as proxy:
            clients.expect_refusal(proxy.address, ("name.test", PORT), "socks5", 1)
    assert first.messages == [
        [b"\5\1\0", b"\5\1\0\3\x0bsecond.test" + struct.pack("!H", 99)]]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_reply_byte_by_byte(io, scheme):
    with Hop(scheme, send=send_bytewise) as hop, Proxy("-x", hop.url(), io=io) as proxy:
        with clients.open_tunnel(proxy.address, ("name.test", PORT)) as sock:
            data.ping(sock)


REPLIES = {
    "socks5 with a name": ("socks5", b"\5\0\0\3\x09name.test\0\x50"),
    "socks5 with an empty name": ("socks5", b"\5\0\0\3\0\0\x50"),
    "socks5 with IPv6": ("socks5", b"\5\0\0\4" + bytes(18)),
    "http 201": ("http", b"HTTP/1.1 201 Created\r\n\r\n"),
    "http without a reason": ("http", b"HTTP/1.1 200\r\n\r\n"),
    "http 1.0 with headers": ("http", b"HTTP/1.0 200 OK\r\nX: y\r\nProxy-Agent: z\r\n\r\n"),
    "http with 7000 bytes of headers": (
        "http", b"HTTP/1.1 200 OK\r\n" + b"X-P: aaaaaaaaaaaaaa\r\n" * 330 + b"\r\n"),
}


@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
def test_odd_but_correct_replies(io, name, bytewise):
    scheme, reply = REPLIES[name]
    if bytewise and len(reply) > 1000:  # the first bytes alone, the long middle at once
        def send(sock, data_):
            send_bytewise(sock, data_[:40])
            sock.sendall(data_[40:-3])
            send_bytewise(sock, data_[-3:])
    else:
        send = send_bytewise if bytewise else clients.send_whole
    with Hop(scheme, reply, send=send) as hop, Proxy("-x", hop.url(), io=io) as proxy:
        with clients.open_tunnel(proxy.address, ("name.test", PORT)) as sock:
            data.ping(sock)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", ["socks5", "socks4a", "http"])
def test_banner_in_the_segment_of_the_reply(io, scheme, kind):
    """A target that speaks first: its 3,072 bytes arrive in one piece with the hop's reply."""
    with Hop(scheme, SUCCESS[scheme] + BANNER) as hop, Proxy("-x", hop.url(), io=io) as proxy:
        with clients.open_tunnel(proxy.address, ("name.test", PORT), kind) as sock:
            assert net.recv_exact(sock, len(BANNER)) == BANNER
            data.ping(sock)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_banner_after_the_reply(io, scheme):
    with Hop(scheme, then=banner(BANNER)) as hop, Proxy("-x", hop.url(), io=io) as proxy:
        with clients.open_tunnel(proxy.address, ("name.test", PORT)) as sock:
            assert net.recv_exact(sock, len(BANNER)) == BANNER
            data.ping(sock)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_early_data_reaches_the_target_behind_the_hop(io, scheme):
    """The client's bytes behind its request wait for the hop and arrive once, in order."""
    early = b"early " * 300
    with Hop(scheme, then=echo) as hop, Proxy("-x", hop.url(), io=io) as proxy, \
            net.connect(proxy.address) as sock:
        sock.sendall(clients.socks5_greeting(0) + clients.socks5_request("name.test", PORT)
                     + early)
        assert net.recv_exact(sock, 2) == b"\5\0"
        assert clients.read_socks5_reply(sock).code == 0
        assert net.recv_exact(sock, len(early)) == early
        data.ping(sock)
