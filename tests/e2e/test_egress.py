"""Where no client may go: our own listeners in any spelling, and what --block-outbound says."""

import pytest

from support import clients, data, net
from support.clients import FORBIDDEN
from support.dns import Dns, Name
from support.proxy import Proxy
from support.servers import Server, echo

KINDS = ["socks4a", "socks5", "http"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", [
    "127.0.0.1", "localhost", "self.test", "::1", "::ffff:127.0.0.1", "127.0.0.3"])
def test_wildcard_listener_cannot_be_reached_through_itself(io, kind, host):
    """Bound to every address, of both families: each of them is ours."""
    zone = {"self.test": Name(["127.0.0.1"], ["::1"])}
    with Dns(zone) as dns, Proxy("--nameserver", dns.address_text, io=io,
                                 listen="[::]:0") as proxy:
        clients.expect_refusal(("127.0.0.1", proxy.port), (host, proxy.port), kind, FORBIDDEN[kind])


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_wildcard_address_is_no_way_around(io, host):
    """Refused twice over: as ours (403), or as an address that is none (502)."""
    with Proxy(io=io, listen="[::]:0") as proxy:
        address, target = ("127.0.0.1", proxy.port), (host, proxy.port)
        clients.expect_refusal(address, target, "socks5", 2)
        with pytest.raises(clients.Refused) as refusal:
            clients.open_tunnel(address, target, "http")
        assert refusal.value.code in (403, 502)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "self.test"])
def test_listener_cannot_be_reached_through_itself(io, kind, host):
    zone = {"self.test": Name(["127.0.0.1"])}
    with Dns(zone) as dns, Proxy("--nameserver", dns.address_text, "-4", io=io) as proxy:
        clients.expect_refusal(proxy.address, (host, proxy.port), kind, FORBIDDEN[kind])


@pytest.mark.parametrize("host", [b"127.1", b"0x7f.0.0.1", b"2130706433", b"0177.0.0.1",
                                  b"127.0.0.1.", b"LOCALHOST", b"localhost."])
def test_odd_spellings_do_not_get_through(io, host):
    """02 where they mean us, 04 or 01 where they mean nothing; never a tunnel."""
    with Dns({}) as dns, Proxy("--nameserver", dns.address_text, "-4", io=io) as proxy:
        with net.connect(proxy.address) as sock:
            sock.sendall(clients.socks5_greeting(0) + clients.socks5_request(host, proxy.port))
            assert net.recv_exact(sock, 2) == b"\5\0"
            assert clients.read_socks5_reply(sock).code in (1, 2, 4)


def test_http_listener_is_ours_too(io):
    with Proxy("--http", "127.0.0.2:0", io=io) as proxy:
        for via, kind in (("127.0.0.1", "socks5"), ("127.0.0.2", "http")):
            address, = (a for a in proxy.listeners if a[0] == via)
            for listener in proxy.listeners:
                clients.expect_refusal(address, listener, kind, FORBIDDEN[kind])


def test_other_ports_of_our_address_are_not_ours(io):
    with Server(echo) as server, Proxy(io=io, listen="0.0.0.0:0") as proxy:
        with clients.open_tunnel(("127.0.0.1", proxy.port), server.address) as sock:
            data.ping(sock)


def blocked(proxy, host, port=80, kind="socks5"):
    """True: refused as not allowed (02, 403 or 502); False: dialled, whatever came of it."""
    try:
        clients.open_tunnel(proxy.address, (host, port), kind).close()
    except clients.Refused as refusal:
        return refusal.code in (2, 403)
    return False


# Addresses are only dialled where the answer is "blocked": nothing leaves the machine.
@pytest.mark.parametrize("words,hosts", [
    ("loopback", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"]),
    ("multicast", ["224.0.0.1", "239.255.255.250", "ff02::1", "::ffff:224.0.0.1"]),
    ("local", ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
               "fe80::1", "fc00::1", "fd12::1", "::ffff:10.0.0.1", "192.0.0.8"]),
    ("global", ["192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1", "::ffff:192.0.2.1"]),
    ("loopback,multicast", ["127.0.0.1", "224.0.0.1"]),
])
def test_blocked_classes(io, words, hosts):
    with Proxy("--block-outbound", words, io=io) as proxy:
        for host in hosts:
            assert blocked(proxy, host), f"{host} is not blocked by {words}"


@pytest.mark.parametrize("host", ["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"])
def test_unspecified_is_always_blocked(io, host):
    with Proxy("--block-outbound", "", io=io) as proxy:
        assert blocked(proxy, host)


def test_multicast_is_blocked_by_default_and_loopback_is_not(io, echo):
    with Proxy(io=io) as proxy:
        assert blocked(proxy, "224.0.0.1") and blocked(proxy, "ff02::1")
        assert not blocked(proxy, *echo.address)


def test_list_replaces_the_default(io):
    """With only loopback blocked, multicast is dialled: connecting to it fails some other way."""
    with Proxy("--block-outbound", "loopback", io=io) as proxy:
        assert not blocked(proxy, "224.0.0.1")


def test_names_are_checked_by_their_addresses(io, echo):
    """A name with one forbidden and one allowed address is dialled at the allowed one only."""
    zone = {"in.test": Name(["127.0.0.1"]), "mixed.test": Name(["224.0.0.1", "127.0.0.1"])}
    with Dns(zone) as dns, Proxy("--nameserver", dns.address_text, "--block-outbound", "loopback",
                                 io=io) as proxy:
        assert blocked(proxy, "in.test", echo.port)
    with Dns(zone) as dns, Proxy("--nameserver", dns.address_text, io=io) as proxy:
        with clients.open_tunnel(proxy.address, ("mixed.test", echo.port)) as sock:
            data.ping(sock)


def test_only_the_first_hop_is_checked(io):
    """What a hop does with the target is the hop's business."""
    from support.hops import Hop
    with Hop("socks5") as hop, Proxy("-x", hop.url(), io=io) as proxy:
        with clients.open_tunnel(proxy.address, ("224.0.0.1", 80)) as sock:
            data.ping(sock)
    with Hop("socks5") as hop, Proxy("-x", hop.url(), "--block-outbound", "loopback",
                                     io=io) as proxy:
        assert blocked(proxy, "192.0.2.1")
