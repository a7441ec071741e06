"""The closing line of a session names its payload bytes, exactly."""

import pytest

from support import clients, data, net
from support.proxy import Proxy


def closing_line(proxy, port):
    """(up, down) of the session of the client with this local port."""
    found = proxy.wait_log(rf"\[\d+\] 127\.0\.0\.1:{port}\b.*\bup=(\d+) down=(\d+)\b")
    return int(found.group(1)), int(found.group(2))


@pytest.mark.parametrize("up,down",
                         [(0, 0), (1, 0), (0, 1), (1460, 70_000), (3_000_001, 2_000_003)])
def test_counts_are_exact(proxy, tunnel, rng, up, down):
    client, target = tunnel()
    port = client.getsockname()[1]
    data.exchange(client, target, rng.randbytes(up), rng.randbytes(down))
    assert closing_line(proxy, port) == (up, down)


def test_bytes_that_came_with_the_handshake_count(proxy, listener):
    """Early data counts as payload; requests and replies do not."""
    with net.connect(proxy.address) as sock:
        port = sock.getsockname()[1]
        sock.sendall(clients.http_request(*listener.address) + b"early")
        with listener.accept() as target:
            assert net.recv_exact(target, 5) == b"early"
            target.sendall(b"greeting")
        clients.read_http_head(sock)
        data.expect_stream(sock, b"greeting", True)
    assert closing_line(proxy, port) == (5, 8)


def test_banner_behind_a_hop_counts(io, engine):
    from support.hops import SUCCESS, Hop, close
    with Hop("http", SUCCESS["http"] + b"greeting", then=close) as hop:
        with Proxy(*engine, "-x", hop.url(), io=io) as proxy:
            with clients.open_tunnel(proxy.address, ("far.test", 1)) as sock:
                port = sock.getsockname()[1]
                data.expect_stream(sock, b"greeting", True)
            assert closing_line(proxy, port) == (0, 8)


def test_each_session_is_counted_once(proxy, tunnel):
    ports = []
    for _ in range(20):
        client, target = tunnel()
        ports.append(client.getsockname()[1])
        client.sendall(b"abc")
        assert net.recv_exact(target, 3) == b"abc"
        client.close()
        target.close()
    for port in ports:
        assert closing_line(proxy, port) == (3, 0)
        assert proxy.count_log(rf"127\.0\.0\.1:{port}\b.*\bup=") == 1
