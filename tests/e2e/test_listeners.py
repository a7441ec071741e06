"""Which listener understands what: the mixed port, --no-mixed, --http alone and beside."""

import pytest

from support import clients, data, net
from support.proxy import Proxy

HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(193)


def works(address, target, kind):
    with clients.open_tunnel(address, target, kind) as sock:
        data.ping(sock)


def test_one_port_serves_every_language(io, echo):
    with Proxy(io=io) as proxy:
        for kind in clients.KINDS:
            works(proxy.address, echo.address, kind)


def test_no_mixed_is_socks_only(io, echo):
    with Proxy("--no-mixed", io=io) as proxy:
        works(proxy.address, echo.address, "socks5")
        with net.connect(proxy.address) as sock:
            sock.sendall(clients.http_request(*echo.address))
            net.expect_closed(sock)


def test_http_alone_is_http_only(io, echo):
    with Proxy("--http", io=io) as proxy:
        works(proxy.address, echo.address, "http")
        with net.connect(proxy.address) as sock:
            sock.sendall(clients.socks5_greeting(0) + b"\r\n\r\n")
            answer = net.recv_all(sock)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 "), answer


def test_http_beside_socks(io, echo):
    with Proxy("--http", "127.0.0.2:0", io=io) as proxy:
        socks, = (a for a in proxy.listeners if a[0] == "127.0.0.1")
        http, = (a for a in proxy.listeners if a[0] == "127.0.0.2")
        works(socks, echo.address, "socks5")
        works(http, echo.address, "http")


def test_http_address_alone(io, echo):
    with Proxy("--http", "127.0.0.2:0", io=io, listen=None) as proxy:
        works(proxy.address, echo.address, "http")


@pytest.mark.parametrize("options", [[], ["--no-mixed"], ["--http"]],
                         ids=["mixed", "socks", "http"])
def test_tls_hello_is_turned_away(io, echo, options):
    """A browser set to "HTTPS proxy": closed at once (HTTP may say 400), and nothing breaks."""
    with Proxy(*options, io=io) as proxy:
        with net.connect(proxy.address) as sock:
            sock.sendall(HELLO)
            try:
                answer = net.recv_all(sock)
            except ConnectionResetError:
                answer = b""
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ") and options == ["--http"]
        works(proxy.address, echo.address, "http" if options == ["--http"] else "socks5")


def test_forward_mode(io, echo):
    with Proxy("-f", f"127.0.0.1:{echo.port}", io=io) as proxy, net.connect(proxy.address) as sock:
        data.ping(sock)


def test_forward_mode_server_speaks_first(io):
    from support.servers import Server, banner
    with Server(banner(b"220 ready\r\n")) as target:
        with Proxy("-f", f"127.0.0.1:{target.port}", io=io) as proxy:
            with net.connect(proxy.address) as sock:
                assert net.recv_exact(sock, 11) == b"220 ready\r\n"


def test_forward_mode_over_a_hop(io, echo, microsocks):
    with Proxy("-f", f"localhost:{echo.port}", "-x", microsocks.url(), io=io) as proxy:
        with net.connect(proxy.address) as sock:
            data.ping(sock)


def test_forward_mode_to_a_dead_target(io):
    holder, (host, port) = net.dead_port()
    with holder, Proxy("-f", f"{host}:{port}", io=io) as proxy:
        with net.connect(proxy.address) as sock:
            net.expect_closed(sock)
