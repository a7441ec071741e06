"""Nine thousand idle tunnels: two descriptors each, and a newcomer is served as ever."""

import time

import pytest

from support import clients, data, net
from support.proxy import Proxy, sanitizer

TUNNELS = 9000


@pytest.mark.slow
def test_nine_thousand_tunnels(io, echo_process):
    with Proxy(io=io, loglevel=5) as proxy:
        before, rss = proxy.fd_count("socket"), proxy.rss()
        socks = []
        try:
            for number in range(TUNNELS):
                socks.append(clients.open_tunnel(proxy.address, echo_process.address))
            for number, sock in enumerate(socks):
                data.ping(sock, b"%d" % number)
            assert proxy.fd_count("socket") == before + 2 * TUNNELS
            net.wait_for(lambda: proxy.fd_count("pipe") < 300, "pipes to be given back")
            if sanitizer() is None:
                each = (proxy.rss() - rss) / TUNNELS
                assert each < 8192, f"{each:.0f} bytes of memory for an idle tunnel"
            # Idle means idle.
            cpu, end = proxy.cpu_seconds(), time.monotonic() + 1
            net.wait_for(lambda: time.monotonic() > end, "a second to pass")
            assert proxy.cpu_seconds() - cpu < 0.2
            with clients.open_tunnel(proxy.address, echo_process.address) as sock:
                data.ping(sock, b"newcomer" * 1000)
        finally:
            for sock in socks:
                sock.close()
        net.wait_for(lambda: proxy.fd_count("socket") <= before, "all sockets to be closed",
                     3 * net.DEADLINE)
