"""Several worker threads: sessions complete on all of them, and heavy flows do not share one."""

import contextlib

import pytest

from support import clients, data, net
from support.proxy import Proxy, sanitizer
from support.servers import Server, echo

pytestmark = pytest.mark.threads


def test_parallel_sessions_all_complete(io, echo_process, rng):
    """Eight clients at once, sixty sessions each, of every kind and of different sizes."""
    payload = rng.randbytes(300_000)

    def client(seed):
        for number in range(60):
            kind = clients.KINDS[(seed + number) % len(clients.KINDS)]
            size = (seed * 7919 + number * 104729) % 60_000 + 1
            with clients.open_tunnel(proxy.address, echo_process.address, kind) as sock:
                receiving = data.Background(data.expect_stream, sock, payload[:size], True)
                data.send_stream(sock, payload[:size], True)
                receiving.join()

    with Proxy("--threads", "4", io=io) as proxy:
        for thread in [data.Background(client, seed) for seed in range(8)]:
            thread.join()


def endless(sock):
    block = bytes(1 << 18)
    while True:
        sock.sendall(block)


def swallow(sock):
    buffer = bytearray(1 << 20)
    while sock.recv_into(buffer):
        pass


def test_two_heavy_flows_use_two_threads(io):
    """Wherever the kernel put them at accept, both threads end up working."""
    ticks = 15
    with Server(endless) as source, Proxy("--threads", "2", io=io) as proxy:
        with contextlib.ExitStack() as stack:
            for _ in range(2):
                sock = stack.enter_context(clients.open_tunnel(proxy.address, source.address))
                sock.settimeout(None)
                stack.callback(data.Background(ignore_end, swallow, sock).join)
                stack.callback(shut, sock)

            def busy():
                return [task for task in proxy.tasks() if task.ticks > ticks]

            net.wait_for(lambda: len(busy()) >= 2, lambda: "two busy threads: " + ", ".join(
                f"{task.name} {task.ticks}" for task in proxy.tasks()), 3 * net.DEADLINE)


def ignore_end(function, *args):
    with contextlib.suppress(OSError):
        function(*args)


def shut(sock):
    with contextlib.suppress(OSError):
        sock.shutdown(2)


def test_flow_that_moves_loses_nothing(io, rng):
    """Ten bulk echoes over two threads: whatever is handed over arrives whole."""
    payload = rng.randbytes(12 << 20)

    def client():
        with clients.open_tunnel(proxy.address, server.address) as sock:
            receiving = data.Background(data.expect_stream, sock, payload, True)
            data.send_stream(sock, payload, True)
            receiving.join()

    with Server(echo) as server, Proxy("--threads", "2", io=io) as proxy:
        for thread in [data.Background(client) for _ in range(10)]:
            thread.join()


def test_one_thread_is_one_thread(io, echo):
    with Proxy("--threads", "1", io=io) as proxy:
        with clients.open_tunnel(proxy.address, ("localhost", echo.port)) as sock:
            data.ping(sock, b"x" * 100_000)
            helpers = 1 if sanitizer() == "thread" else 0
            names = [task.name for task in proxy.tasks()]
            assert 1 <= len(names) <= 1 + helpers, names


def test_stopping_under_load(io, echo_process):
    """SIGTERM while sessions come, go and move data on four threads: status 0, no report."""
    stop = []

    def client():
        while not stop:
            with contextlib.suppress(OSError, AssertionError):
                with clients.open_tunnel(proxy.address, echo_process.address) as sock:
                    data.ping(sock, bytes(20_000))

    with Proxy("--threads", "4", io=io) as proxy:
        threads = [data.Background(client) for _ in range(8)]
        proxy.wait_log(r"\bup=20000 down=20000\b")
        proxy.stop()
        stop.append(True)
        for thread in threads:
            thread.join()
