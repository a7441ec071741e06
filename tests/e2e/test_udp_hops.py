"""UDP ASSOCIATE through SOCKS5 hops: our own, danted, and hops that misbehave."""

import contextlib
import socket
import struct

import pytest

from support import clients, net, udp
from support.dns import Dns, Name
from support.hops import Hop
from support.proxy import Proxy
from support.udp import Association, UdpEcho, bound_socket, header

UDP = "--enable-socks5-udp"


@pytest.fixture(scope="module")
def danted(workdir):
    with udp.danted(workdir) as peer:
        yield peer


@contextlib.contextmanager
def behind_hops(io, count, *words):
    """Our proxy behind `count` hops of our own, each of which may associate."""
    with contextlib.ExitStack() as stack:
        hops = [stack.enter_context(Proxy(UDP, *words, io=io)) for _ in range(count)]
        urls = ",".join("socks5://{}:{}".format(*hop.address) for hop in hops)
        yield stack.enter_context(Proxy(UDP, "-x", urls, io=io)), hops


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_through_our_own_hops(io, count, host):
    with UdpEcho(host) as target, behind_hops(io, count) as (proxy, hops):
        with Association(proxy.address) as association:
            for text in (b"one", b"", b"x" * 60000):
                association.send(target.address, text)
                assert association.receive() == (host, target.port, text)
        hops[-1].wait_log(r"datagrams up=3 down=3$")
        proxy.wait_log(r"datagrams up=3 down=3$")


def test_names_are_resolved_by_the_last_hop(io):
    with UdpEcho() as target, Dns({"far.test": Name(["127.0.0.1"])}) as dns:
        with behind_hops(io, 2, "-4", "--nameserver", dns.address_text) as (proxy, _):
            with Association(proxy.address) as association:
                assert association.ask(("far.test", target.port), b"x") == b"x"


def test_fragments_are_joined_before_the_hop(io):
    with UdpEcho() as target, behind_hops(io, 1) as (proxy, hops):
        with Association(proxy.address) as association:
            association.send(target.address, b"a", 1)
            association.send(target.address, b"b", 0x82)
            assert association.receive()[2] == b"ab"
        hops[0].wait_log(r"datagrams up=1 down=1$")


def test_through_danted(io, danted):
    with UdpEcho() as target, Proxy(UDP, "-x", danted.url(), io=io) as proxy:
        with Association(proxy.address) as association:
            for text in (b"one", b"x" * 9000):
                association.send(target.address, text)
                assert association.receive() == ("127.0.0.1", target.port, text)


def test_through_our_own_and_then_danted(io, danted):
    with UdpEcho() as target, Proxy(io=io) as first:
        urls = "socks5://{}:{},{}".format(*first.address, danted.url())
        with Proxy(UDP, "-x", urls, io=io) as proxy, Association(proxy.address) as association:
            assert association.ask(target.address, b"x") == b"x"


def test_a_hop_that_can_not_is_told_as_such(io, microsocks):
    with Proxy(UDP, "-x", microsocks.url(), io=io) as proxy, Proxy(io=io) as plain:
        for first in (proxy.address, None):
            if first is None:
                with Proxy(UDP, "-x", "socks5://{}:{}".format(*plain.address), io=io) as second:
                    with pytest.raises(clients.Refused) as refusal:
                        Association(second.address)
            else:
                with pytest.raises(clients.Refused) as refusal:
                    Association(first)
            assert refusal.value.code == 7


def test_a_hop_that_is_not_there(io):
    sock, address = net.dead_port()
    with sock, Proxy(UDP, "-x", "socks5://{}:{}".format(*address), io=io) as proxy:
        with pytest.raises(clients.Refused) as refusal:
            Association(proxy.address)
        assert refusal.value.code == 5


def bound(sock, host=None):
    """The reply of a hop whose relay is this socket."""
    address = clients.socks5_address(host or sock.getsockname()[0])
    return b"\5\0\0" + address + struct.pack("!H", sock.getsockname()[1])


def hold(sock):
    net.recv_all(sock)


@pytest.mark.parametrize("name", [None, "0.0.0.0", "::", "localhost"])
def test_what_the_hop_sees_and_says(io, name):
    """An unspecified BND is the hop's own address; a name is resolved."""
    with bound_socket("127.0.0.1") as relay, \
            Hop("socks5", reply=bound(relay, name), then=hold) as hop:
        with Proxy(UDP, "-4", "-x", hop.url(), io=io) as proxy:
            with Association(proxy.address) as association:
                association.send(("far.test", 53), b"up")
                datagram, back = relay.recvfrom(1 << 16)
                assert datagram == header("far.test", 53) + b"up"
                assert hop.messages[0][-1] == b"\5\3\0\1" + bytes(6)
                relay.sendto(header("192.0.2.1", 53) + b"down", back)
                assert association.receive() == ("192.0.2.1", 53, b"down")
                for bad in (b"", b"\0\0\0\1abc", header("192.0.2.1", 53, 1) + b"part"):
                    relay.sendto(bad, back)
                with bound_socket("127.0.0.1") as stranger:
                    stranger.sendto(header("192.0.2.1", 53) + b"forged", back)
                relay.sendto(header("2001:db8::1", 53) + b"last", back)
                assert association.receive() == ("2001:db8::1", 53, b"last")
            proxy.wait_log(r"up=1 down=2, dropped=3 \(malformed=2 fragments=1\)$")


def test_the_hop_ends_it(io):
    with bound_socket("127.0.0.1") as relay, \
            Hop("socks5", reply=bound(relay), then=lambda sock: sock.recv(1)) as hop:
        with Proxy(UDP, "-x", hop.url(), io=io) as proxy:
            before = proxy.fd_count()
            with Association(proxy.address) as association:
                hop.close()
                net.expect_closed(association.control)
                net.wait_for(lambda: proxy.fd_count() == before, "the sockets to be closed")
            proxy.wait_log(r"the hop left")


def test_a_relay_that_refuses_does_not_end_it(io):
    """ICMP says that nobody is there: the next datagram is tried all the same."""
    relay = bound_socket("127.0.0.1")
    address = relay.getsockname()
    with Hop("socks5", reply=bound(relay), then=hold) as hop:
        with Proxy(UDP, "-x", hop.url(), io=io) as proxy:
            with Association(proxy.address) as association:
                relay.close()
                for _ in range(3):
                    association.send(("192.0.2.1", 53), b"lost")
                    association.expect_silence(0.05)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
                    again.bind(address)
                    again.settimeout(net.DEADLINE)
                    association.send(("192.0.2.1", 53), b"found")
                    assert again.recv(1 << 16).endswith(b"found")


@pytest.mark.parametrize("reply", [
    b"\5\0\0\1\xe0\0\0\1\0\x50", b"\5\0\0\1\x7f\0\0\1\0\0", b"\5\0\0\3\3a\nb\0\x50"])
def test_relays_that_can_not_be(io, reply):
    """Multicast, port 0, no name: refused, and nothing is left open."""
    with Hop("socks5", reply=reply, then=hold) as hop, Proxy(UDP, "-x", hop.url(), io=io) as proxy:
        before = proxy.fd_count()
        with pytest.raises(clients.Refused) as refusal:
            Association(proxy.address)
        assert refusal.value.code in (1, 2, 4)
        net.wait_for(lambda: proxy.fd_count() == before, "the sockets to be closed")
