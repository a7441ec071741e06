"""Clients that want to write the access log themselves: they make no field and no line."""

import pytest

from support import clients, net
from support.access_log import AccessLog
from support.proxy import Proxy


@pytest.fixture(params=["text", "json"])
def log(request, tmp_path):
    return AccessLog(tmp_path / "access.log", request.param)


@pytest.mark.parametrize("name", [
    b'a"b.test', b"a\\b.test", b"a'b,c.test", "ü.test".encode(), b"\xff\xfe.test",
    b"a=b.test", "\u2028.test".encode()])
def test_names_that_try_to_forge(io, log, name):
    with Proxy(*log.args(), io=io) as proxy:
        with net.connect(proxy.address) as sock:
            sock.sendall(clients.socks5_greeting(0) + clients.socks5_request(name, 80))
            assert net.recv_exact(sock, 2) == b"\5\0"
            net.recv_all(sock)
        record = log.one()
    assert record["target"] in (name.decode("utf-8", "replace") + ":80", None)


@pytest.mark.parametrize("user", [
    b'"', b'x" up=1', b'a\nb', b'","user":"root', b"\r\n{}", b"-", b"\xc3", b"\x1b[2J", b"\\x41"])
def test_users_that_try_to_forge(io, echo, log, user):
    with Proxy(*log.args(), io=io) as proxy:
        with net.connect(proxy.address) as sock:
            sock.sendall(clients.socks4_request(*echo.address, user=user))
            assert clients.read_socks4_reply(sock) == 0x5A
        record = log.one()
    assert record["user"] == user.decode("utf-8", "replace")
    assert record["end"] is not None and record["up"] == 0
