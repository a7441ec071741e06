"""Requests that two parsers could read differently: refused, and nothing goes upstream."""

import pytest

from support import net
from support.http_origin import OK, read_response, request
from support.proxy import Proxy
from support.servers import Listener

POST = b"POST http://{t}/ HTTP/1.1\r\nHost: {t}\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"0\r\n\r\nGET http://{t}/smuggled HTTP/1.1\r\n\r\n"

CASES = {
    "both lengths": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + NEXT,
    "both, other order": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + NEXT,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n" + NEXT,
    "the same length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n" + NEXT,
    "a list of lengths": POST + b"Content-Length: 5, 5\r\n\r\n" + NEXT,
    "a signed length": POST + b"Content-Length: +5\r\n\r\n" + NEXT,
    "a negative length": POST + b"Content-Length: -5\r\n\r\n" + NEXT,
    "a hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\n" + NEXT,
    "a length with words": POST + b"Content-Length: 5 5\r\n\r\n" + NEXT,
    "an empty length": POST + b"Content-Length: \r\n\r\n" + NEXT,
    "a length beyond 64 bits": POST + b"Content-Length: 18446744073709551621\r\n\r\n" + NEXT,
    "a length beyond 63 bits": POST + b"Content-Length: 9223372036854775808\r\n\r\n" + NEXT,
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n" + NEXT,
    "gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + NEXT,
    "chunked, identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + NEXT,
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n" + NEXT,
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + NEXT,
    "quoted chunked": POST + b"Transfer-Encoding: \"chunked\"\r\n\r\n" + NEXT,
    "vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + NEXT,
    "empty coding": POST + b"Transfer-Encoding:\r\n\r\n" + NEXT,
    "chunked in 1.0": b"POST http://{t}/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + NEXT,
    "blank before the colon": POST + b"Content-Length : 5\r\n\r\n" + NEXT,
    "tab before the colon": POST + b"Transfer-Encoding\t: chunked\r\n\r\n" + NEXT,
    "folded": POST + b"X: y\r\n Content-Length: 5\r\n\r\n" + NEXT,
    "folded at once": b"GET http://{t}/ HTTP/1.1\r\n Host: x\r\n\r\n",
    "no colon": POST + b"Content-Length 5\r\n\r\n",
    "no name": POST + b": 5\r\n\r\n",
    "bad name": POST + b"X(y): 5\r\n\r\n",
    "bare LF": b"GET http://{t}/ HTTP/1.1\nHost: {t}\n\n",
    "one bare LF": POST + b"X: y\nContent-Length: 5\r\n\r\n" + NEXT,
    "bare CR": POST + b"X: y\rContent-Length: 5\r\n\r\n" + NEXT,
    "CR CR LF": POST + b"X: y\r\r\n\r\n",
    "NUL in a value": POST + b"X: a\0b\r\n\r\n",
    "NUL in a name": POST + b"X\0: a\r\n\r\n",
    "NUL in the target": b"GET http://{t}/\0 HTTP/1.1\r\n\r\n",
    "two Hosts": POST + b"Host: other\r\n\r\n",
    "the same Host twice": POST + b"host: {t}\r\n\r\n",
    "HTTP/0.9": b"GET http://{t}/\r\n\r\n",
    "HTTP/2.0": b"GET http://{t}/ HTTP/2.0\r\n\r\n",
    "HTTP/1.10": b"GET http://{t}/ HTTP/1.10\r\n\r\n",
    "words after the version": b"GET http://{t}/ HTTP/1.1 HTTP/1.1\r\n\r\n",
    "a blank in the target": b"GET http://{t}/a b HTTP/1.1\r\n\r\n",
    "two blanks": b"GET  http://{t}/ HTTP/1.1\r\n\r\n",
    "a tab": b"GET\thttp://{t}/ HTTP/1.1\r\n\r\n",
    "user information": b"GET http://x@{t}/ HTTP/1.1\r\n\r\n",
    "a backslash": b"GET http://{t}\\@x/ HTTP/1.1\r\n\r\n",
    "a fragment": b"GET http://{t}#@x/ HTTP/1.1\r\n\r\n",
    "lower-case connect": b"connect http://{t}/ HTTP/1.1\r\n\r\n",
    "bad method": b"G(T http://{t}/ HTTP/1.1\r\n\r\n",
    "chunk: no number": CHUNKED + b"x\r\nabc\r\n0\r\n\r\n",
    "chunk: empty line": CHUNKED + b"\r\nabc\r\n0\r\n\r\n",
    "chunk: sign": CHUNKED + b"+3\r\nabc\r\n0\r\n\r\n",
    "chunk: negative": CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n",
    "chunk: 0x": CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
    "chunk: blank before": CHUNKED + b" 3\r\nabc\r\n0\r\n\r\n",
    "chunk: blank behind": CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n",
    "chunk: overflow": CHUNKED + b"10000000000000003\r\nabc\r\n0\r\n\r\n",
    "chunk: 64 bits": CHUNKED + b"fffffffffffffffe\r\nabc\r\n0\r\n\r\n",
    "chunk: padded": CHUNKED + b"0" * 17 + b"3\r\nabc\r\n0\r\n\r\n",
    "chunk: bare LF": CHUNKED + b"3\nabc\r\n0\r\n\r\n",
    "chunk: control byte": CHUNKED + b"3;a=\x01\r\nabc\r\n0\r\n\r\n",
    "chunk: LF in an extension": CHUNKED + b"3;a\nabc\r\n0\r\n\r\n",
    "chunk: long line": CHUNKED + b"3;" + b"a" * 300 + b"\r\nabc\r\n0\r\n\r\n",
    "chunk: too long": CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
    "chunk: no CRLF": CHUNKED + b"3\r\nabc0\r\n\r\n",
    "chunk: LF behind": CHUNKED + b"3\r\nabc\n0\r\n\r\n",
    "trailer: folded": CHUNKED + b"0\r\n X: y\r\n\r\n",
    "trailer: no colon": CHUNKED + b"0\r\nX\r\n\r\n",
    "trailer: bare LF": CHUNKED + b"0\r\nX: y\n\r\n",
}


