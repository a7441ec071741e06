"""Attacks on the resources of the proxy, and what an honest client feels meanwhile.

Each attack is a context manager that is running when its block begins. `measure` sends honest
sessions, a few at a time, and tells how many came through, after how many tries and how long they
took. test_attacks.py asserts that all came through; table.py prints the figures.
"""

import contextlib
import dataclasses
import os
import random
import socket
import subprocess
import sys
import threading
import time
import zlib

from support import clients, data, net
from support.api import address as api_address
from support.dns import Dns, Name
from support.servers import Server, source
from support.udp import Association, header

SILENT = """
import resource, socket, sys
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
socks = []
for number in range(count):
    sock = socket.socket()
    sock.setblocking(False)
    sock.bind(("127.0.1.%d" % (1 + number % 200), 0))
    sock.connect_ex((host, port))
    socks.append(sock)
print("there", flush=True)
sys.stdin.read()
"""


# What honest clients feel.

@dataclasses.dataclass
class Felt:
    times: list = dataclasses.field(default_factory=list)  # seconds, of those that came through
    failed: int = 0
    tries: int = 0

    def percentile(self, p):
        times = sorted(self.times)
        return times[min(len(times) - 1, int(p * len(times)))] if times else float("nan")


def session(proxy, target, kind):
    with clients.open_tunnel(proxy, target, kind) as sock:
        for _ in range(3):
            data.ping(sock, os.urandom(100))


def honest(felt, lock, proxy, target, kind, patience):
    """One who wants to get through, and comes again when turned away, as people do."""
    begun = time.monotonic()
    while True:
        with lock:
            felt.tries += 1
        try:
            session(proxy, target, kind)
            with lock:
                felt.times.append(time.monotonic() - begun)
            return
        except (OSError, net.Ended, clients.Refused) as error:
            if time.monotonic() - begun > patience:
                print(f"an honest {kind} session failed: {error!r}")
                with lock:
                    felt.failed += 1
                return
            threading.Event().wait(0.05)


def measure(proxy, target, count, seconds=0.0, abreast=4, patience=None):
    """So many sessions at least, and for so long at least."""
    felt, lock = Felt(), threading.Lock()
    patience = patience or 2 * net.DEADLINE
    kinds = ["socks5", "socks4a", "http"]
    until = time.monotonic() + seconds

    def some(number):
        while number < count or time.monotonic() < until:
            honest(felt, lock, proxy.address, target, kinds[number % 3], patience)
            number += abreast
            threading.Event().wait(0.01)

    for thread in [data.Background(some, first) for first in range(abreast)]:
        thread.join(seconds + count * patience)
    return felt


# Attackers.

class Crowd:
    """Connections that are fed by one thread: feed(sock, number) now and then, for as long as the
    block lasts; who is turned away comes back."""

    def __init__(self, address, count, feed, interval):
        self._address, self._feed, self._interval = address, feed, interval
        self._ending = threading.Event()
        self._socks = [self._connect() for _ in range(count)]
        self._thread = data.Background(self._run)

    def _connect(self):
        sock = net.connect(self._address)
        sock.setblocking(False)
        return sock

    def _run(self):
        turn = 0
        while not self._ending.wait(self._interval):
            turn += 1
            for number, sock in enumerate(self._socks):
                try:
                    self._feed(sock, turn)
                except BlockingIOError:
                    continue
                except OSError:
                    sock.close()
                    with contextlib.suppress(OSError):
                        self._socks[number] = self._connect()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._thread.join()
        for sock in self._socks:
            sock.close()


def trickle(text):
    """A byte of the text at a time, for ever."""
    def feed(sock, turn):
        sock.send(text[turn % len(text):][:1])
    return feed


def flood(piece):
    def feed(sock, _):
        while sock.send(piece):
            pass
    return feed


