"""The harness proves itself on proxies of other makes: if these fail, blame no one else.

The same client code that tests our program speaks here to microsocks, danted, squid, tinyproxy.
"""

import subprocess

import pytest

from support import clients, data, net, peers, servers
from support.browser import dump
from support.gate import Gate
from support.web import LARGE, Web, certificate

SOCKS = ["microsocks", "danted"]
HTTP = ["squid", "tinyproxy"]


@pytest.fixture
def peer(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("peer", SOCKS, indirect=True)
def test_socks5_client_speaks_to(peer, echo):
    with clients.open_tunnel(peer.address, echo.address) as sock:
        data.ping(sock)


@pytest.mark.parametrize("peer", HTTP, indirect=True)
def test_http_client_speaks_to(peer, echo):
    with clients.open_tunnel(peer.address, echo.address, "http") as sock:
        data.ping(sock)


def test_socks4_client_speaks_to_danted(danted, echo):
    with clients.open_tunnel(danted.address, echo.address, "socks4") as sock:
        data.ping(sock)


@pytest.mark.parametrize("peer", ["squid_auth", "tinyproxy_auth"], indirect=True)
def test_http_peer_wants_credentials(peer, echo):
    with clients.open_tunnel(peer.address, echo.address, "http", peer.auth) as sock:
        data.ping(sock)
    with pytest.raises(clients.Refused) as refusal:
        clients.open_tunnel(peer.address, echo.address, "http")
    assert refusal.value.code == 407


def test_socks5_peer_wants_credentials(microsocks_auth, echo):
    with clients.open_tunnel(microsocks_auth.address, echo.address,
                             auth=microsocks_auth.auth) as sock:
        data.ping(sock)
    with net.connect(microsocks_auth.address) as sock:
        sock.sendall(clients.socks5_greeting(0))
        assert net.recv_exact(sock, 2) == b"\5\xff"


def test_refusal_of_a_dead_target_is_read(microsocks):
    holder, address = net.dead_port()
    with holder:
        clients.expect_refusal(microsocks.address, address, "socks5", 5)


def test_sending_byte_by_byte_waits_for_the_reader(listener):
    with net.connect(listener.address) as sock, listener.accept() as other:
        sock.sendall(b"x")
        net.wait_for(lambda: net.unread_bytes(sock) == 1, "the byte to arrive")
        assert other.recv(9) == b"x"
        net.until_read(sock)


def test_streams_are_compared(echo, rng):
    payload = rng.randbytes(1 << 20)
    with net.connect(echo.address) as sock:
        back = data.Background(data.expect_stream, sock, payload, True)
        data.send_stream(sock, payload, True)
        back.join()
    with pytest.raises(AssertionError, match="byte 1000 differs"):
        data.compare(payload[:1000] + bytes([payload[1000] ^ 1]) + payload[1001:], payload)


def test_gate_slices_without_losing(echo, rng):
    payload = rng.randbytes(50000)
    with Gate(echo.address, rng.randrange(1 << 30), slices=700, delays=(0.1, 0.002)) as gate:
        with net.connect(gate.address) as sock:
            back = data.Background(data.expect_stream, sock, payload, True)
            data.send_stream(sock, payload, True)
            back.join()


def test_gate_resets_both_sides(listener, rng):
    with Gate(listener.address, 1, reset_after=10) as gate, net.connect(gate.address) as sock:
        with listener.accept() as other:
            sock.sendall(b"0123456789")
            assert net.recv_exact(other, 10) == b"0123456789"
            net.expect_reset(sock)
            net.expect_reset(other)


def test_ssh_server_lets_us_in(sshd):
    assert sshd.run("nc.openbsd %h %p", "cat", b"hello") == b"hello"


def test_curl_goes_through_a_peer(microsocks, tmp_path):
    with Web() as web:
        done = subprocess.run(
            ["curl", "-sS", "--socks5", f"{microsocks.host}:{microsocks.port}", web.url + "/large"],
            capture_output=True, check=True, env=peers.environment())
    assert done.stdout == LARGE


def test_echo_process_echoes(echo_process):
    with net.connect(echo_process.address) as sock:
        data.ping(sock, b"a" * 100000)


def test_server_side_errors_fail_the_test():
    def bad(_):
        raise RuntimeError("handler")

    with pytest.raises(RuntimeError):
        with servers.Server(bad) as server, net.connect(server.address) as sock:
            net.expect_closed(sock)


@pytest.mark.parametrize("peer", ["microsocks", "squid"], indirect=True)
def test_chromium_goes_through_a_peer(peer, workdir, tmp_path):
    with Web(certificate(workdir)) as web:
        page = dump(f"{peer.scheme}://{peer.host}:{peer.port}", web.url + "/", tmp_path,
                    "--ignore-certificate-errors")
    assert "rows 42" in page and "second 42" in page, page