def refusal(proxy, listener, case, before=b""):
    target = b"%s:%d" % (listener.host.encode(), listener.port)
    with net.connect(proxy.address) as client:
        if before:
            client.sendall(before)
            with listener.accept() as origin:
                net.recv_until(origin, b"\r\n\r\n")
                origin.sendall(OK)
            assert read_response(client).body == b"ok"
        client.sendall(CASES[case].replace(b"{t}", target))
        response = read_response(client)
        net.expect_end(client)
    return response


@pytest.mark.parametrize("again", [False, True], ids=["first", "second"])
def test_nothing_goes_upstream(io, again):
    """As the first request of a connection, and as the second, where it would be the worst."""
    with Listener() as listener, Proxy("--http", io=io) as proxy:
        for case in CASES:
            response = refusal(proxy, listener, case, request(listener) if again else b"")
            assert response.status == 400, f"{case}: {response.line}"
            assert response.get("Connection") == ["close"]
        listener.expect_nobody(0.1)


def test_chunks_that_turn_bad_later_end_the_request(io):
    """What has gone upstream stays without its end, and the client hears why."""
    with Listener() as listener, Proxy(io=io) as proxy, net.connect(proxy.address) as client:
        client.sendall(request(listener, "POST", "/", ["Transfer-Encoding: chunked"],
                               body=b"3\r\nabc\r\n"))
        with listener.accept() as origin:
            net.recv_until(origin, b"3\r\nabc\r\n")
            client.sendall(b"zz\r\n" + b"0\r\n\r\nGET http://x/ HTTP/1.1\r\n\r\n")
            assert read_response(client).status == 400
            net.expect_closed(origin)
        net.expect_end(client)
        listener.expect_nobody(0.05)


def test_trailers_are_bounded(io):
    with Listener() as listener, Proxy(io=io) as proxy, net.connect(proxy.address) as client:
        client.sendall(request(listener, "POST", "/", ["Transfer-Encoding: chunked"],
                               body=b"0\r\nX: " + b"a" * 9000 + b"\r\n\r\n"))
        assert read_response(client).status == 400


def test_extensions_and_trailers_are_dropped(io):
    with Listener() as listener, Proxy(io=io) as proxy, net.connect(proxy.address) as client:
        fields = ["Transfer-Encoding: chunked", "Trailer: Host"]
        client.sendall(request(listener, "POST", "/", fields,
                               body=b"3;a=\"b c\"\r\nabc\r\n000;x\r\nHost: other\r\n\r\n"))
        with listener.accept() as origin:
            head = net.recv_until(origin, b"\r\n\r\n")
            assert b"railer" not in head
            assert net.recv_exact(origin, 13) == b"3\r\nabc\r\n0\r\n\r\n"
            origin.sendall(OK)
        assert read_response(client).body == b"ok"
