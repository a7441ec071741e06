"""A reader that stops stops its sender: what lies in between is bounded, and nothing is lost."""

import select
import socket
import threading

import pytest

from support import data, net
from support.proxy import sanitizer

# Kernel buffers of four sockets (they grow to 4 MiB sent and half of 32 MiB received each) and
# the program's own 256 KiB a direction: far below what an endless sender would push.
OFFER = 160 << 20
HELD_AT_MOST = 96 << 20
RSS_AT_MOST = 24 << 20


def push_until_blocked(sock, payload):
    """Sends until nothing is taken for half a second; returns the bytes taken."""
    view, sent = memoryview(payload), 0
    sock.setblocking(False)
    while sent < len(view):
        _, ready, _ = select.select([], [sock], [], 0.5 * net.SCALE)
        if not ready:
            break
        try:
            sent += sock.send(view[sent:sent + (1 << 20)])
        except BlockingIOError:
            pass
    sock.settimeout(net.DEADLINE)
    return sent


@pytest.mark.parametrize("direction", ["up", "down"])
def test_sender_blocks_and_memory_is_bounded(proxy, tunnel, rng, direction):
    client, target = tunnel(rcvbuf=1 << 16)
    sender, reader = (client, target) if direction == "up" else (target, client)
    before = proxy.rss()
    payload = rng.randbytes(OFFER)
    sent = push_until_blocked(sender, payload)
    assert sent < HELD_AT_MOST, f"{sent} bytes were taken, and nobody reads"
    if not sanitizer():
        assert proxy.rss() - before < RSS_AT_MOST
    # A stalled direction does not stall the other one.
    for number in range(20):
        message = b"back %d" % number
        reader.sendall(message)
        assert net.recv_exact(sender, len(message)) == message
    # Reading again brings everything, and the sender on its way.
    receiving = data.Background(data.expect_stream, reader, payload[:sent + (1 << 20)], True)
    data.send_stream(sender, payload[sent:sent + (1 << 20)], True)
    receiving.join()


def test_reader_that_takes_little_sips(proxy, tunnel, rng):
    """4 MiB through a reader that takes 3,000 bytes at a time."""
    client, target = tunnel(rcvbuf=4096)
    payload = rng.randbytes(4 << 20)
    sending = data.Background(data.send_stream, target, payload, True)
    got = bytearray()
    while piece := client.recv(3000):
        got += piece
    sending.join()
    data.compare(bytes(got), payload)


def test_others_are_not_stalled(proxy, tunnel, rng):
    """Twenty stalled tunnels; the twenty-first runs as ever."""
    stalled = [tunnel(rcvbuf=4096) for _ in range(20)]
    payload = rng.randbytes(8 << 20)
    for _, target in stalled:
        target.setblocking(False)
        try:
            target.send(payload)
        except BlockingIOError:
            pass
    client, target = tunnel()
    data.exchange(client, target, payload, payload)


def test_stalled_tunnel_that_is_reset_frees_all(proxy, tunnel, rng):
    before = proxy.fd_count()
    client, target = tunnel(rcvbuf=4096)
    push_until_blocked(target, rng.randbytes(OFFER))
    net.reset(client)
    net.expect_reset(target)
    net.wait_for(lambda: proxy.fd_count("socket") <= before, "the sockets to be closed")


@pytest.mark.parametrize("half_closed", [False, True])
def test_source_that_is_reset_while_its_reader_sleeps(proxy, tunnel, rng, half_closed):
    """Nobody reads, and nobody ever will: the session ends all the same, as a reset."""
    before = proxy.fd_count("socket")
    client, target = tunnel(rcvbuf=4096)
    push_until_blocked(target, rng.randbytes(OFFER))
    if half_closed:
        client.shutdown(socket.SHUT_WR)
        net.expect_end(target)
    net.reset(target)
    net.wait_for(lambda: proxy.fd_count("socket") <= before, "the sockets to be closed")
    net.expect_reset(client)


def test_end_behind_a_sleeping_reader_is_no_reset(proxy, tunnel, rng):
    """The source has ended in order, both ways; a reader that wakes up late still gets it all."""
    client, target = tunnel(rcvbuf=4096)
    payload = rng.randbytes(OFFER)
    sent = push_until_blocked(target, payload)
    client.shutdown(socket.SHUT_WR)
    net.expect_end(target)
    sending = data.Background(data.send_stream, target, payload[sent:sent + (1 << 18)], True)
    threading.Event().wait(2.5)  # longer than the relay waits before it looks
    receiving = data.Background(data.expect_stream, client, payload[:sent + (1 << 18)], True)
    sending.join()
    receiving.join()
