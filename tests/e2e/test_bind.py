"""SOCKS5 BIND: a peer connects to a port that the client asked for."""

import contextlib
import socket

import pytest

from support import clients, net
from support.dns import Dns, Name
from support.proxy import Proxy
from support.servers import Server
from support.udp import command

BIND = "--enable-socks5-bind"


@contextlib.contextmanager
def waiting(proxy, host="0.0.0.0", port=0):
    """A client whose BIND waits, and the address where it does."""
    with command(proxy, 2, host, port) as sock:
        reply = clients.read_socks5_reply(sock)
        if reply.code:
            raise clients.Refused(reply.code)
        yield sock, (reply.host, reply.port)


def expect_peer(sock, peer):
    reply = clients.read_socks5_reply(sock)
    assert (reply.code, reply.host, reply.port) == (0, *peer.getsockname()[:2])


def from_address(host, target):
    """A connection to target from this local address."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    net.prepare(sock).bind((host, 0))
    sock.connect(target)
    return sock


def test_is_refused_unless_enabled(io):
    with Proxy("--enable-socks5-udp", io=io) as proxy, command(proxy.address, 2) as sock:
        assert clients.read_socks5_reply(sock).code == 7


@pytest.mark.parametrize("via", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "127.0.0.1", "::1", "localhost"])
def test_a_peer_connects(io, via, host):
    with Proxy(BIND, io=io, listen="[::]:0") as proxy:
        with waiting((via, proxy.port), host) as (sock, address):
            expected = via if host in ("0.0.0.0", "::") else address[0] if host == "localhost" \
                else host
            assert address[0] == expected and address[1] != 0
            with net.connect(address) as peer:
                expect_peer(sock, peer)
                peer.sendall(b"to the client")
                assert net.recv_exact(sock, 13) == b"to the client"
                sock.sendall(b"to the peer")
                assert net.recv_exact(peer, 11) == b"to the peer"
                peer.close()
                net.expect_end(sock)


def test_bytes_sent_while_waiting_reach_the_peer(io):
    with Proxy(BIND, io=io) as proxy, waiting(proxy.address) as (sock, address):
        sock.sendall(b"early")
        with net.connect(address) as peer:
            expect_peer(sock, peer)
            assert net.recv_exact(peer, 5) == b"early"


def test_a_name_is_the_expected_peer(io):
    with Dns({"peer.test": Name(["127.0.0.5", "127.0.0.1"])}) as dns:
        with Proxy(BIND, "-4", "--nameserver", dns.address_text, io=io) as proxy:
            with waiting(proxy.address, "peer.test", 21) as (sock, address):
                with net.connect(address) as peer:
                    expect_peer(sock, peer)


def test_a_wrong_peer_is_closed_and_the_wait_goes_on(io):
    with Proxy(BIND, io=io) as proxy, waiting(proxy.address, "127.0.0.1", 20) as (sock, address):
        for _ in range(30):
            with from_address("127.0.0.2", address) as stranger:
                net.expect_closed(stranger)
        net.expect_silence(sock, 0.1)
        with from_address("127.0.0.1", address) as peer:
            expect_peer(sock, peer)


def test_only_one_peer_is_let_in(io):
    with Proxy(BIND, io=io) as proxy, waiting(proxy.address) as (sock, address):
        with net.connect(address) as peer:
            expect_peer(sock, peer)
            assert net.refused(address)


@pytest.mark.parametrize("words,host,code", [
    ("loopback", "127.0.0.1", 2), ("loopback", "::1", 2), ("multicast", "224.0.0.1", 2),
    ("loopback", "no.test", 4)])
def test_peers_that_may_not_be_are_refused(io, words, host, code):
    with Dns({}) as dns, Proxy(BIND, "--block-outbound", words, "--nameserver",
                               dns.address_text, io=io) as proxy:
        with pytest.raises(clients.Refused) as refusal, waiting(proxy.address, host):
            pass
        assert refusal.value.code == code


def test_a_blocked_peer_is_closed(io):
    with Proxy(BIND, "--block-outbound", "loopback", io=io) as proxy:
        with waiting(proxy.address) as (sock, address), net.connect(address) as peer:
            net.expect_closed(peer)
            net.expect_silence(sock, 0.1)


def test_nobody_comes(io):
    """06 with the port that was bound, and the port is closed."""
    with Proxy(BIND, "-t", "5", io=io) as proxy:
        before = proxy.fd_count()
        with waiting(proxy.address) as (sock, address):
            reply = clients.read_socks5_reply(sock)
            assert (reply.code, reply.host, reply.port) == (6, *address)
            net.expect_end(sock)
        assert net.refused(address)
        net.wait_for(lambda: proxy.fd_count() == before, "the sockets to be closed")


@pytest.mark.parametrize("leave", [lambda sock: sock.close(), net.reset])
def test_the_client_hangs_up(io, leave):
    with Proxy(BIND, io=io) as proxy:
        before = proxy.fd_count()
        with waiting(proxy.address) as (sock, address):
            leave(sock)
            net.wait_for(lambda: proxy.fd_count() == before, "the sockets to be closed")
            assert net.refused(address)


def test_shutdown_ends_the_wait(io):
    with Proxy(BIND, io=io) as proxy, waiting(proxy.address) as (sock, _):
        proxy.stop()
        net.expect_closed(sock)


def ftp_server(content):
    """PORT as in FTP: the client says where it waits, the server connects there and sends."""

    def handler(sock):
        sock.sendall(b"220 ready\r\n")
        line = net.recv_until(sock, b"\r\n").decode()
        assert line.startswith("PORT ")
        numbers = [int(word) for word in line[5:].split(",")]
        sock.sendall(b"200 PORT\r\n")
        assert net.recv_until(sock, b"\r\n") == b"RETR file\r\n"
        sock.sendall(b"150 opening\r\n")
        address = (".".join(map(str, numbers[:4])), numbers[4] << 8 | numbers[5])
        with net.connect(address) as transfer:
            transfer.sendall(content)
        sock.sendall(b"226 done\r\n")

    return handler


def test_active_ftp(io, rng):
    content = rng.randbytes(300_000)
    with Server(ftp_server(content)) as server, Proxy(BIND, io=io) as proxy:
        with clients.open_tunnel(proxy.address, server.address) as control:
            assert net.recv_until(control, b"\r\n") == b"220 ready\r\n"
            with waiting(proxy.address, *server.address) as (transfer, (host, port)):
                words = [*host.split("."), str(port >> 8), str(port & 255)]
                control.sendall(f"PORT {','.join(words)}\r\n".encode())
                assert net.recv_until(control, b"\r\n") == b"200 PORT\r\n"
                control.sendall(b"RETR file\r\n")
                assert net.recv_until(control, b"\r\n") == b"150 opening\r\n"
                reply = clients.read_socks5_reply(transfer)
                assert (reply.code, reply.host) == (0, server.host)
                assert net.recv_all(transfer) == content
            assert net.recv_until(control, b"\r\n") == b"226 done\r\n"
