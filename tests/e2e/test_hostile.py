"""Garbage from the network: nothing crashes, hangs, leaks or stops serving others."""

import pytest

from support import clients, data, net
from support.dns import Dns, Name
from support.proxy import Proxy
from support.servers import Server
from support.servers import echo as echo_handler

CLIENTS = 150


def still_serves(proxy, echo):
    for kind in ("socks5", "http"):
        with clients.open_tunnel(proxy.address, echo.address, kind) as sock:
            data.ping(sock)


def throw(proxy, blobs):
    """Each blob on a connection of its own, all open at once; then half of them reset."""
    socks = []
    for blob in blobs:
        sock = net.connect(proxy.address)
        try:
            sock.sendall(blob)
        except (ConnectionResetError, BrokenPipeError):
            pass
        socks.append(sock)
    for index, sock in enumerate(socks):
        net.reset(sock) if index % 2 else sock.close()


def settle(proxy, before):
    """All is closed again; a few sockets of the resolver may stay."""
    net.wait_for(lambda: proxy.fd_count("socket") <= before + 4, lambda:
                 f"descriptors to be closed: {proxy.fd_count('socket')}, were {before}")


@pytest.mark.threads
@pytest.mark.parametrize("options", [[], ["--http"]], ids=["mixed", "http"])
def test_random_bytes(io, echo, rng, options):
    with Proxy(*options, io=io) as proxy:
        before = proxy.fd_count("socket")
        throw(proxy, [rng.randbytes(rng.randrange(1, 3000)) for _ in range(CLIENTS)])
        settle(proxy, before)
        if not options:
            still_serves(proxy, echo)


def test_random_bytes_behind_a_good_start(io, echo, rng):
    starts = [b"\5\1\0", b"\5\1\2", b"\5\1\0\5\1\0", b"\4\1", b"\4\1\0\1\0\0\0\1",
              b"CONNECT ", b"CONNECT a:1 HTTP/1.1\r\n", b"GET ", b"\5\1\0\5\1\0\3\xff"]
    with Proxy(io=io) as proxy:
        before = proxy.fd_count("socket")
        throw(proxy, [rng.choice(starts) + rng.randbytes(rng.randrange(1, 300))
                      for _ in range(CLIENTS)])
        settle(proxy, before)
        still_serves(proxy, echo)


def test_good_requests_with_a_flipped_byte(io, echo, rng):
    """Whatever address or name comes out of it, this program may reach loopback only."""
    # Nor a server of another test: it has none at this address, whatever becomes of the port.
    host = "127.9.8.7"
    with Server(echo_handler, host) as target, Dns({"target.test": Name([host])}) as dns, \
            Proxy("--block-outbound", "multicast,global", "--nameserver", dns.address_text,
                  io=io) as proxy:
        goods = [clients.socks5_greeting(0) + clients.socks5_request(host, target.port),
                 clients.socks4a_request("target.test", target.port, b"u"),
                 clients.http_request(host, target.port, ("u", "p"))]
        before = proxy.fd_count("socket")
        blobs = []
        for _ in range(CLIENTS):
            blob = bytearray(rng.choice(goods))
            blob[rng.randrange(len(blob))] ^= 1 << rng.randrange(8)
            blobs.append(bytes(blob))
        throw(proxy, blobs)
        settle(proxy, before)
        still_serves(proxy, echo)


def test_thousand_connections_that_say_nothing(io, echo):
    with Proxy(io=io) as proxy:
        before = proxy.fd_count("socket")
        socks = [net.connect(proxy.address) for _ in range(1000)]
        still_serves(proxy, echo)
        for sock in socks:
            sock.close()
        settle(proxy, before)


def test_client_that_never_reads_its_refusal(io, echo):
    """Many requests pipelined, none of the answers read."""
    with Proxy(io=io) as proxy:
        before = proxy.fd_count("socket")
        socks = []
        for _ in range(50):
            sock = net.connect(proxy.address)
            sock.sendall(b"GET http://x/ HTTP/1.1\r\n\r\n" * 2000)
            socks.append(sock)
        still_serves(proxy, echo)
        for sock in socks:
            sock.close()
        settle(proxy, before)
