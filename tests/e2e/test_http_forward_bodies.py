"""Bodies: exact whatever their framing, and no more of them in memory than a buffer holds."""

import hashlib
import socket
import threading

import pytest

from support import net
from support.http_origin import read_body, read_head, request
from support.proxy import Proxy, sanitizer
from support.servers import Server

BIG = 100_000_000
FRAMINGS = ["length", "chunked", "close"]


class Stream:
    """The same endless random-looking bytes again and again, cheap to make and to check."""

    def __init__(self, rng):
        self._block = rng.randbytes(1 << 20)

    def pieces(self, size, piece=1 << 16):
        block = self._block
        for at in range(0, size, piece):
            start = at % (len(block) - piece)
            yield block[start:start + min(piece, size - at)]

    def digest(self, size):
        hash_ = hashlib.sha256()
        for piece in self.pieces(size):
            hash_.update(piece)
        return hash_.hexdigest()


def send_body(sock, pieces, framing):
    for piece in pieces:
        sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if framing == "chunked" else piece)
    if framing == "chunked":
        sock.sendall(b"0\r\n\r\n")


def digest_of_body(sock, head):
    """Reads a body as it comes and hashes it: 100 MB need not be held."""
    hash_ = hashlib.sha256()
    stream = sock.makefile("rb", 1 << 18)
    if head.get("Transfer-Encoding"):
        while size := int(stream.readline(), 16):
            left = size
            while left:
                piece = stream.read1(min(left, 1 << 18))
                assert piece, "the body ends early"
                hash_.update(piece)
                left -= len(piece)
            assert stream.read(2) == b"\r\n"
        assert stream.read(2) == b"\r\n"
    else:
        left = int(head.get("Content-Length")[0]) if head.get("Content-Length") else 1 << 62
        while left and (piece := stream.read1(min(left, 1 << 18))):
            hash_.update(piece)
            left -= len(piece)
    return hash_.hexdigest()


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_downloads_are_exact(io, framing, version, rng):
    size = BIG if version == "1.1" else BIG // 10
    stream = Stream(rng)
    fields = {"length": b"Content-Length: %d\r\n" % size,
              "chunked": b"Transfer-Encoding: chunked\r\n", "close": b""}[framing]

    def origin(sock):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n")
        send_body(sock, stream.pieces(size), framing)

    with Server(origin) as server, Proxy(io=io) as proxy, net.connect(proxy.address) as client:
        client.sendall(request(server, version=version))
        assert digest_of_body(client, read_head(client)) == stream.digest(size)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_uploads_are_exact(io, framing, rng):
    stream = Stream(rng)
    field = {"length": f"Content-Length: {BIG}", "chunked": "Transfer-Encoding: chunked"}[framing]

    def origin(sock):
        digest = digest_of_body(sock, read_head(sock)).encode()
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(digest), digest))

    with Server(origin) as server, Proxy(io=io) as proxy, net.connect(proxy.address) as client:
        client.sendall(request(server, "POST", "/", [field]))
        send_body(client, stream.pieces(BIG), framing)
        head = read_head(client)
        assert read_body(client, head).decode() == stream.digest(BIG)
        assert not head.get("Connection")


def test_both_directions_at_once(io, rng):
    """An echo that answers while it still reads."""
    size = BIG // 5
    stream = Stream(rng)

    def origin(sock):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        left = size
        while left:
            piece = sock.recv(1 << 16)
            sock.sendall(piece)
            left -= len(piece)

    with Server(origin) as server, Proxy(io=io) as proxy, net.connect(proxy.address) as client:
        client.sendall(request(server, "POST", "/", [f"Content-Length: {size}"]))
        sender = threading.Thread(target=send_body,
                                  args=(client, stream.pieces(size), "length"))
        sender.start()
        assert digest_of_body(client, read_head(client)) == stream.digest(size)
        sender.join()


def test_tiny_chunks(io):
    body = bytes(range(256)) * 20

    def origin(sock):
        head = read_head(sock)
        got = read_body(sock, head)
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        send_body(sock, (got[i:i + 1] for i in range(len(got))), "chunked")

    with Server(origin) as server, Proxy(io=io) as proxy, net.connect(proxy.address) as client:
        client.sendall(request(server, "POST", "/", ["Transfer-Encoding: chunked"]))
        send_body(client, (body[i:i + 1] for i in range(len(body))), "chunked")
        assert read_body(client, read_head(client)) == body


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_slow_reader_stops_its_peer(io, direction):
    """What waits is in the kernel's buffers; our memory does not grow."""
    gate = threading.Event()
    taken = []

    def push(sock):
        sock.settimeout(0.5)
        block = bytes(1 << 16)
        try:
            while True:
                taken.append(sock.send(block))
        except TimeoutError:
            gate.set()

    def origin(sock):
        read_head(sock)
        if direction == "up":
            gate.wait(net.DEADLINE)
            return
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        push(sock)
        gate.wait(net.DEADLINE)

    with Server(origin) as server, Proxy(io=io) as proxy:
        with net.connect(proxy.address, rcvbuf=1 << 16) as client:
            before = proxy.rss()
            if direction == "up":
                client.sendall(request(server, "POST", "/", ["Transfer-Encoding: chunked"]))
                body = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
                client.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    while True:
                        taken.append(client.send(body * 4))  # cut anywhere: never finished
                        if taken[-1] != len(body) * 4:
                            raise TimeoutError
            else:
                client.sendall(request(server))
                read_head(client)
                assert gate.wait(net.DEADLINE)
            assert sum(taken) < 64 << 20
            if not sanitizer():
                assert proxy.rss() - before < 4 << 20
            gate.set()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