@contextlib.contextmanager
def repeating(*work):
    """Each function again and again, in a thread of its own."""
    ending = threading.Event()

    def run(function):
        while not ending.is_set():
            with contextlib.suppress(OSError, net.Ended, clients.Refused):
                function()

    threads = [data.Background(run, function) for function in work]
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def silent_connections(proxy, count):
    """From processes of their own: there are more than one may have."""
    crowds = []
    try:
        while count > 0:
            some = min(count, 15000)
            count -= some
            crowds.append(subprocess.Popen(
                [sys.executable, "-c", SILENT, *map(str, proxy.address), str(some)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        for crowd in crowds:
            assert crowd.stdout.readline() == b"there\n"
        yield
    finally:
        for crowd in crowds:
            crowd.stdin.close()
            crowd.wait()
            crowd.stdout.close()


def slowloris(proxy, count):
    return Crowd(proxy.address, count, trickle(b"\5\xff" + bytes(range(255))), 0.2)


def slowloris_http(proxy, count):
    return Crowd(proxy.listeners[-1], count, trickle(b"GET http://x/ HTTP/1.1\r\nA: b\r\n"), 0.2)


def slowloris_api(proxy, count):
    return Crowd(api_address(proxy), count, trickle(b"POST /ruleset/invoke HTTP/1.1\r\nA: b\r\n"),
                 0.2)


def half_open(proxy, count):
    """They say hello, and come again as soon as they are turned away."""
    def feed(sock, turn):
        if turn == 1:
            sock.send(clients.socks5_greeting(0))
        elif sock.recv(100) == b"":
            raise ConnectionResetError

    return Crowd(proxy.address, count, feed, 0.05)


def giant_heads(proxy, count):
    return Crowd(proxy.address, count, flood(b"GET http://x/" + b"a" * 60000), 0.02)


def giant_heads_api(proxy, count):
    return Crowd(api_address(proxy), count, flood(b"A" * 60000), 0.02)


def nonsense(proxy, count):
    """As fast as it goes: each is an error for the log."""
    def once():
        with net.connect(proxy.address) as sock:
            sock.sendall(b"\xff nonsense")
            net.expect_closed(sock)
    return repeating(*[once] * min(count, 8))


def zip_bombs(proxy, count):
    """128 MiB in 130 KB, as code, by those who may run code; all others are turned away unread."""
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(128)) + packer.flush()
    head = (b"POST /ruleset/invoke HTTP/1.1\r\nContent-Encoding: deflate\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(bomb))

    def once():
        with net.connect(api_address(proxy)) as sock:
            sock.sendall(head + bomb)
            net.recv_all(sock)
    return repeating(*[once] * min(count, 8))


@contextlib.contextmanager
def endless_chunks(proxy, count):
    """Uploads without an end: to an origin that does not read, and to the API."""
    def sleep(sock):
        sock.recv(1)
        ending.wait()

    ending = threading.Event()
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    with Server(sleep) as origin:
        heads = [b"POST http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n" % origin.port,
                 b"POST /ruleset/invoke HTTP/1.1\r\n"]
        tail = b"Transfer-Encoding: chunked\r\n\r\n"

        def feed(head):
            flooding = flood(chunk * 16)
            begun = set()

            def feed_one(sock, turn):
                if sock not in begun:
                    begun.add(sock)
                    sock.send(head + tail)
                flooding(sock, turn)
            return feed_one

        with Crowd(proxy.address, count // 2, feed(heads[0]), 0.02), \
                Crowd(api_address(proxy), min(count // 2, 100), feed(heads[1]), 0.02):
            try:
                yield
            finally:
                ending.set()


@contextlib.contextmanager
def never_reading(proxy, count):
    """Downloads without an end that nobody reads."""
    with Server(source(bytes(64 << 20))) as origin:
        def once(_):
            sock = net.connect(proxy.address, rcvbuf=4096)
            clients.request_tunnel("socks5", sock, *origin.address)
            return sock

        socks = [once(number) for number in range(min(count, 40))]
        try:
            yield
        finally:
            for sock in socks:
                net.reset(sock)


DNS_CROWD = [f"127.{a}.{b}.1" for a in range(1, 40) for b in range(100)]


def many_addresses(proxy, count):
    """Names with 3,900 addresses each, none of which answers."""
    turn = iter(range(1 << 30))

    def once():
        with net.connect(proxy.address) as sock:
            sock.sendall(clients.socks4a_request(f"crowd{next(turn) % 50}.test", 1))
            sock.settimeout(1)
            sock.recv(8)
    return repeating(*[once] * min(count, 8))


@contextlib.contextmanager
def datagrams(proxy, count):
    """A client's own flood, and strangers who guess the port of somebody's association."""
    with Association(proxy.address) as own:
        strangers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4)]
        good = header("127.0.0.1", 9) + bytes(1000)

        def mine():
            for _ in range(100):
                own.socket.sendto(good, own.relay)
            threading.Event().wait(0.001)

        def theirs():
            for sock in strangers:
                for _ in range(50):
                    sock.sendto(b"\0\0\0\1 spoofed", own.relay)
            threading.Event().wait(0.001)

        with repeating(mine, theirs):
            yield
        for sock in strangers:
            sock.close()


# Rules that do what the name asks for, as careless rules would: much memory, or much time.
RULES = """
local function bomb(name)
    if name == "table" then
        local t = {}
        for i = 1, 200000 do t[i] = {i} end
    elseif name == "string" then
        local s = ("x"):rep(8 << 20)
        return #(s .. s)
    elseif name == "recursion" then
        local function f(n) return 1 + f(n + 1) end
        return f(1)
    elseif name == "pattern" then
        return ("a"):rep(120):find((".-"):rep(3) .. "b")
    elseif name == "loop" then
        local till = os.clock() + 0.1
        while os.clock() < till do end
    end
end
local function resolve(addr)
    local name = addr:match("^(%a+)%.bomb:")
    if name then
        bomb(name)
        return nil
    end
    return addr
end
return {resolve = resolve, route = function(addr) return addr end}
"""


def lua_bombs(*names):
    def attack(proxy, count):
        turn = iter(range(1 << 30))

        def once():
            name = names[next(turn) % len(names)]
            with net.connect(proxy.address) as sock:
                sock.sendall(clients.socks4a_request(f"{name}.bomb", 1))
                sock.recv(8)
        return repeating(*[once] * min(count, 4))
    return attack


# The table.

@dataclasses.dataclass
class Attack:
    name: str
    run: object  # (proxy, count) -> context manager
    count: int  # of attackers, when attacked in earnest
    args: tuple = ()
    mib: int = 48  # how much the memory may grow (without sanitizer)
    small: int = 100  # attackers in the tests
    rules: bool = False
    dns: bool = False
    nofile: int = None  # in the tests


API = ("--api", "127.0.0.1:0")
ATTACKS = [
    Attack("slowloris", slowloris, 2000, ("-t", "5")),
    Attack("slowloris HTTP", slowloris_http, 2000, ("-t", "5", "--http", "127.0.0.1:0")),
    Attack("slowloris API", slowloris_api, 240, ("-t", "5", *API)),
    Attack("silent", silent_connections, 24000, ("-t", "5"), 200, small=220, nofile=300),
    Attack("half-open", half_open, 500, ("-t", "5", "--max-startups", "10:30:4000"), small=100),
    Attack("nonsense", nonsense, 8),
    Attack("giant heads", giant_heads, 200),
    Attack("giant heads API", giant_heads_api, 200, API),
    Attack("endless chunks", endless_chunks, 200, (*API,), 96, small=40, rules=True),
    Attack("zip bombs", zip_bombs, 4, (*API,), 300, small=1, rules=True),
    Attack("never reading", never_reading, 40, (), 64, small=10),
    Attack("many addresses", many_addresses, 8, small=4, dns=True),
    Attack("datagrams", datagrams, 1, ("--enable-socks5-udp",)),
    Attack("Lua memory", lua_bombs("table", "string", "recursion"), 4,
           ("--memlimit", "32"), 200, small=2, rules=True),
    Attack("Lua time", lua_bombs("loop", "pattern"), 2, (), small=1, rules=True),
]


@contextlib.contextmanager
def ready(attack, directory):
    """The options for a Proxy that is to be attacked so."""
    with contextlib.ExitStack() as stack:
        args = list(attack.args)
        if attack.rules:
            path = directory / "bombs.lua"
            path.write_text(RULES)
            args += ["-r", path]
        if attack.dns:
            zone = {f"crowd{number}.test": Name(random.sample(DNS_CROWD, 2000))
                    for number in range(50)}
            args += ["--nameserver", stack.enter_context(Dns(zone)).address_text, "-4", "-t", "5"]
        yield args
