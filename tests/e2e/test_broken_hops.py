"""Upstream proxies that refuse, lie, dawdle or die: the client hears the right thing, at once."""

import pytest

from support import clients, data, net
from support.clients import FORBIDDEN, GENERAL, REFUSED
from support.hops import SUCCESS, Hop, close
from support.proxy import Proxy

TARGET = ("far.test", 443)
SCHEMES = list(SUCCESS)


def ask(hop, io, user="", kind="socks5"):
    """The proxy's own code for a request over this hop (0: success), well before its time-out."""
    with Proxy("-x", hop.url(user), io=io) as proxy:
        try:
            clients.open_tunnel(proxy.address, TARGET, kind).close()
        except clients.Refused as refusal:
            return refusal.code
        return 0


@pytest.mark.parametrize("kind", ["socks5", "socks4a", "http"])
def test_dead_first_hop(io, kind):
    holder, address = net.dead_port()
    with holder, Proxy("-x", f"socks5://{address[0]}:{address[1]}", io=io) as proxy:
        clients.expect_refusal(proxy.address, TARGET, kind, REFUSED[kind])


def test_dead_second_hop_is_the_first_hops_news(io, microsocks):
    holder, address = net.dead_port()
    with holder, Proxy("-x", f"{microsocks.url()},http://{address[0]}:{address[1]}",
                       io=io) as proxy:
        clients.expect_refusal(proxy.address, TARGET, "socks5", 5)


@pytest.mark.parametrize("name", ["microsocks_auth", "squid_auth", "tinyproxy_auth"])
@pytest.mark.parametrize("given", [None, ("bob", "wrong")], ids=["none", "wrong"])
def test_missing_or_wrong_credentials(io, echo, request, name, given):
    """02, connection not allowed. (tinyproxy says 401 instead of 407 to wrong ones: 01 will do.)"""
    from support.peers import hop_url
    peer = request.getfixturevalue(name)
    with Proxy("-x", hop_url(peer.scheme, peer.address, given), io=io) as proxy:
        with pytest.raises(clients.Refused) as refusal:
            clients.open_tunnel(proxy.address, echo.address)
        allowed = (1, 2) if name == "tinyproxy_auth" and given else (FORBIDDEN["socks5"],)
        assert refusal.value.code in allowed


@pytest.mark.parametrize("hop_code,codes", [
    (1, {1}), (2, {2}), (3, {1, 3}), (4, {1, 4}), (5, {5}), (6, {1, 6}), (7, {1}), (8, {1}),
    (0x5B, {1})])
def test_socks5_codes_of_a_hop(io, hop_code, codes):
    reply = bytes([5, hop_code]) + SUCCESS["socks5"][2:]
    with Hop("socks5", reply, then=close) as hop:
        assert ask(hop, io) in codes


@pytest.mark.parametrize("status,code", [
    (401, None), (403, 2), (407, 2), (404, 1), (500, 1), (502, 5), (503, 5)])
def test_http_codes_of_a_hop(io, status, code):
    reply = b"HTTP/1.1 %d Why\r\nContent-Length: 3\r\n\r\nno\n" % status
    with Hop("http", reply, then=close) as hop:
        assert ask(hop, io) in ((1, 2) if code is None else (code,))


def test_socks4_rejection_of_a_hop(io):
    with Hop("socks4a", b"\0\x5b\0\0\0\0\0\0", then=close) as hop:
        assert ask(hop, io) == 5


@pytest.mark.parametrize("kind", ["socks4a", "http"])
def test_other_clients_hear_it_in_their_words(io, kind):
    with Hop("socks5", b"\5\1" + SUCCESS["socks5"][2:], then=close) as hop:
        assert ask(hop, io, kind=kind) == GENERAL[kind]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_hop_closes_in_mid_reply(io, scheme):
    """At every byte of the reply, and before it: 01 at once, not at the time-out."""
    for count in range(len(SUCCESS[scheme])):
        with Hop(scheme, SUCCESS[scheme][:count], then=close) as hop:
            assert ask(hop, io) == 1, f"closed after {count} bytes of the reply"


@pytest.mark.parametrize("choice,status,codes", [
    (b"", b"", {1}), (b"\5", b"", {1}), (b"\5\xff", b"", {2}), (b"\4\0", b"", {1}),
    (b"\5\1", b"", {1, 2}), (b"\5\2", b"", {1, 2}), (b"\5\2", b"\1", {1, 2}),
    (b"\5\2", b"\1\1", {2})])
def test_socks5_hop_fails_before_the_request(io, choice, status, codes):
    """Without credentials on our side, choosing 02 is one of the failures."""
    with Hop("socks5", None, choice, status) as hop:
        assert ask(hop, io, "u:p@" if status else "") in codes


@pytest.mark.parametrize("scheme", SCHEMES)
def test_hop_answers_in_the_wrong_language(io, scheme, rng):
    wrong = [SUCCESS[other] for other in SCHEMES if other != scheme]
    for reply in (*wrong, b"\x16\3\1\2\0\1\0\1\xfc\3\3" + rng.randbytes(300), bytes(64)):
        with Hop(scheme, reply, then=close) as hop:
            # SOCKS4 has many codes for "rejected", which is 05.
            codes = (1, 5) if scheme == "socks4a" else (1,)
            assert ask(hop, io) in codes, f"reply {reply[:20]!r}"


def test_hop_floods_the_head_of_its_reply(io):
    """No end of headers: refused at a bound, not collected for ever."""
    def flood(sock):
        while True:
            sock.sendall(b"X-Padding: " + b"a" * 4000 + b"\r\n")

    with Hop("http", b"HTTP/1.1 200 OK\r\n", then=flood) as hop:
        assert ask(hop, io) == 1


def test_codes_do_not_stick_to_the_next_request(io, echo):
    """One hop of two requests refused, the same program goes on."""
    with Hop("socks5") as hop, Proxy("-x", hop.url(), io=io) as proxy:
        for _ in range(3):
            with clients.open_tunnel(proxy.address, TARGET) as sock:
                data.ping(sock)
