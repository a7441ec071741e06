"""What an association refuses: strangers, nonsense, forbidden targets; and how it ends."""

import contextlib
import socket
import struct
import threading

import pytest

from support import clients, net
from support.dns import Dns, Name
from support.proxy import Proxy, sanitizer
from support.udp import Association, UdpEcho, bound_socket, header

UDP = "--enable-socks5-udp"


@contextlib.contextmanager
def two_echoes():
    """On one port of both families; one that is taken for the second is not used."""
    while True:
        with UdpEcho() as v4, contextlib.ExitStack() as stack:
            try:
                v6 = stack.enter_context(UdpEcho("::1", port=v4.port))
            except OSError:
                continue
            yield v4, v6
            return


def summary(proxy):
    return proxy.wait_log(r"closed, .*; datagrams (.*)").group(1)


def test_only_the_client_is_heard(io):
    """Another address, and another port of the same address once one has spoken."""
    with UdpEcho() as target, Proxy(UDP, io=io) as proxy:
        with Association(proxy.address) as association:
            with bound_socket("127.0.0.2") as stranger, bound_socket("127.0.0.1") as neighbour:
                for _ in range(3):  # before the client has spoken: the address alone decides
                    stranger.sendto(header(*target.address) + b"spoofed", association.relay)
                assert association.ask(target.address, b"mine") == b"mine"
                for sock in (stranger, neighbour):
                    sock.sendto(header(*target.address) + b"spoofed", association.relay)
                assert association.ask(target.address, b"mine") == b"mine"
        assert summary(proxy) == "up=2 down=2, dropped=5 (spoofed=5)"
        assert target.payloads == [b"mine", b"mine"]


def test_a_port_that_the_request_names_is_the_only_one(io):
    with UdpEcho() as target, Proxy(UDP, io=io) as proxy:
        with Association(proxy.address, port=True) as association:
            with bound_socket("127.0.0.1") as neighbour:
                neighbour.sendto(header(*target.address) + b"spoofed", association.relay)
                assert association.ask(target.address, b"mine") == b"mine"
        assert summary(proxy) == "up=1 down=1, dropped=1 (spoofed=1)"


def test_nonsense_is_counted_and_does_not_take_the_port(io):
    bad = [b"", b"\0\0\0", b"\0\0\0\2abcdefgh", b"\0\0\0\1\x7f\0\0\1\0\0", b"\0\0\0\3\0\0\1x",
           b"\0\0\0\3\3a\nb\0\1x", b"\0\0\0\4" + bytes(17)]
    with UdpEcho() as target, Proxy(UDP, io=io) as proxy:
        with Association(proxy.address) as association:
            with bound_socket("127.0.0.1") as neighbour:
                for datagram in bad:
                    neighbour.sendto(datagram, association.relay)
            assert association.ask(target.address, b"mine") == b"mine"
        assert summary(proxy) == f"up=1 down=1, dropped={len(bad)} (malformed={len(bad)})"


def test_fragments_are_joined(io, rng):
    pieces = [rng.randbytes(1000) for _ in range(40)]
    with UdpEcho() as target, Proxy(UDP, io=io) as proxy, Association(proxy.address) as association:
        for place, piece in enumerate(pieces, 1):
            last = 0x80 if place == len(pieces) else 0
            association.send(target.address, piece, fragment=place | last)
        assert association.receive()[2] == b"".join(pieces)
        assert len(target.payloads) == 1


def test_fragments_out_of_order_are_dropped(io):
    with UdpEcho() as target, Proxy(UDP, io=io) as proxy:
        with Association(proxy.address) as association:
            for fragment in (2, 0x83, 1, 3, 0x80, 1, 1, 0x82):
                association.send(target.address, b"<%02x>" % fragment, fragment)
            assert association.receive()[2] == b"<01><82>"
            association.send(target.address, b"lost", 1)
            assert association.ask(target.address, b"whole") == b"whole"
            association.send(target.address, b"lost", 0x82)
            assert association.ask(target.address, b"whole") == b"whole"
        assert summary(proxy) == "up=3 down=3, dropped=8 (fragments=8)"


def test_too_many_fragments_are_dropped(io):
    with UdpEcho() as target, Proxy(UDP, io=io) as proxy:
        with Association(proxy.address) as association:
            for place in (1, 2, 3):
                association.send(target.address, b"x" * 30000, place)
            assert association.ask(target.address, b"whole") == b"whole"
        assert "fragments=3" in summary(proxy)


@pytest.mark.parametrize("words,host", [
    ("loopback", "127.0.0.1"), ("loopback", "::1"), ("loopback", "::ffff:127.0.0.1"),
    ("loopback", "in.test"), ("multicast", "224.0.0.1"), ("local", "10.0.0.1"),
    ("global", "192.0.2.1"), ("", "0.0.0.0"), ("", "::")])
def test_blocked_targets_are_never_reached(io, words, host):
    with Dns({"in.test": Name(["127.0.0.1"], ["::1"])}) as dns, two_echoes() as (v4, v6):
        with Proxy(UDP, "--block-outbound", words, "--nameserver", dns.address_text,
                   io=io) as proxy:
            with Association(proxy.address) as association:
                association.send((host, v4.port), b"x")
                association.expect_silence()
            assert summary(proxy) == "up=0 down=0, dropped=1 (blocked=1)"
            assert not v4.payloads and not v6.payloads


