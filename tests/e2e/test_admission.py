"""Admission: -m and --max-startups admit exactly as many as they say."""

import contextlib

import pytest

from support import clients, data, net
from support.proxy import Proxy

THREADS = pytest.mark.parametrize("threads", [
    "1", pytest.param("4", marks=pytest.mark.threads)])


def half_open(proxy):
    """A client that has said hello and nothing more; None if it was turned away."""
    sock = net.connect(proxy.address)
    try:
        sock.sendall(clients.socks5_greeting(0))
        assert net.recv_exact(sock, 2) == b"\5\0"
    except (ConnectionError, net.Ended):
        sock.close()
        return None
    return sock


def admitted(stack, make, attempts):
    """How many of so many attempts get in; all stay open."""
    count = 0
    for _ in range(attempts):
        sock = make()
        if sock:
            stack.enter_context(sock)
            count += 1
    return count


def finish(sock, target):
    """The rest of the conversation of a half-open client."""
    sock.sendall(clients.socks5_request(*target))
    assert clients.read_socks5_reply(sock).code == 0
    data.ping(sock)


def tunnel_or_none(proxy, target):
    try:
        return clients.open_tunnel(proxy.address, target)
    except (ConnectionError, net.Ended):
        return None


@THREADS
def test_exactly_so_many_sessions(io, echo, threads):
    with Proxy("-m", "5", "--threads", threads, io=io) as proxy, contextlib.ExitStack() as stack:
        assert admitted(stack, lambda: tunnel_or_none(proxy, echo.address), 12) == 5
        proxy.wait_log(r"^W .*\] 127.0.0.1:\d+: refused by admission control: --max-sessions$")


@THREADS
def test_half_open_ones_count(io, echo, threads):
    with Proxy("-m", "5", "--threads", threads, io=io) as proxy, contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(clients.open_tunnel(proxy.address, echo.address))
        assert admitted(stack, lambda: half_open(proxy), 10) == 3


def test_a_place_becomes_free(io, echo):
    """When a tunnel ends, and when a half-open client leaves."""
    with Proxy("-m", "2", io=io) as proxy, contextlib.ExitStack() as stack:
        first = clients.open_tunnel(proxy.address, echo.address)
        second = half_open(proxy)
        assert half_open(proxy) is None
        for leaving in (first, second):
            leaving.close()
            stack.enter_context(net.wait_for(lambda: half_open(proxy), "a free place"))
            assert half_open(proxy) is None


def test_failed_dials_free_their_place(io):
    holder, address = net.dead_port()
    with holder, Proxy("-m", "1", io=io) as proxy:
        for _ in range(20):
            def refused():
                try:
                    clients.open_tunnel(proxy.address, address)
                except clients.Refused:
                    return True
                except (ConnectionError, net.Ended):
                    return False  # the one before is still being closed
            net.wait_for(refused, "the place of a failed dial")


@THREADS
def test_full_is_a_cap_on_half_open_ones(io, echo, threads):
    with Proxy("--max-startups", "0:0:3", "--threads", threads, io=io) as proxy, \
            contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(half_open(proxy)) for _ in range(3)]
        assert half_open(proxy) is None
        # Established sessions do not count: finishing one makes room for one.
        finish(waiting[0], echo.address)
        assert admitted(stack, lambda: half_open(proxy), 3) == 1


def test_rate_100_refuses_from_start_on(io):
    with Proxy("--max-startups", "3:100:10", io=io) as proxy, contextlib.ExitStack() as stack:
        assert admitted(stack, lambda: half_open(proxy), 8) == 3


def test_rate_0_refuses_from_full_on(io):
    with Proxy("--max-startups", "2:0:6", io=io) as proxy, contextlib.ExitStack() as stack:
        assert admitted(stack, lambda: half_open(proxy), 12) == 6


def test_rate_50_refuses_some(io):
    """Of 60 beyond `start` some get in and some do not (the odds against: 2 to the 59th)."""
    with Proxy("--max-startups", "1:50:1000", io=io) as proxy, contextlib.ExitStack() as stack:
        assert 1 < admitted(stack, lambda: half_open(proxy), 61) < 61


def test_unlimited_by_default(io, echo):
    with Proxy(io=io) as proxy, contextlib.ExitStack() as stack:
        assert admitted(stack, lambda: half_open(proxy), 200) == 200
