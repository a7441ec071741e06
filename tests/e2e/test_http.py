"""HTTP CONNECT on the wire: statuses, pages, limits, leniency."""

import email.utils

import pytest

from support import clients, data, net
from support.dns import Dns
from support.proxy import Proxy

GRANTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@pytest.fixture(params=["mixed", "http"])
def proxy(io, request):
    """The same on the mixed port and on a listener for HTTP only."""
    with Proxy(*(["--http"] if request.param == "http" else []), io=io) as running:
        yield running


def converse(proxy, request):
    """(status, headers, body) of what answers request, up to the end of the connection."""
    with net.connect(proxy.address) as sock:
        sock.sendall(request)
        status, headers = clients.read_http_head(sock)
        return status, headers, net.recv_all(sock)


def check_page(answer, status, name):
    got, headers, body = answer
    assert got == status
    assert headers["connection"].lower() == "close"
    assert email.utils.parsedate_to_datetime(headers["date"])
    if body:
        assert headers["content-type"].startswith("text/html")
        assert int(headers["content-length"]) == len(body)
        assert f"<TITLE>{status} {name}</TITLE>".encode() in body


@pytest.mark.parametrize("request_", [
    "CONNECT {t} HTTP/1.1\r\nHost: {t}\r\n\r\n",
    "CONNECT {t} HTTP/1.1\r\n\r\n",
    "CONNECT {t} HTTP/1.0\r\n\r\n",
    "CONNECT {t} HTTP/1.1\r\nTE: trailers\r\nAuthorization: x\r\n\r\n",
    "CONNECT {t} HTTP/1.1\r\nProxy-Authorization: nonsense\r\n\r\n",
    "CONNECT {t} HTTP/1.1\r\nproxy-authorization: basic  YTpi\r\n\r\n",
    "CONNECT {t} HTTP/1.1\r\nProxy-Connection: keep-alive\r\nAccept-Encoding: gzip\r\n\r\n",
], ids=["host", "bare", "1.0", "harmless", "nonsense", "lower case", "more"])
def test_connected(proxy, echo, request_):
    with net.connect(proxy.address) as sock:
        sock.sendall(request_.format(t=f"127.0.0.1:{echo.port}").encode())
        assert net.recv_exact(sock, len(GRANTED)) == GRANTED
        data.ping(sock)


def test_connected_to_ipv6(proxy):
    from support.servers import Server, echo as handler
    with Server(handler, "::1") as target:
        with clients.open_tunnel(proxy.address, target.address, "http") as sock:
            data.ping(sock)


@pytest.mark.parametrize("line", [
    "GET / HTTP/1.1", "POST https://x/ HTTP/1.1", "OPTIONS * HTTP/1.1",
    "connect 127.0.0.1:1 HTTP/1.1"])
def test_other_methods_are_for_http_urls_only(proxy, line):
    """Method names are case-sensitive."""
    request = f"{line}\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello".encode()
    check_page(converse(proxy, request), 400, "Bad Request")


@pytest.mark.parametrize("head", [
    b"CONNECT\r\n\r\n", b"CONNECT 127.0.0.1:1\r\n\r\n", b"CONNECT 127.0.0.1:1 HTTP/2.0\r\n\r\n",
    b"CONNECT 127.0.0.1:1 FTP/1.1\r\n\r\n", b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nno colon\r\n\r\n",
    b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nA: b\0c\r\n\r\n", b"CONNECT a\0b:1 HTTP/1.1\r\n\r\n",
    b"CONNECT 127.0.0.1 HTTP/1.1\r\n\r\n", b"CONNECT 127.0.0.1:99999 HTTP/1.1\r\n\r\n",
    b"CONNECT 127.0.0.1:port HTTP/1.1\r\n\r\n", b"CONNECT http://127.0.0.1:1/ HTTP/1.1\r\n\r\n",
    b"CONNECT " + b"a" * 256 + b":1 HTTP/1.1\r\n\r\n", b"CONNECT / HTTP/1.1\r\n\r\n"],
    ids=lambda head: repr(head[:44]))
def test_malformed_requests_and_targets(proxy, head):
    check_page(converse(proxy, head), 400, "Bad Request")


@pytest.mark.parametrize("request_", [
    b"CONNECT " + b"a" * 9000 + b":1 HTTP/1.1\r\n\r\n",
    b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n" + b"X-P: aaaaaaaaaaaaaa\r\n" * 500 + b"\r\n",
    b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
], ids=["line", "headers", "200 kB"])
def test_oversized(proxy, request_):
    check_page(converse(proxy, request_), 413, "Content Too Large")


def test_largest_head(proxy, echo):
    """8191 bytes are accepted."""
    head = f"CONNECT 127.0.0.1:{echo.port} HTTP/1.1\r\nX: ".encode()
    head += b"a" * (8191 - len(head) - 4) + b"\r\n\r\n"
    with net.connect(proxy.address) as sock:
        sock.sendall(head)
        assert net.recv_exact(sock, len(GRANTED)) == GRANTED
        data.ping(sock)


def test_dial_failure(proxy):
    holder, address = net.dead_port()
    with holder:
        check_page(converse(proxy, clients.http_request(*address)), 502, "Bad Gateway")


def test_unresolved(io):
    with Dns({}) as dns, Proxy("--nameserver", dns.address_text, io=io) as proxy:
        answer = converse(proxy, clients.http_request("no.such.test", 80))
    check_page(answer, 502, "Bad Gateway")


def test_our_own_listener_is_forbidden(proxy):
    check_page(converse(proxy, clients.http_request(*proxy.address)), 403, "Forbidden")


def test_error_reply_survives_unread_input(proxy):
    """A body behind a refused request must not turn our reply into a reset."""
    request = b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000
    for _ in range(20):
        assert converse(proxy, request)[0] == 400


def test_credentials_of_any_kind_are_ignored(proxy, echo):
    for auth in (("u", "p"), ("u", ""), ("", ""), ("u" * 200, ":" * 200)):
        with clients.open_tunnel(proxy.address, echo.address, "http", auth) as sock:
            data.ping(sock)
