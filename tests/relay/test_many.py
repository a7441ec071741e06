"""A thousand tunnels at once, each with its own data."""

import contextlib

import pytest

from support import clients, data, net
from support.proxy import Proxy

TUNNELS = 1000


@pytest.mark.threads
def test_thousand_tunnels(io, engine, echo_process, rng):
    payload = rng.randbytes(1 << 20)

    def slice_(number, size):
        start = (number * 7919) % (len(payload) - size)
        return payload[start:start + size]

    with Proxy(*engine, io=io) as proxy, contextlib.ExitStack() as stack:
        before = proxy.fd_count("socket")
        socks = [stack.enter_context(clients.open_tunnel(proxy.address, echo_process.address))
                 for _ in range(TUNNELS)]
        for size in (1, 700, 30_000):
            # All are sent before any is received: all tunnels are busy together.
            for number, sock in enumerate(socks):
                sock.sendall(slice_(number, size))
            for number, sock in enumerate(socks):
                data.compare(net.recv_exact(sock, size), slice_(number, size))
        for sock in socks:
            sock.close()
        net.wait_for(lambda: proxy.fd_count("socket") <= before, "all sockets to be closed")


@pytest.mark.threads
def test_many_short_sessions(io, engine, echo_process, rng):
    """Eight clients, 150 sessions each, one after the other."""
    def client(seed):
        for number in range(150):
            kind = clients.KINDS[(seed + number) % len(clients.KINDS)]
            with clients.open_tunnel(proxy.address, echo_process.address, kind) as sock:
                data.ping(sock, b"%d of %d" % (number, seed))

    with Proxy(*engine, io=io, loglevel=4) as proxy:
        for thread in [data.Background(client, seed) for seed in range(8)]:
            thread.join()
