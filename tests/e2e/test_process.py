"""Signals, stopping, draining."""

import contextlib
import signal
import time

import pytest

from support import clients, data, net
from support.proxy import Proxy

STOPS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])


@STOPS
@pytest.mark.threads
def test_stops_at_once(io, echo, number):
    """Listeners and sessions are closed, half-open ones too; status 0; the log says how many."""
    with Proxy("--threads", "2", io=io) as proxy, contextlib.ExitStack() as stack:
        tunnels = [stack.enter_context(clients.open_tunnel(proxy.address, echo.address))
                   for _ in range(7)]
        for sock in tunnels:
            data.ping(sock)
        quiet = stack.enter_context(net.connect(proxy.address))
        with net.Stopwatch() as watch:
            proxy.signal(number)
            proxy.expect_exit(0)
            assert watch.elapsed() < 3 * net.SCALE
        for sock in [*tunnels, quiet]:
            net.expect_closed(sock)
        assert net.refused(proxy.address)
        proxy.wait_log(r"^I .*server shutdown gracefully")
        count = int(proxy.wait_log(r"^I .*shutdown: (\d+) sessions closed").group(1))
        assert 7 <= count <= 8  # the quiet one is not a session yet


def test_stops_while_dialling_and_resolving(io):
    from support.dns import Dns, Name
    from support.servers import Blackhole
    with Blackhole() as hole, Dns({"silent.test": Name(drop=True)}) as dns, \
            Proxy("--nameserver", dns.address_text, io=io) as proxy:
        for target in (hole.address, ("silent.test", 80)):
            sock = net.connect(proxy.address)
            sock.sendall(clients.socks5_greeting(0) + clients.socks5_request(*target))
            assert net.recv_exact(sock, 2) == b"\5\0"
        dns.wait_asked("silent.test", net.DEADLINE)
        proxy.stop()


def test_without_drain_targets_see_the_end_too(io, listener):
    with Proxy(io=io) as proxy:
        with clients.open_tunnel(proxy.address, listener.address), listener.accept() as target:
            proxy.stop()
            net.expect_closed(target)


@STOPS
def test_drain_lets_sessions_finish(io, echo, number):
    """New clients are refused, the old tunnel goes on; its end is the end of the process."""
    with Proxy("--drain", "60", io=io) as proxy:
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)
            proxy.signal(number)
            net.wait_for(lambda: net.refused(proxy.address), "the listener to be closed")
            for _ in range(20):
                data.ping(sock, b"draining" * 1000)
            assert proxy.running()
        proxy.expect_exit(0)
        proxy.wait_log(r"server shutdown gracefully")


def test_drain_ends_at_its_time(io, echo):
    with Proxy("--drain", "1", io=io) as proxy:
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            with net.Stopwatch() as watch:
                started = time.monotonic()
                proxy.signal(signal.SIGTERM)
                net.expect_closed(sock)
                took = time.monotonic() - started
                assert took > 0.8 and watch.elapsed() < 3 * net.SCALE, f"cut after {took:.2f} s"
            proxy.expect_exit(0)


def test_drain_without_sessions_ends_at_once(io):
    with Proxy("--drain", "60", io=io) as proxy:
        proxy.stop()


@STOPS
def test_second_signal_cuts_the_drain_short(io, echo, number):
    with Proxy("--drain", "60", io=io) as proxy:
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            proxy.signal(number)
            net.wait_for(lambda: net.refused(proxy.address), "the listener to be closed")
            data.ping(sock)
            proxy.signal(signal.SIGTERM)
            proxy.expect_exit(0)
            net.expect_closed(sock)


def test_hangup_without_a_ruleset_is_an_error_line(io, echo):
    """And nothing else: sessions and the listener survive it."""
    with Proxy(io=io) as proxy:
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            for _ in range(2):
                mark = proxy.mark()
                proxy.signal(signal.SIGHUP)
                proxy.wait_log(r"^E .*signal 1 received, but ruleset not loaded", after=mark)
            data.ping(sock)
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)


def test_sigpipe_is_ignored(io, echo):
    with Proxy(io=io) as proxy:
        proxy.signal(signal.SIGPIPE)
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)


def test_port_is_free_again_after_the_end(io, echo):
    """A restart on the same port, with connections of the old one still in TIME_WAIT."""
    with Proxy(io=io) as proxy:
        address = proxy.address
        with clients.open_tunnel(address, echo.address) as sock:
            data.ping(sock)
            proxy.stop()
    with Proxy(io=io, listen=f"127.0.0.1:{address[1]}") as proxy:
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)