def test_blocked_hosts_do_not_reach_the_client(io):
    """What may not be sent to may not send: the back socket is found through /proc."""
    with Proxy(UDP, "--block-outbound", "loopback", io=io) as proxy:
        with Association(proxy.address) as association:
            association.send(("127.0.0.1", 9), b"latch")
            inodes = {link[8:-1] for link in proxy.fds().values() if link.startswith("socket:")}
            ports = set()
            for table in ("/proc/net/udp", "/proc/net/udp6"):
                with open(table) as lines:
                    rows = [line.split() for line in lines][1:]
                ports |= {int(row[1].split(":")[1], 16) for row in rows if row[9] in inodes}
            with bound_socket("127.0.0.1") as stranger:
                for port in ports - {association.relay[1]}:
                    stranger.sendto(b"call", ("127.0.0.1", port))
                association.expect_silence()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1"])
def test_own_listeners_are_never_reached(io, host):
    """Also where only the port number is the same: UDP of a listener's address."""
    with Proxy(UDP, io=io, listen="[::]:0") as proxy:
        with UdpEcho("127.0.0.1", port=proxy.port) as v4, UdpEcho("::1", port=proxy.port) as v6:
            with Association(("127.0.0.1", proxy.port)) as association:
                association.send((host, proxy.port), b"x")
                association.expect_silence()
            assert summary(proxy) == "up=0 down=0, dropped=1 (blocked=1)"
            assert not v4.payloads and not v6.payloads


def test_it_ends_with_the_connection(io):
    with UdpEcho() as target, Proxy(UDP, io=io, loglevel=6) as proxy:
        before = proxy.fd_count()
        with Association(proxy.address) as association:
            association.ask(target.address, b"x")
            association.control.close()
            net.wait_for(lambda: proxy.fd_count() == before, "the sockets to be closed")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
                again.bind(association.relay)  # the port is free


def test_a_reset_ends_it_too(io):
    with Proxy(UDP, io=io) as proxy:
        before = proxy.fd_count()
        with Association(proxy.address) as association:
            net.reset(association.control)
            net.wait_for(lambda: proxy.fd_count() == before, "the sockets to be closed")


def test_bytes_on_the_connection_are_ignored_up_to_a_bound(io):
    with UdpEcho() as target, Proxy(UDP, io=io) as proxy:
        with Association(proxy.address) as association:
            association.control.sendall(b"x" * 60000)
            assert association.ask(target.address, b"x") == b"x"
            association.control.sendall(b"x" * 10000)
            net.expect_closed(association.control)
        proxy.wait_log(r"too many bytes on the TCP connection")


def test_the_timeout_does_not_end_it(io):
    with UdpEcho() as target, Proxy(UDP, "-t", "5", io=io) as proxy:
        with Association(proxy.address) as association:
            net.expect_silence(association.control, 5.5)
            assert association.ask(target.address, b"x") == b"x"


def test_shutdown_ends_associations(io):
    with UdpEcho() as target, Proxy(UDP, io=io) as proxy:
        with Association(proxy.address) as association:
            association.ask(target.address, b"x")
            proxy.stop()
            net.expect_closed(association.control)


def test_a_flood_stays_in_bounded_memory(io):
    """Four senders as fast as they can: what is too much is dropped, not kept."""
    with Dns({"never.test": Name(drop=True)}) as dns, UdpEcho() as target:
        with Proxy(UDP, "-4", "--nameserver", dns.address_text, io=io) as proxy:
            with Association(proxy.address) as association:
                association.ask(target.address, b"x")
                before = proxy.rss()
                floods = [header(*target.address) + b"x" * 30000,
                          header("never.test", 9) + b"x" * 1000,
                          header(*target.address, 1) + b"x" * 60000,
                          struct.pack("!I", 2) + b"x" * 60000]

                def flood(datagram):
                    for _ in range(3000):
                        association.socket.sendto(datagram, association.relay)

                threads = [threading.Thread(target=flood, args=(one,)) for one in floods]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                limit = 4 << 20 if sanitizer() is None else 64 << 20
                assert proxy.rss() - before < limit
            proxy.wait_log(r"closed, .*; datagrams ")


def test_five_hundred_at_once(io):
    with UdpEcho() as target, Proxy(UDP, io=io) as proxy:
        before = proxy.fd_count()
        associations = [Association(proxy.address) for _ in range(500)]
        for start in range(0, 500, 50):  # no more than the target's buffer holds
            some = range(start, start + 50)
            for index in some:
                associations[index].send(target.address, b"%d" % index)
            for index in some:
                assert associations[index].receive()[2] == b"%d" % index
        for association in associations:
            association.close()
        net.wait_for(lambda: proxy.fd_count() == before, "all sockets to be closed")
        net.wait_for(lambda: proxy.count_log(r"datagrams up=1 down=1$") == 500, "500 lines")


def has_room(proxy):
    try:
        Association(proxy.address).close()
        return True
    except (clients.Refused, ConnectionError, net.Ended):
        return False


def test_sessions_are_counted(io):
    with Proxy(UDP, "-m", "1", io=io) as proxy:
        with Association(proxy.address):
            with net.connect(proxy.address) as second:
                net.expect_closed(second)
        net.wait_for(lambda: "closed, " in proxy.text(), "the first to end")
        net.wait_for(lambda: has_room(proxy), "the place of the first")


def test_running_out_of_descriptors_hurts_nobody_who_is_there(io):
    """An association counts as three: the next is refused or waits, and there is room again."""
    with UdpEcho() as target, Proxy(UDP, "--threads", "1", io=io, nofile=160) as proxy:
        for _ in range(2):
            associations = []
            while len(associations) < 160:
                try:
                    patience = 1.0 * net.SCALE if len(associations) >= 20 else None
                    associations.append(Association(proxy.address, patience=patience))
                except (clients.Refused, TimeoutError, ConnectionError, net.Ended):
                    break
            assert 20 <= len(associations) < 54, len(associations)
            for association in associations:
                assert association.ask(target.address, b"x") == b"x"
                association.close()

            net.wait_for(lambda: has_room(proxy), "service to come back")
