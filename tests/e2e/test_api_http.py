"""The HTTP of the API, as the reference and its list of quirks have it: bytes on a socket."""

import gzip
import re
import socket
import time
import zlib

import pytest

from support import net
from support.api import Api, page, request
from support.http_origin import chunked, read_response
from support.proxy import Proxy

RULESET = "return {}"


@pytest.fixture
def api(io, tmp_path):
    (tmp_path / "r.lua").write_text(RULESET)
    with Proxy("--api", "127.0.0.1:0", "-r", tmp_path / "r.lua", "-t", "5", io=io) as proxy:
        yield Api(proxy)


INVOKE = b"POST /ruleset/invoke HTTP/1.1\r\n"


@pytest.mark.parametrize("data, status", [
    (b"GET /healthy HTTP/1.1\r\n\r\n", 200),
    (b"GET /healthy HTTP/1.9\r\n\r\n", 200),
    (b"GET /healthy HTTP/1.0\r\n\r\n", 200),
    (b"GET http://127.0.0.1/healthy HTTP/1.1\r\n\r\n", 200),
    (b"GET /healthy#fragment HTTP/1.1\r\n\r\n", 200),
    (b"GET ///healthy HTTP/1.1\r\n\r\n", 200),
    (b"GET /%68ealthy HTTP/1.1\r\n\r\n", 200),
    (b"GET /healthy HTTP/1.1\r\nTE: trailers\r\nAccept-Encoding: br\r\n\r\n", 200),
    (b"POST /ruleset//gc HTTP/1.1\r\n\r\n", 200),
    (INVOKE + b"Content-Length: 0\r\n\r\n", 200),
    (INVOKE + b"Content-Encoding: identity\r\nContent-Length: 1\r\n\r\n;", 200),
    (INVOKE + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"x = ", b"1"), 200),
    (INVOKE + b"Content-Length: 1\r\n\r\n;junk behind", 200),
    # Malformed.
    (b"GET /healthy\r\n\r\n", 400),
    (b"GET /healthy HTTP/2.0\r\n\r\n", 400),
    (b"\r\nGET /healthy HTTP/1.1\r\n\r\n", 400),
    (b"GET /healthy HTTP/1.1\n\n", 400),
    (b"GET /healthy HTTP/1.1\r\nno colon\r\n\r\n", 400),
    (b"GET /healthy HTTP/1.1\r\nA: \0\r\n\r\n", 400),
    (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", 400),
    (b"GET //x HTTP/1.1\r\n\r\n", 400),
    (b"GET * HTTP/1.1\r\n\r\n", 400),
    (b"GET healthy HTTP/1.1\r\n\r\n", 400),
    (b"GET http://host HTTP/1.1\r\n\r\n", 400),
    (b"GET /caf\xc3\xa9 HTTP/1.1\r\n\r\n", 400),
    (b"GET /% HTTP/1.1\r\n\r\n", 400),
    (b"GET /stats?q=% HTTP/1.1\r\n\r\n", 400),
    (INVOKE + b"Content-Length: -1\r\n\r\n", 400),
    (INVOKE + b"Content-Length: +1\r\n\r\nx", 400),
    (INVOKE + b"Content-Length: \r\n\r\n", 400),
    (INVOKE + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    (INVOKE + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx", 400),
    (INVOKE + b"Transfer-Encoding: chunked\r\n\r\nx\r\n", 400),
    (INVOKE + b"Content-Encoding: deflate\r\nContent-Length: 5\r\n\r\nwrong", 400),
    (INVOKE + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nwrong", 400),
    # Not found, not allowed.
    (b"GET / HTTP/1.1\r\n\r\n", 404),
    (b"GET /Healthy HTTP/1.1\r\n\r\n", 404),
    (b"GET /healthy/ HTTP/1.1\r\n\r\n", 404),
    (b"GET /healthy/x HTTP/1.1\r\n\r\n", 404),
    (b"GET /ruleset HTTP/1.1\r\n\r\n", 404),
    (b"POST /ruleset/nothing HTTP/1.1\r\n\r\n", 404),
    (b"get /stats HTTP/1.1\r\n\r\n", 405),
    (b"PUT /stats HTTP/1.1\r\n\r\n", 405),
    (b"GET /ruleset/invoke HTTP/1.1\r\n\r\n", 405),
    (b"GET /ruleset/gc HTTP/1.1\r\n\r\n", 405),
    (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405),
    (INVOKE + b"\r\n", 411),
    (b"POST /ruleset/update HTTP/1.1\r\n\r\n", 411),
    (b"POST /ruleset/rpcall HTTP/1.1\r\n\r\n", 411),
    # Too large, not understood.
    (INVOKE + b"Content-Length: 4194305\r\n\r\n", 413),
    (INVOKE + b"Content-Length: 9223372036854775807\r\n\r\n", 413),
    (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 413),
    (b"GET /healthy HTTP/1.1\r\nA: " + b"x" * 8191 + b"\r\n\r\n", 413),
    (INVOKE + b"Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx", 415),
    (INVOKE + b"Expect: something\r\nContent-Length: 1\r\n\r\nx", 417),
    (INVOKE + b"Transfer-Encoding: gzip\r\n\r\n", 501),
], ids=lambda value: re.sub(rb"\s+", b" ", value[:60]).decode("latin-1")
    if isinstance(value, bytes) else str(value))
def test_status(api, data, status):
    answer = api.raw(data)
    assert answer.status == status, answer
    assert len(answer.get("Content-Length")) == 1
    if status >= 400:
        assert answer.get("Connection") == ["close"]
        assert answer.get("Content-type") == ["text/html"]
        assert answer.body.startswith(b"<HTML><HEAD><TITLE>%d " % status)
    assert bool(answer.get("Allow")) == (status == 405)


def test_an_error_page_is_that_of_1_4_2_and_says_its_length(api):
    with api.connect() as sock:
        sock.sendall(b"GET /nothing HTTP/1.1\r\n\r\n")
        text = net.recv_all(sock)
    body = page(404, "Not Found", "The requested URL was not found on this server.")
    expected = (rb"HTTP/1\.1 404 Not Found\r\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n"
                rb"Connection: close\r\nContent-type: text/html\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), re.escape(body)))
    assert re.fullmatch(expected, text), text


def test_allow_names_the_methods(api):
    assert api.ask("DELETE", "/stats").get("Allow") == ["GET, POST"]
    assert api.get("/ruleset/gc").get("Allow") == ["POST"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "anything"])
def test_healthy_answers_every_method_with_nothing(api, method):
    answer = api.ask(method, "/healthy")
    assert answer.status == 200
    assert [name for name, _ in answer.fields] == ["Date", "Connection", "Content-Length"]
    assert answer.get("Content-Length") == ["0"]


def test_healthy_does_not_send_a_body_back(api):
    assert api.ask("POST", "/healthy", b"x" * 100).body == b""


def test_head_of_an_error_has_no_body(api):
    with api.connect() as sock:
        sock.sendall(b"HEAD /stats HTTP/1.1\r\n\r\n")
        text = net.recv_all(sock)
    assert text.startswith(b"HTTP/1.1 405 ") and text.endswith(b"\r\n\r\n")


def test_continue_is_sent_once_also_if_the_body_is_there(api):
    head = INVOKE + b"Expect: 100-Continue\r\nContent-Length: 4\r\n\r\n"
    for together in (True, False):
        with api.connect() as sock:
            sock.sendall(head + (b"x=1;" if together else b""))
            assert net.recv_until(sock, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            if not together:
                sock.sendall(b"x=1;")
            assert read_response(sock).status == 200


@pytest.mark.parametrize("fields", [b"", b"Content-Length: 0\r\n"])
def test_nothing_is_asked_for_where_no_body_comes(api, fields):
    with api.connect() as sock:
        sock.sendall(b"POST /ruleset/gc HTTP/1.1\r\nExpect: 100-continue\r\n" + fields + b"\r\n")
        assert net.recv_until(sock, b"\r\n").startswith(b"HTTP/1.1 200 OK")


def test_a_body_too_large_is_refused_before_it_is_asked_for(api):
    answer = api.raw(INVOKE + b"Expect: 100-continue\r\nContent-Length: 4194305\r\n\r\n")
    assert answer.status == 413


def test_a_client_that_sends_too_much_still_reads_the_answer(api):
    assert api.post("/ruleset/invoke", b" " * (6 << 20)).status == 413
    with api.connect() as sock:
        sock.sendall(INVOKE + b"Transfer-Encoding: chunked\r\n\r\n500000\r\n")
        sock.sendall(b" " * 0x500000)
        assert read_response(sock).status == 413


def test_a_body_of_exactly_4_mib_runs(api):
    assert api.post("/ruleset/invoke", b" " * (4 << 20)).status == 200


@pytest.mark.parametrize("name, encode", [
    ("deflate", zlib.compress), ("deflate", lambda data: zlib.compress(data)[2:-4]),
    ("gzip", gzip.compress), ("GZip", gzip.compress)])
def test_a_compressed_body_is_inflated(api, name, encode):
    body = encode(b"error('inflated')" + b" " * 1000)
    answer = api.post("/ruleset/invoke", body, f"Content-Encoding: {name}")
    assert (answer.status, answer.body) == (500, b"(invoke):1: inflated")


def test_inflation_is_bounded(api):
    bomb = zlib.compress(b" " * (65 << 20), 9)
    assert len(bomb) < 1 << 20
    assert api.post("/ruleset/invoke", bomb, "Content-Encoding: deflate").status == 413


@pytest.mark.parametrize("accepted, coding", [
    ("deflate", "deflate"), ("gzip, deflate", "deflate"), ("*", "deflate"), ("gzip", "gzip"),
    ("identity", None), ("", None), ("deflate;q=0", None), ("gzip, *;q=0", "gzip"), ("br", None)])
def test_stats_are_compressed_as_the_client_likes(api, accepted, coding):
    answer = api.get("/stats", f"Accept-Encoding: {accepted}")
    assert answer.get("Content-Encoding") == ([coding] if coding else [])
    body = {"deflate": zlib.decompress, "gzip": gzip.decompress, None: bytes}[coding](answer.body)
    assert body.startswith(b"neosocksd ")


def test_connections_are_kept_and_closed_as_agreed(api):
    with api.connect() as sock:
        for _ in range(3):
            sock.sendall(b"GET /stats HTTP/1.1\r\n\r\n")
            answer = read_response(sock)
            assert answer.get("Connection") == ["keep-alive"]
        sock.sendall(b"GET /stats HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert read_response(sock).get("Connection") == ["close"]
        assert sock.recv(1) == b""
    with api.connect() as sock:
        sock.sendall(b"GET /healthy HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert read_response(sock).get("Connection") == ["close"]
        assert sock.recv(1) == b""


def test_pipelined_requests_are_answered_in_order(api):
    with api.connect() as sock:
        sock.sendall(request("POST", "/ruleset/invoke", b"x = 1") +
                     request("GET", "/healthy") + b"\r\n" + request("GET", "/nothing"))
        assert [read_response(sock).status for _ in range(3)] == [200, 200, 404]
        assert sock.recv(1) == b""


def test_a_client_that_has_closed_its_side_is_answered(api):
    with api.connect() as sock:
        sock.sendall(b"GET /healthy HTTP/1.1\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert read_response(sock).status == 200


def test_a_request_that_does_not_come_to_its_end_times_out(api):
    began = time.monotonic()
    with net.Stopwatch() as watch, api.connect() as slow, api.connect() as silent, \
            api.connect() as idle:
        slow.sendall(b"POST /ruleset/invoke HTTP/1.1\r\nContent-Length: 10\r\n\r\nx")
        idle.sendall(b"GET /healthy HTTP/1.1\r\n\r\n")
        assert read_response(idle).status == 200
        assert read_response(slow).status == 408
        assert net.recv_all(silent) == b"" and net.recv_all(idle) == b""
        assert 4.5 < time.monotonic() - began and watch.elapsed() < 8 * net.SCALE


def test_requests_may_come_byte_by_byte(api):
    with api.connect() as sock:
        for byte in request("POST", "/ruleset/invoke", b"error('x')"):
            sock.sendall(bytes([byte]))
        assert read_response(sock).body == b"(invoke):1: x"
