"""A client that hangs up while we dial for it cancels the dial."""

import pytest

from support import clients, net
from support.dns import Dns, Name
from support.proxy import Proxy
from support.servers import Blackhole

WAYS = {"in order": lambda sock: sock.close(), "by reset": net.reset}


def hang_up(proxy, target, way, dialling):
    """Asks for target, waits until the dial is under way, leaves; everything is closed soon."""
    before = proxy.fd_count("socket")
    sock = net.connect(proxy.address)
    port = sock.getsockname()[1]
    sock.sendall(clients.socks5_greeting(0) + clients.socks5_request(*target))
    assert net.recv_exact(sock, 2) == b"\5\0"
    net.wait_for(dialling, "the dial to begin")
    mark = proxy.mark()
    WAYS[way](sock)
    # T is sixty seconds: only the hang-up can end it now.
    proxy.wait_log(rf"\[\d+\] 127\.0\.0\.1:{port}\b", after=mark)
    net.wait_for(lambda: proxy.fd_count("socket") <= before + 2, "the sockets to be closed")


@pytest.mark.parametrize("way", WAYS)
def test_while_connecting(io, way):
    with Blackhole() as hole, Proxy("--threads", "1", io=io) as proxy:
        idle = proxy.fd_count("socket")
        hang_up(proxy, hole.address, way, lambda: proxy.fd_count("socket") >= idle + 2)
        net.wait_for(lambda: proxy.fd_count("socket") == idle, "both sockets to be closed")


@pytest.mark.parametrize("way", WAYS)
def test_while_resolving(io, way):
    with Dns({"silent.test": Name(drop=True)}) as dns, \
            Proxy("--threads", "1", "--nameserver", dns.address_text, io=io) as proxy:
        hang_up(proxy, ("silent.test", 80), way, lambda: dns.asked("silent.test"))


@pytest.mark.parametrize("way", WAYS)
def test_while_a_hop_thinks(io, listener, way):
    """The hop learns it too: its connection ends."""
    with Proxy("--threads", "1", "-x", f"socks5://127.0.0.1:{listener.port}", io=io) as proxy:
        hops = []

        def dialling():
            hops.append(listener.accept())
            return net.recv_exact(hops[0], 3) == b"\5\1\0"

        hang_up(proxy, ("far.test", 80), way, dialling)
        net.expect_closed(hops[0])
        hops[0].close()


@pytest.mark.threads
def test_a_hundred_hang_up_together(io):
    with Blackhole() as hole, Proxy(io=io) as proxy:
        before = proxy.fd_count("socket")
        socks = []
        for _ in range(100):
            sock = net.connect(proxy.address)
            sock.sendall(clients.socks5_greeting(0) + clients.socks5_request(*hole.address))
            socks.append(sock)
        net.wait_for(lambda: proxy.fd_count("socket") >= before + 200, "the dials to begin")
        for number, sock in enumerate(socks):
            net.reset(sock) if number % 2 else sock.close()
        net.wait_for(lambda: proxy.fd_count("socket") <= before, "the sockets to be closed")
