"""The conversations that the walk has over and over: each succeeds, or raises.

A scenario is a function of its World and Place. What it raises says how a session ended that was
hit: OSError, net.Ended, clients.Refused and failed assertions are outcomes, a TimeoutError is a
client that was left waiting. Datagrams may be lost, so they are sent again.
"""

import contextlib
import re
import signal
import socket

from support import clients, data, http_origin, net
from support.api import request
from support.udp import Association, command

# Longer than the proxy's own -t 5, after which it must have answered.
PATIENCE = 9.0 * net.SCALE
SMALL = bytes(range(256)) * 8
LARGE = SMALL * 256  # spliced after the first receives
SCENARIOS = {}


def scenario(*families):
    def take(function):
        for family in families:
            SCENARIOS[f"{function.__name__} ({family})"] = (family, function)
        return function
    return take


def connect(place):
    sock = net.connect(place.address)
    sock.settimeout(PATIENCE)
    return sock


def tunnel(place, kind, target):
    sock = connect(place)
    try:
        clients.request_tunnel(kind, sock, *target)
    except BaseException:
        sock.close()
        raise
    return sock


def converse(sock, stream=SMALL):
    """There and back over an echo, then both ends in order."""
    work = data.Background(data.send_stream, sock, stream, True)
    try:
        data.expect_stream(sock, stream, True)
    finally:
        net.disconnect(sock) if work.is_alive() else None
        work.join()


def through(place, kind, target, stream=SMALL):
    with tunnel(place, kind, target) as sock:
        converse(sock, stream)


@scenario("plain", "workers", "socks5 hop", "http hop", "two hops", "tuned")
def socks5(world, place):
    through(place, "socks5", world.echo.address)


@scenario("plain", "socks4a hop")
def socks4a(world, place):
    through(place, "socks4a", (world.name("four"), world.echo.port))


@scenario("plain")
def socks5_name(world, place):
    through(place, "socks5h", (world.name("five"), world.echo.port))


@scenario("plain")
def http_connect(world, place):
    through(place, "http", world.echo.address)


@scenario("plain", "workers", "splice", "copy")
def bulk(world, place):
    through(place, "socks5", world.echo.address, LARGE)


@scenario("plain")
def refused(world, place):
    dead, address = net.dead_port()
    with dead:
        clients.expect_refusal(place.address, address, "socks5", 5)


@scenario("plain")
def nonsense(world, place):
    with connect(place) as sock:
        sock.sendall(b"\6\6\6\6 what is this\r\n\r\n")
        # A reset, if not all of it was read.
        with contextlib.suppress(ConnectionResetError):
            net.recv_all(sock)


@scenario("plain")
def reset(world, place):
    sock = tunnel(place, "socks5", world.echo.address)
    sock.sendall(SMALL)
    net.recv_exact(sock, 1)
    net.reset(sock)


@scenario("plain")
def http_get(world, place):
    with connect(place) as sock:
        for _ in range(2):
            sock.sendall(http_origin.request(world.origin))
            answer = http_origin.read_response(sock)
            assert (answer.status, answer.body) == (200, b"ok"), answer


@scenario("plain")
def http_post(world, place):
    with connect(place) as sock:
        sock.sendall(http_origin.request(world.origin, "POST", "/",
                                         ["Transfer-Encoding: chunked", "Connection: close"],
                                         body=http_origin.chunked(SMALL, SMALL)))
        answer = http_origin.read_response(sock)
        assert (answer.status, answer.body) == (200, SMALL * 2), answer.line


@scenario("plain", "workers", "through us", "tuned")
def udp(world, place):
    with Association(place.address, patience=PATIENCE) as association:
        association.socket.settimeout(0.1 * net.SCALE)
        association.control.settimeout(0.001)
        for host in ("127.0.0.1", world.name("udp")):
            for _ in range(60):
                association.send((host, world.udp.port), b"there")
                try:
                    assert association.receive()[2] == b"there"
                    break
                except TimeoutError:
                    still_there(association.control)
            else:
                raise TimeoutError("no datagram comes back")


def still_there(control):
    """An association that has ended says so on its connection."""
    try:
        if control.recv(1) == b"":
            raise ConnectionAbortedError("the association has ended")
    except TimeoutError:
        pass


