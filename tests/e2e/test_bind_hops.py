"""SOCKS5 BIND through SOCKS5 hops: both replies are those of the last one."""

import pytest

from support import clients, net, udp
from support.hops import Hop
from support.proxy import Proxy
from support.udp import command

BIND = "--enable-socks5-bind"


@pytest.fixture(scope="module")
def danted(workdir):
    with udp.danted(workdir) as peer:
        yield peer


def url(proxy):
    return "socks5://{}:{}".format(*proxy.address)


def wait_and_connect(proxy, host="127.0.0.1"):
    with command(proxy.address, 2, host, 0) as sock:
        reply = clients.read_socks5_reply(sock)
        assert reply.code == 0
        with net.connect((reply.host, reply.port)) as peer:
            second = clients.read_socks5_reply(sock)
            assert (second.code, second.host, second.port) == (0, *peer.getsockname())
            peer.sendall(b"to the client")
            assert net.recv_exact(sock, 13) == b"to the client"
            sock.sendall(b"to the peer")
            assert net.recv_exact(peer, 11) == b"to the peer"


def test_through_one_and_two_hops_of_our_own(io):
    with Proxy(BIND, io=io) as last, Proxy(BIND, "-x", url(last), io=io) as one:
        wait_and_connect(one)
        with Proxy(io=io) as first, \
                Proxy(BIND, "-x", f"{url(first)},{url(last)}", io=io) as two:
            wait_and_connect(two)


def test_through_danted(io, danted):
    with Proxy(BIND, "-x", danted.url(), io=io) as proxy:
        wait_and_connect(proxy)


@pytest.mark.parametrize("hops", ["http://127.0.0.1:9", "socks4a://127.0.0.1:9",
                                  "http://127.0.0.1:9,socks5://127.0.0.1:9"])
def test_other_hops_are_refused(io, hops):
    with Proxy(BIND, "-x", hops, io=io) as proxy, command(proxy.address, 2) as sock:
        assert clients.read_socks5_reply(sock).code == 7


def test_a_hop_that_can_not_is_told_as_such(io, microsocks):
    with Proxy(BIND, "-x", microsocks.url(), io=io) as proxy:
        with command(proxy.address, 2) as sock:
            assert clients.read_socks5_reply(sock).code == 7


FIRST = b"\5\0\0\1\xc0\0\2\1\x12\x34"
SECOND = b"\5\0\0\4" + bytes(15) + b"\1\x43\x21"


def test_both_replies_are_passed_on(io):
    """In one segment with what the peer says; names and addresses as they were asked for."""
    with Hop("socks5", reply=FIRST + SECOND + b"banner") as hop:
        with Proxy(BIND, "-x", hop.url(), io=io) as proxy:
            with command(proxy.address, 2, "far.test", 21) as sock:
                for expected in ((0, "192.0.2.1", 0x1234), (0, "::1", 0x4321)):
                    reply = clients.read_socks5_reply(sock)
                    assert (reply.code, reply.host, reply.port) == expected
                assert net.recv_exact(sock, 6) == b"banner"
                assert hop.messages[0][-1] == b"\5\2\0\3\x08far.test\0\x15"


def test_an_unspecified_address_is_the_hops(io):
    with Hop("socks5", reply=b"\5\0\0\1\0\0\0\0\x12\x34") as hop:
        with Proxy(BIND, "-x", hop.url(), io=io) as proxy, command(proxy.address, 2) as sock:
            reply = clients.read_socks5_reply(sock)
            assert (reply.code, reply.host, reply.port) == (0, hop.host, 0x1234)


@pytest.mark.parametrize("second,code", [(b"\5\6", 6), (b"\5\1", 1), (b"", 1), (b"\5\0\0", 1)])
def test_a_second_reply_that_says_no(io, second, code):
    def then(sock):
        sock.sendall(second)

    with Hop("socks5", reply=FIRST, then=then) as hop:
        with Proxy(BIND, "-x", hop.url(), io=io) as proxy:
            before = proxy.fd_count()
            with command(proxy.address, 2) as sock:
                assert clients.read_socks5_reply(sock).code == 0
                reply = clients.read_socks5_reply(sock)
                assert (reply.code, reply.host, reply.port) == (code, "192.0.2.1", 0x1234)
            net.wait_for(lambda: proxy.fd_count() == before, "the sockets to be closed")


def test_the_client_hangs_up(io):
    with Hop("socks5", reply=FIRST, then=lambda sock: net.recv_all(sock)) as hop:
        with Proxy(BIND, "-x", hop.url(), io=io) as proxy:
            before = proxy.fd_count()
            with command(proxy.address, 2) as sock:
                assert clients.read_socks5_reply(sock).code == 0
            net.wait_for(lambda: proxy.fd_count() == before, "the sockets to be closed")
