"""SOCKS5 UDP ASSOCIATE: datagrams to every kind of address and back."""

import socket
import struct
import threading

import pytest

from support import clients
from support.dns import A, Dns, Name
from support.proxy import Proxy
from support.udp import Association, UdpEcho, bound_socket

UDP = "--enable-socks5-udp"


def query(name):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, A, 1)


def test_is_refused_unless_enabled(io):
    with Proxy("--enable-socks5-bind", io=io) as proxy:
        with pytest.raises(clients.Refused) as refusal:
            Association(proxy.address)
        assert refusal.value.code == 7


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0", "[::]:0"])
def test_dns_through_the_association(io, listen):
    """The reply names the address on which the client came, and answers come from there."""
    with Dns({"a.test": Name(["192.0.2.7"])}) as dns, Proxy(UDP, io=io, listen=listen) as proxy:
        via = "::1" if listen == "[::1]:0" else "127.0.0.1"
        with Association((via, proxy.port)) as association:
            assert association.relay[0] == via
            answer = association.ask(dns.address, query("a.test"))
            assert answer[:2] == b"\0\7" and answer.endswith(socket.inet_aton("192.0.2.7"))


@pytest.mark.parametrize("via", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_both_families_from_both(io, via, host):
    """Replies carry the address that the datagram came from."""
    with UdpEcho(host) as target, Proxy(UDP, io=io, listen="[::]:0") as proxy:
        with Association((via, proxy.port)) as association:
            association.send(target.address, b"hello")
            assert association.receive() == (host, target.port, b"hello")


def test_mapped_address_is_the_ipv4_address(io):
    with UdpEcho() as target, Proxy(UDP, io=io) as proxy, Association(proxy.address) as association:
        association.send(("::ffff:127.0.0.1", target.port), b"x")
        assert association.receive() == ("127.0.0.1", target.port, b"x")


@pytest.mark.parametrize("flag,host", [("-4", "127.0.0.1"), ("-6", "::1")])
def test_names_are_resolved_with_the_family_asked_for(io, flag, host):
    zone = {"both.test": Name(["127.0.0.1"], ["::1"])}
    with UdpEcho(host) as target, Dns(zone) as dns:
        with Proxy(UDP, flag, "--nameserver", dns.address_text, io=io) as proxy:
            with Association(proxy.address) as association:
                for text in (b"one", b"two"):
                    association.send(("both.test", target.port), text)
                    assert association.receive() == (host, target.port, text)


def test_datagrams_that_wait_for_a_name_are_sent(io):
    answer = threading.Event()
    zone = {"slow.test": Name(["127.0.0.1"], hold=answer)}
    with UdpEcho() as target, UdpEcho(mark=b"now") as quick, Dns(zone) as dns:
        with Proxy(UDP, "-4", "--nameserver", dns.address_text, io=io) as proxy:
            with Association(proxy.address) as association:
                for index in range(5):
                    association.send(("slow.test", target.port), b"%d" % index)
                assert association.ask(quick.address, b"") == b"now", "others need not wait"
                answer.set()
                late = [association.receive()[2] for _ in range(5)]
                assert late == [b"0", b"1", b"2", b"3", b"4"]


def test_more_than_a_few_datagrams_do_not_wait_for_a_name(io):
    zone = {"never.test": Name(drop=True)}
    with UdpEcho() as target, Dns(zone) as dns:
        with Proxy(UDP, "-4", "--nameserver", dns.address_text, io=io) as proxy:
            with Association(proxy.address) as association:
                association.send(("never.test", 9), b"x" * 40000)
                association.send(("never.test", 9), b"x" * 40000)  # too many bytes
                association.until_read()  # or the kernel drops what comes
                for _ in range(100):
                    association.send(("never.test", 9), b"x")
                assert association.ask(target.address, b"alive") == b"alive"
            assert proxy.wait_log(r"held=(\d+)").group(1) == str(102 - 32)


def test_a_flow_stays_with_one_address(io):
    """DNS answers something else by then; the datagrams go where the first went."""
    zone = {"turn.test": Name(["127.0.0.1"], ttl=0)}
    with UdpEcho() as target, Dns(zone) as dns:
        with Proxy(UDP, "-4", "--nameserver", dns.address_text, io=io) as proxy:
            with Association(proxy.address) as association:
                assert association.ask(("turn.test", target.port), b"a") == b"a"
                zone["turn.test"] = Name(["127.0.0.9"], ttl=0)
                assert association.ask(("turn.test", target.port), b"b") == b"b"


def test_anybody_may_answer(io):
    """Full cone: a host that nothing was sent to is heard, with its own address."""
    with UdpEcho() as target, Proxy(UDP, io=io) as proxy, Association(proxy.address) as association:
        association.ask(target.address, b"x")
        with bound_socket("127.0.0.1") as stranger:
            stranger.sendto(b"call", target.sources[0])
            assert association.receive() == ("127.0.0.1", stranger.getsockname()[1], b"call")


@pytest.mark.parametrize("size", [0, 1, 1472, 9000, 65507 - 10])
def test_payloads_pass_whole(io, size, rng):
    payload = rng.randbytes(size)
    with UdpEcho() as target, Proxy(UDP, io=io) as proxy, Association(proxy.address) as association:
        assert association.ask(target.address, payload) == payload


def test_what_does_not_fit_is_dropped_whole(io):
    """65507 bytes reach us, but not a client that needs ten more for their header."""
    with UdpEcho(mark=b"0123456789a") as target, Proxy(UDP, io=io) as proxy:
        with Association(proxy.address) as association:
            with bound_socket("127.0.0.1") as stranger:
                association.ask(target.address, b"x")
                stranger.sendto(b"y" * 65507, target.sources[0])
                association.expect_silence()
                stranger.sendto(b"y" * (65507 - 10), target.sources[0])
                assert association.receive()[2] == b"y" * (65507 - 10)
        proxy.wait_log(r"oversize=1\b")


def test_the_summary_counts(io):
    with UdpEcho(mark=b"ab") as target, Proxy(UDP, io=io) as proxy:
        with Association(proxy.address) as association:
            for _ in range(3):
                association.ask(target.address, b"12345")
        line = proxy.wait_log(r"udp 127\.0\.0\.1:\d+': closed, (.*)").group(1)
        assert line.startswith("up=15 down=21, "), line
        assert line.endswith("the client left; datagrams up=3 down=3"), line


def test_a_socks5_request_for_bind_or_udp_over_http_hops_is_refused(io):
    for hops in ("http://127.0.0.1:9", "socks4a://127.0.0.1:9",
                 "http://127.0.0.1:9,socks5://127.0.0.1:9"):
        with Proxy(UDP, "-x", hops, io=io) as proxy:
            with pytest.raises(clients.Refused) as refusal:
                Association(proxy.address)
            assert refusal.value.code == 7
