"""What a tunnel costs: two descriptors, and no pipe once its traffic has stopped."""

import pytest

from support import data, net

# Both ends of the pipes that one loop keeps for reuse.
POOLED = 32
TUNNELS = 40


def test_idle_tunnel_is_two_descriptors(proxy, tunnel):
    """Small messages only: nothing but the two sockets, unless splice was asked for."""
    before, pooled = proxy.fd_count("socket"), proxy.fd_count("pipe")
    client, target = tunnel()
    for _ in range(5):
        client.sendall(b"x")
        assert net.recv_exact(target, 1) == b"x"
        target.sendall(b"y")
        assert net.recv_exact(client, 1) == b"y"
    assert proxy.fd_count("socket") == before + 2
    allowed = POOLED if "--pipe" in proxy.argv else 0
    net.wait_for(lambda: proxy.fd_count("pipe") <= pooled + allowed, "the pipes to be given back")


def test_pipes_are_given_back(proxy, tunnel, rng):
    """Forty tunnels that each moved bulk both ways hold no pipes when idle: what is left is the
    loop's small pool, not two pipes a tunnel."""
    sockets, pipes = proxy.fd_count("socket"), proxy.fd_count("pipe")
    payload = rng.randbytes(1 << 20)
    tunnels = []
    for _ in range(TUNNELS):
        pair = tunnel()
        data.exchange(*pair, payload, payload, ends=False)
        tunnels.append(pair)
    net.wait_for(lambda: proxy.fd_count("pipe") <= pipes + POOLED, lambda:
                 f"pipes to be given back: {proxy.fd_count('pipe') - pipes} held")
    assert proxy.fd_count("socket") == sockets + 2 * TUNNELS
    for client, target in tunnels:  # and they all work on
        client.sendall(b"again")
        assert net.recv_exact(target, 5) == b"again"


def test_copying_never_makes_a_pipe(io, rng, listener):
    from support import clients
    from support.proxy import Proxy
    with Proxy("--no-pipe", "--threads", "1", io=io) as proxy:
        before, pipes = proxy.fd_count(), proxy.fd_count("pipe")
        with clients.open_tunnel(proxy.address, listener.address) as client, \
                listener.accept() as target:
            payload = rng.randbytes(4 << 20)
            data.exchange(client, target, payload, payload, ends=False)
            assert proxy.fd_count("pipe") == pipes
            assert proxy.fd_count() == before + 2


@pytest.mark.parametrize("ending", ["close", "reset"])
def test_pipes_do_not_leak_when_tunnels_end_in_mid_stream(proxy, tunnel, ending):
    """Stalled with full pipes, then gone: the pipes must not be kept, nor their bytes reused."""
    pipes = proxy.fd_count("pipe")
    sockets = proxy.fd_count("socket")
    pairs = [tunnel(rcvbuf=4096) for _ in range(TUNNELS)]
    for client, target in pairs:
        target.setblocking(False)
        try:
            while True:
                target.send(bytes(1 << 20))
        except BlockingIOError:
            pass
        target.settimeout(net.DEADLINE)
        net.reset(client) if ending == "reset" else client.close()
        target.close()
    net.wait_for(lambda: proxy.fd_count("socket") <= sockets, "the sockets to be closed")
    net.wait_for(lambda: proxy.fd_count("pipe") <= pipes + POOLED, "the pipes to be closed")
    client, target = tunnel()
    data.exchange(client, target, b"fresh" * 100_000, b"clean" * 100_000)