@scenario("plain", "through us")
def bind(world, place):
    with command(place.address, 2) as sock:
        sock.settimeout(PATIENCE)
        reply = clients.read_socks5_reply(sock)
        if reply.code:
            raise clients.Refused(reply.code)
        with net.connect((reply.host, reply.port)) as peer:
            peer.settimeout(PATIENCE)
            second = clients.read_socks5_reply(sock)
            if second.code:
                raise clients.Refused(second.code)
            peer.sendall(b"hello")
            assert net.recv_exact(sock, 5) == b"hello"
            sock.sendall(b"well met")
            assert net.recv_exact(peer, 8) == b"well met"
            peer.close()
            assert sock.recv(1) == b""


@scenario("forward", "to unix")
def forward(world, place):
    with connect(place) as sock:
        converse(sock)


@scenario("announcing")
def announcing(world, place):
    with connect(place) as sock:
        converse(sock)


@scenario("believing")
def believed(world, place):
    with connect(place) as sock:
        sock.sendall(b"PROXY TCP4 192.0.2.7 198.51.100.2 5000 443\r\n")
        clients.request_tunnel("socks5", sock, *world.echo.address)
        converse(sock)


@scenario("redirect")
def straight_to_a_transparent_listener(world, place):
    with connect(place) as sock:
        net.expect_closed(sock)


@scenario("both families")
def two_addresses(world, place):
    through(place, "socks5h", (world.name("both"), world.echo.port))
    through(place, "socks5h", ("localhost", world.echo.port))


@scenario("plain")
def no_such_name(world, place):
    clients.expect_refusal(place.address, (world.name("missing"), 80), "socks5h", 4)


@scenario("plain")
def upgrade(world, place):
    with connect(place) as sock:
        sock.sendall(http_origin.request(world.origin, "GET", "/",
                                         ["Connection: Upgrade", "Upgrade: echo"]))
        assert net.recv_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        converse(sock)


@scenario("forward")
def forward_bulk(world, place):
    with connect(place) as sock:
        converse(sock, LARGE)


@scenario("unix")
def over_unix(world, place):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(str(world.directory / f"proxy-{world.engine}.sock"))
        clients.request_tunnel("http", sock, *world.echo.address)
        data.ping(sock, SMALL)
        sock.shutdown(socket.SHUT_WR)
        net.expect_end(sock)


def api_call(place, *words, status=200):
    with place.api.connect() as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(request(*words))
        answer = http_origin.read_response(sock)
        assert answer.status == status, answer.line
        return answer


@scenario("plain", "workers")
def api(world, place):
    api_call(place, "GET", "/healthy")
    api_call(place, "GET", "/stats")
    api_call(place, "GET", "/metrics")
    api_call(place, "GET", "/sessions")
    api_call(place, "GET", "/nowhere", status=404)


@scenario("plain", "workers")
def api_stream(world, place):
    with place.api.connect() as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(request("GET", "/sessions/stream?rates=0"))
        assert net.recv_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        with tunnel(place, "socks5", world.echo.address) as client:
            data.ping(client)
            opened = b""
            me = "{}:{}".format(*client.getsockname()).encode()
            while me not in opened:  # sessions of before may be closing
                opened = net.recv_until(sock, b"\n\n")
            number = re.search(rb'"id":\s*(\d+)', opened).group(1).decode()
            api_call(place, "DELETE", f"/sessions/{number}", status=204)
            net.expect_closed(client)


@scenario("rules", "rules, workers")
def rules(world, place):
    for stem in ("sleep", "name", "shell", "call", "forward", "chain"):
        with tunnel(place, "socks5h", (world.name(stem), 80)) as sock:
            data.ping(sock)
    clients.expect_refusal(place.address, (world.name("refuse"), 80), "socks5h", 1)


@scenario("rules", "rules, workers")
def rpc(world, place):
    kind = "Content-Type: application/x-neosocksd-rpc; version=1"
    answer = api_call(place, "POST", "/ruleset/rpcall", b"return rpc.echo('there')", kind)
    assert answer.body == b'return true,"there"', answer.body
    api_call(place, "POST", "/ruleset/invoke", b"-- " + b"x" * 5000)
    api_call(place, "POST", "/stats")


@scenario("rules", "rules, workers")
def reload(world, place):
    mark = place.proxy.mark()
    place.proxy.signal(signal.SIGHUP)
    # A fault may have hit the log.
    with contextlib.suppress(AssertionError):
        place.proxy.wait_log("ruleset|reload", after=mark, deadline=0.5)
    with tunnel(place, "socks5h", (world.name("after"), 80)) as sock:
        data.ping(sock)


@scenario("plain")
def rotate(world, place):
    place.proxy.signal(signal.SIGUSR1)
    through(place, "socks5", world.echo.address)
