"""The relay between hostile stretches of network: sliced, delayed, reset at any moment."""

import pytest

from support import clients, data, net
from support.gate import Gate
from support.proxy import Proxy
from support.servers import Server, echo


def through(proxy_args, io, target, rng, gates):
    """Opens the proxy with a gate before it and a gate behind it; returns what to close."""
    behind = Gate(target, rng.randrange(1 << 30), **gates)
    proxy = Proxy(*proxy_args, io=io)
    before = Gate(proxy.address, rng.randrange(1 << 30), **gates)
    return behind, proxy, before


def close(behind, proxy, before):
    before.close()
    with proxy:
        pass
    behind.close()


@pytest.mark.threads
@pytest.mark.parametrize("kind", ["socks5", "socks4a", "http"])
def test_sliced_and_delayed(io, engine, rng, kind):
    """Twelve sessions in pieces of at most 900 bytes with pauses: whole and in order."""
    payload = rng.randbytes(120_000)

    def client(before, behind):
        target = ("localhost", behind.port)
        with clients.open_tunnel(before.address, target, kind) as sock:
            receiving = data.Background(data.expect_stream, sock, payload, True)
            data.send_stream(sock, payload, True)
            receiving.join()

    with Server(echo) as server:
        parts = through(engine, io, server.address, rng,
                        {"slices": 900, "delays": (0.02, 0.004)})
        try:
            for thread in [data.Background(client, parts[2], parts[0]) for _ in range(12)]:
                thread.join()
        except BaseException:
            print(parts[1].tail())
            raise
        finally:
            close(*parts)


@pytest.mark.threads
@pytest.mark.parametrize("where", ["client", "target"])
def test_resets_at_random_moments(io, engine, rng, where):
    """Forty sessions cut after anything from 1 byte to 300,000: all end, nothing stays behind."""
    payload = rng.randbytes(200_000)

    def client(address, target):
        try:
            with clients.open_tunnel(address, target) as sock:
                receiving = data.Background(net.recv_all, sock)
                sock.sendall(payload)
                receiving.join()
        except (OSError, AssertionError) as error:
            assert "does not end" not in str(error)

    with Server(echo) as server, Proxy(*engine, io=io) as proxy:
        sockets = proxy.fd_count("socket")
        for _ in range(40):
            cut = int(2 ** rng.uniform(0, 18))
            behind = proxy.address if where == "client" else server.address
            with Gate(behind, rng.randrange(1 << 30), slices=4000, reset_after=cut) as gate:
                if where == "client":
                    client(gate.address, server.address)
                else:
                    client(proxy.address, gate.address)
        net.wait_for(lambda: proxy.fd_count("socket") <= sockets + 2, "all sockets to be closed")
        with clients.open_tunnel(proxy.address, server.address) as sock:
            data.ping(sock)
