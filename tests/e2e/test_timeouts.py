"""The one timer of T seconds, from accept to established; five seconds is the shortest T.

All situations of a test wait together, so that a test takes one T.
"""

import contextlib
import select
import time

from support import clients, data, net
from support.dns import Dns, Name
from support.proxy import Proxy
from support.servers import Blackhole

T = 5.0
LATE = 2.0 * net.SCALE
TTL_EXPIRED = b"\5\6\0\1\0\0\0\0\0\0"


class Start:
    """When the waiting began, for both bounds."""

    def __init__(self, stack):
        self.watch = stack.enter_context(net.Stopwatch())
        self.time = time.monotonic()


def ends_at_timeout(sock, started):
    """What arrives up to the end, which must come T seconds after the start."""
    sock.settimeout(T + LATE + 5)
    try:
        answer = net.recv_all(sock)
    except ConnectionResetError:
        answer = b""
    took = time.monotonic() - started.time
    assert T - 0.2 < took and started.watch.elapsed() < T + LATE, \
        f"ended after {took:.2f} s with {answer!r}"
    return answer


def drip(sock, started):
    """Sends a byte now and then up to the end."""
    with contextlib.suppress(OSError):
        while started.watch.elapsed() < T + LATE and not select.select([sock], [], [], 0.25)[0]:
            sock.sendall(b"a")
            net.until_read(sock)


def begin(stack, proxy, request):
    sock = stack.enter_context(net.connect(proxy.address))
    sock.sendall(request)
    return sock


def test_slow_clients_are_closed(io, echo):
    """Nothing said, half a request, a byte now and then: closed without a word at T."""
    starts = [b"", b"\5", b"\5\1\0", clients.socks5_greeting(0) + b"\5\1\0\3\x40loc",
              b"\4\1\0\x50\0\0\0\1user", b"CONNECT localhost", b"CONNECT a:1 HTTP/1.1\r\nA: b\r\n"]
    with Proxy("-t", "5", io=io) as proxy, contextlib.ExitStack() as stack:
        idle = stack.enter_context(clients.open_tunnel(proxy.address, echo.address))
        started = Start(stack)
        socks = [begin(stack, proxy, start) for start in starts]
        dripping = begin(stack, proxy, b"CONNECT ")
        drip(dripping, started)  # progress does not restart the timer
        for start, sock in zip(starts + [b"CONNECT aaa"], socks + [dripping]):
            answer = ends_at_timeout(sock, started)
            if start.startswith(b"CONNECT"):
                assert answer == b"" or answer.startswith(b"HTTP/1.1 408 "), answer
            else:
                assert answer in (b"", b"\5\0"), answer
        proxy.wait_log(r"^W .*handshake timeout")
        data.ping(idle)  # an established tunnel has no timer at all


def test_slow_targets_and_name_servers(io):
    """A target or hop that does not answer, a name server that does not: 06, 5B or a close."""
    with Blackhole() as hole, Dns({"silent.test": Name(drop=True)}) as dns, \
            Proxy("-t", "5", "--nameserver", dns.address_text, io=io) as proxy, \
            Proxy("-t", "5", "-x", f"socks5://127.0.0.1:{hole.port}", io=io) as chained, \
            contextlib.ExitStack() as stack:
        started = Start(stack)
        cases = [(proxy, hole.address), (proxy, ("silent.test", 80)), (chained, ("far.test", 80))]
        socks5 = [begin(stack, p, clients.socks5_greeting(0) + clients.socks5_request(*t))
                  for p, t in cases]
        socks4 = begin(stack, proxy, clients.socks4_request(*hole.address))
        http = begin(stack, proxy, clients.http_request(*hole.address))
        for sock, (_, target) in zip(socks5, cases):
            assert ends_at_timeout(sock, started) == b"\5\0" + TTL_EXPIRED, target
        assert ends_at_timeout(socks4, started) in (b"", b"\0\x5b\0\0\0\0\0\0")
        answer = ends_at_timeout(http, started)
        assert answer == b"" or answer.startswith((b"HTTP/1.1 504 ", b"HTTP/1.1 502 ")), answer


def test_silent_hop_behind_a_good_connect(io, listener):
    """The hop accepts and never answers."""
    with Proxy("-t", "5", "-x", f"http://127.0.0.1:{listener.port}", io=io) as proxy, \
            contextlib.ExitStack() as stack:
        started = Start(stack)
        sock = begin(stack, proxy, clients.socks5_greeting(0) + clients.socks5_request("a.test", 1))
        assert ends_at_timeout(sock, started) == b"\5\0" + TTL_EXPIRED


def test_proto_timeout_wants_a_byte_from_each_side(io, listener):
    with Proxy("-t", "5", "--proto-timeout", io=io) as proxy, contextlib.ExitStack() as stack:
        started = Start(stack)
        pairs = []
        for _ in range(4):
            client = stack.enter_context(clients.open_tunnel(proxy.address, listener.address))
            pairs.append((client, stack.enter_context(listener.accept())))
        nothing, up_only, down_only, both = pairs
        up_only[0].sendall(b"u")
        down_only[1].sendall(b"d")
        both[0].sendall(b"u")
        both[1].sendall(b"d")
        assert both[0].recv(1) == b"d" and both[1].recv(1) == b"u"
        assert down_only[0].recv(1) == b"d"
        for client, _ in (nothing, up_only, down_only):
            assert ends_at_timeout(client, started) == b""
        proxy.wait_log(r"^W .*protocol timeout")
        proxy.wait_log(r"^D .*: closed, .*, protocol timeout$")
        both[0].sendall(b"still")
        assert net.recv_exact(both[1], 5) == b"still"
