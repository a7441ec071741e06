"""The PROXY protocol: believed from the peers that are named, and told to forward targets."""

import ipaddress
import socket
import struct

import pytest

from support import clients, data, net
from support.peers import haproxy
from support.proxy import Proxy
from support.servers import Server

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT, TARGET = ("192.0.2.7", 5000), ("198.51.100.2", 443)


def v1(source=CLIENT, target=TARGET):
    return f"PROXY TCP4 {source[0]} {target[0]} {source[1]} {target[1]}\r\n".encode()


def v2(source=CLIENT, target=TARGET):
    block = (ipaddress.ip_address(source[0]).packed + ipaddress.ip_address(target[0]).packed
             + struct.pack("!HH", source[1], target[1]))
    return SIGNATURE + b"\x21\x11" + struct.pack("!H", len(block)) + block


HEADERS = {"v1": v1, "v2": v2}


@pytest.mark.parametrize("cut", ["whole", "with the request", "byte by byte"])
@pytest.mark.parametrize("version", HEADERS)
def test_client_of_a_header_is_the_one_in_the_log(io, echo, version, cut):
    with Proxy("--proxy-protocol-in", "127.0.0.0/8", io=io) as proxy:
        with net.connect(proxy.address) as sock:
            greeting = clients.socks5_greeting(0)
            if cut == "with the request":
                sock.sendall(HEADERS[version]() + greeting)
            else:
                header = HEADERS[version]()
                step = 1 if cut == "byte by byte" else len(header)
                for start in range(0, len(header), step):
                    sock.sendall(header[start:start + step])
                    net.until_read(sock)
                sock.sendall(greeting)
            assert net.recv_exact(sock, 2) == b"\5\0"
            sock.sendall(clients.socks5_request(*echo.address))
            assert net.recv_exact(sock, 10)[:2] == b"\5\0"
            data.ping(sock)
        proxy.wait_log(r"192\.0\.2\.7:5000 -> .*: closed, up=4 down=4")


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x20\0\0\0"],
                         ids=["v1", "v2"])
def test_a_peer_may_speak_for_itself(io, echo, header):
    with Proxy("--proxy-protocol-in", "127.0.0.1", io=io) as proxy:
        with net.connect(proxy.address) as sock:
            sock.sendall(header + clients.socks5_greeting(0))
            assert net.recv_exact(sock, 2) == b"\5\0"
            sock.sendall(clients.socks5_request(*echo.address))
            assert net.recv_exact(sock, 10)[:2] == b"\5\0"
        proxy.wait_log(r"\] 127\.0\.0\.1:\d+ -> .*: closed")


@pytest.mark.parametrize("sent", [b"\5\1\0", b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP9 a b c d\r\n",
                                  SIGNATURE + b"\x31\x11\0\0", b"PROXY " + b"x" * 200])
def test_a_peer_that_must_and_does_not_is_closed(io, sent):
    with Proxy("--proxy-protocol-in", "127.0.0.1", io=io) as proxy:
        with net.connect(proxy.address) as sock:
            sock.sendall(sent)
            net.expect_closed(sock)
        proxy.wait_log(r"^E .*PROXY")


def test_others_are_not_believed(io):
    """A header from a stranger is bytes like any other: not SOCKS, and no method of HTTP's."""
    with Proxy("--proxy-protocol-in", "192.0.2.0/24", "--no-mixed", io=io) as proxy:
        with net.connect(proxy.address) as sock:
            sock.sendall(v1() + clients.socks5_greeting(0))
            net.expect_closed(sock)
        assert "192.0.2.7" not in proxy.text()


def test_others_need_none(io, echo):
    with Proxy("--proxy-protocol-in", "192.0.2.0/24", io=io) as proxy:
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)


def read_header(sock):
    """What a target is told: (source, destination)."""
    first = net.recv_exact(sock, 6)
    if first == b"PROXY ":
        line = first
        while not line.endswith(b"\r\n"):
            line += net.recv_exact(sock, 1)
        _, family, source, destination, sport, dport = line.decode().split()
        assert family == "TCP4"
        return (source, int(sport)), (destination, int(dport))
    rest = net.recv_exact(sock, 10)
    assert first + rest[:6] == SIGNATURE and rest[6:8] == b"\x21\x11"
    block = net.recv_exact(sock, struct.unpack("!H", rest[8:])[0])
    sport, dport = struct.unpack("!HH", block[8:12])
    return ((socket.inet_ntoa(block[:4]), sport), (socket.inet_ntoa(block[4:8]), dport))


@pytest.mark.parametrize("relay", [[], ["--pipe"], ["--no-pipe"]], ids=["adaptive", "pipe", "copy"])
@pytest.mark.parametrize("version", HEADERS)
def test_forward_target_learns_who_the_client_is(io, version, relay):
    told = []

    def target(sock):
        told.append(read_header(sock))
        while block := sock.recv(65536):
            sock.sendall(block)

    with Server(target) as server:
        with Proxy("-f", f"127.0.0.1:{server.port}", "--proxy-protocol-out", version, *relay,
                   io=io) as proxy:
            with net.connect(proxy.address) as sock:
                client = sock.getsockname()
                data.ping(sock)
            assert told == [(client, proxy.address)]
            # The header is not the client's.
            proxy.wait_log(r": closed, up=4 down=4")


def test_a_chain_of_announcements_keeps_the_client(io):
    """in, then out: the target learns of the first client, and where that one had connected."""
    told = []

    def target(sock):
        told.append(read_header(sock))
        assert net.recv_exact(sock, 5) == b"early"  # closed unread, it would be a reset
        sock.sendall(b"done")

    with Server(target) as server:
        with Proxy("-f", f"127.0.0.1:{server.port}", "--proxy-protocol-in", "127.0.0.1",
                   "--proxy-protocol-out", "v2", io=io) as proxy:
            with net.connect(proxy.address) as sock:
                sock.sendall(v1() + b"early")
                assert net.recv_exact(sock, 4) == b"done"
    assert told == [(CLIENT, TARGET)]


@pytest.mark.parametrize("version", ["send-proxy", "send-proxy-v2"])
def test_haproxy_in_front_of_us(io, echo, version):
    with Proxy("--proxy-protocol-in", "127.0.0.1", io=io) as proxy:
        with haproxy(proxy.address, version) as front:
            with clients.open_tunnel(front.address, echo.address) as sock:
                port = sock.getsockname()[1]
                data.ping(sock)
        proxy.wait_log(rf"127\.0\.0\.1:{port} -> .*: closed")
