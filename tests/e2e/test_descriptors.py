"""Out of descriptors: accepting pauses without spinning, what lives goes on, then it recovers."""

import contextlib
import select
import time

from support import clients, data, net
from support.proxy import Proxy, sanitizer

LIMIT = 256
WAITING = 20


def hears(sock, seconds):
    """Whether something is there to be read within this time."""
    waiting = select.poll()
    waiting.register(sock, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


def fill(proxy, target):
    """Opens tunnels until the next one is not served; returns them and the one that was not."""
    tunnels = []
    mark = proxy.mark()
    while len(tunnels) < LIMIT:
        sock = net.connect(proxy.address)
        with contextlib.suppress(ConnectionError):
            sock.sendall(clients.socks5_greeting(0))
        # Silence alone says little: the machine may be busy.
        net.wait_for(lambda: hears(sock, 1.0 * net.SCALE) or
                     proxy.count_log("accepting paused: out of descriptors", mark),
                     "the next client to be served, or no more")
        if not hears(sock, 0) or not served(sock, target):
            return tunnels, sock
        tunnels.append(sock)
    raise AssertionError(f"{len(tunnels)} tunnels with {LIMIT} descriptors")


def served(sock, target):
    """True once this waiting client, which has already said hello, is served."""
    sock.settimeout(net.DEADLINE)
    try:
        assert net.recv_exact(sock, 2) == b"\5\0"
        sock.sendall(clients.socks5_request(*target))
        return clients.read_socks5_reply(sock).code == 0
    except (ConnectionError, net.Ended):
        return False


def test_running_out_pauses_accepting_and_recovers(io, echo):
    with Proxy("--threads", "1", io=io, nofile=LIMIT) as proxy:
        tunnels, last = fill(proxy, echo.address)
        assert len(tunnels) >= 60, f"only {len(tunnels)} tunnels with {LIMIT} descriptors"
        waiting = []
        for _ in range(WAITING):
            waiting.append(net.connect(proxy.address))
            waiting[-1].sendall(clients.socks5_greeting(0))

        # It waits, it does not spin.
        before, end = proxy.cpu_seconds(), time.monotonic() + 2
        rounds = 0
        while time.monotonic() < end:
            for sock in tunnels[::10]:  # and live tunnels go on meanwhile
                data.ping(sock)
            rounds += 1
            net.expect_silence(waiting[-1], 0.2)
        assert rounds
        if sanitizer() is None:
            assert proxy.cpu_seconds() - before < 0.4, "more than 20 % of a CPU while paused"

        # Room for everybody again: those who waited are served, and so is who comes now.
        last.close()
        for sock in tunnels[:2 * WAITING]:
            sock.close()
        count = sum(served(sock, echo.address) for sock in waiting)
        assert count == WAITING, f"{count} of {WAITING} waiting clients were served"
        for sock in tunnels[2 * WAITING:]:
            data.ping(sock)
            sock.close()
        for sock in waiting:
            sock.close()
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)


def test_recovers_again_and_again(io, echo):
    with Proxy(io=io, nofile=128) as proxy:
        for _ in range(3):
            tunnels, last = fill(proxy, echo.address)
            assert tunnels
            for sock in tunnels:
                data.ping(sock)
                sock.close()
            last.close()

            def again():
                try:
                    with clients.open_tunnel(proxy.address, echo.address) as sock:
                        data.ping(sock)
                        return True
                except (ConnectionError, clients.Refused, net.Ended):
                    return False

            net.wait_for(again, "service to come back")
