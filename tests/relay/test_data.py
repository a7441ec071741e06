"""No byte is lost, reordered or invented, whatever the size, direction and pace."""

import pytest

from support import data, net

SIZES = [1, 1460, 4096, 65536, 1 << 20]
BIG = 100_000_000


@pytest.mark.parametrize("size", SIZES)
def test_both_directions_at_once(tunnel, rng, size):
    client, target = tunnel()
    data.exchange(client, target, rng.randbytes(size), rng.randbytes(size))


@pytest.mark.parametrize("size", SIZES)
def test_one_direction(tunnel, rng, size):
    for up in (True, False):
        client, target = tunnel()
        first, second = (client, target) if up else (target, client)
        payload = rng.randbytes(size)
        receiving = data.Background(data.expect_stream, second, payload, True)
        data.send_stream(first, payload, True)
        receiving.join()


def test_hundred_megabytes_both_ways(tunnel, rng):
    client, target = tunnel()
    data.exchange(client, target, rng.randbytes(BIG), rng.randbytes(BIG))


def test_bulk_one_way_ping_the_other(tunnel, rng):
    """A heavy download does not hold up the small messages that go up."""
    client, target = tunnel()
    payload = rng.randbytes(30 << 20)
    download = [data.Background(data.send_stream, target, payload, False),
                data.Background(data.expect_stream, client, payload, False)]
    for number in range(200):
        message = b"message %d" % number
        client.sendall(message)
        assert net.recv_exact(target, len(message)) == message
    for thread in download:
        thread.join()


def test_from_bulk_to_small_and_back(tunnel, rng):
    """Engines that adapt change gear here, three times in each direction."""
    client, target = tunnel()
    for round_ in range(3):
        up, down = rng.randbytes(3 << 20), rng.randbytes(2 << 20)
        data.exchange(client, target, up, down, ends=False)
        for size in (1, 7, 64, 1460, 5000):
            for first, second in ((client, target), (target, client)):
                message = rng.randbytes(size)
                first.sendall(message)
                assert net.recv_exact(second, size) == message, f"round {round_}, {size} bytes"


def test_random_sizes(tunnel, rng):
    """Lock-step messages of very different sizes, checked one by one."""
    client, target = tunnel()
    for _ in range(300):
        first, second = (client, target) if rng.random() < 0.5 else (target, client)
        message = rng.randbytes(int(2 ** rng.uniform(0, 19)))
        receiving = data.Background(data.expect_stream, second, message, False)
        first.sendall(message)
        receiving.join()


def test_bytes_sent_one_by_one(tunnel, rng):
    client, target = tunnel()
    payload = rng.randbytes(300)
    for index in range(len(payload)):
        client.sendall(payload[index:index + 1])
        assert net.recv_exact(target, 1) == payload[index:index + 1]
    client.sendall(payload)
    assert net.recv_exact(target, 300) == payload
