"""How tunnels end: half-close from either side, reset from either side, both at once."""

import socket

import pytest

from support import data, net

BIG = 3 << 20


@pytest.fixture(params=["client first", "target first"])
def pair(request, tunnel):
    """(first, second): the one whose end comes first, and the other."""
    client, target = tunnel()
    return (client, target) if request.param == "client first" else (target, client)


@pytest.mark.parametrize("before,after", [(0, 0), (0, 100), (100, 0), (BIG, 100), (100, BIG)])
def test_half_close(pair, rng, before, after):
    """The first ends its stream; the second sees the end, then still sends, then ends."""
    first, second = pair
    payload = rng.randbytes(before)
    receiving = data.Background(data.expect_stream, second, payload, True)
    data.send_stream(first, payload, True)
    receiving.join()
    answer = rng.randbytes(after)
    receiving = data.Background(data.expect_stream, first, answer, True)
    data.send_stream(second, answer, True)
    receiving.join()


def test_half_closed_tunnel_goes_on(pair):
    """Not just one answer: many small ones, with the other direction long over."""
    first, second = pair
    first.shutdown(socket.SHUT_WR)
    net.expect_end(second)
    for number in range(50):
        message = b"%d" % number
        second.sendall(message)
        assert net.recv_exact(first, len(message)) == message


def test_both_ends_at_once(pair, rng):
    first, second = pair
    data.exchange(first, second, rng.randbytes(200_000), rng.randbytes(200_000), ends=True)


def test_reset_is_passed_on(pair):
    """An idle tunnel: RST on one side arrives as ECONNRESET on the other."""
    first, second = pair
    net.reset(first)
    net.expect_reset(second)


def test_reset_after_traffic(pair, rng):
    first, second = pair
    data.exchange(first, second, rng.randbytes(BIG), rng.randbytes(BIG), ends=False)
    net.reset(first)
    net.expect_reset(second)


def test_reset_while_the_other_sends(pair):
    """The sender learns it from its own writes, and the process from nobody's SIGPIPE."""
    first, second = pair
    block = bytes(1 << 16)

    def send():
        while True:
            second.sendall(block)

    sending = data.Background(send)
    net.recv_exact(first, 1 << 20)
    net.reset(first)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        sending.join()


def test_reset_after_half_close(pair):
    first, second = pair
    second.shutdown(socket.SHUT_WR)
    net.expect_end(first)
    net.reset(first)
    net.expect_reset(second)


def test_close_with_unread_data_is_a_reset(pair):
    """close(2) with bytes unread sends RST: the other side must not take it for a success."""
    first, second = pair
    second.sendall(b"unread")
    net.wait_for(lambda: net.unread_bytes(second) == 0 and queued(first), "the bytes to arrive")
    first.close()
    net.expect_reset(second)


def queued(sock):
    return len(sock.recv(100, socket.MSG_PEEK)) == 6


def test_descriptors_come_back(proxy, tunnel):
    before = proxy.fd_count("socket")
    for index in range(30):
        client, target = tunnel()
        data_ends(client, target, index % 4)
    net.wait_for(lambda: proxy.fd_count("socket") <= before, "all sockets to be closed")


def data_ends(client, target, way):
    """Four ways to go: both in order, client first; a reset by either; a plain close."""
    if way == 0:
        client.shutdown(socket.SHUT_WR)
        net.expect_end(target)
        target.close()
        net.expect_end(client)
    elif way == 1:
        net.reset(client)
    elif way == 2:
        net.reset(target)
    else:
        client.close()
        target.close()
    client.close()
    target.close()
