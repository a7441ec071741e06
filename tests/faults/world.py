"""What stands around the proxies of the walk, and the proxies: one for each family of options.

    with World(tmp_path, "epoll") as world:
        place = world.proxy("plain")
        place.measure()         # what is open and counted when nobody is here
"""

import contextlib
import gzip
import itertools
import pathlib
import re
import socket
import threading

from support import http_origin, mmdb_writer, net
from support.api import Api
from support.dns import Dns, Name
from support.hops import Hop
from support.proxy import Proxy
from support.servers import Server, echo
from support.udp import UdpEcho

from .control import Control

RULESET = """
rpc = {}
function rpc.echo(...) return ... end
local tries = 0
local names = neosocksd.set.domain_file("names.txt")
local packed = neosocksd.set.domain_file("names.gz")
local countries = neosocksd.set.geoip("geo.mmdb", "CN")
local rules = {}
function rules.resolve(address)
    local host = address:match("^([^:]+):")
    if host:find("refuse") then return nil end
    if host:find("sleep") then await.sleep(0.001) end
    if host:find("name") then
        if not await.resolve(host) then return nil end
    end
    if host:find("shell") then
        if not await.execute("exit 0") then return nil end
    end
    if host:find("call") then
        local ok, f = await.invoke("return true,1", "RPC")
        if not ok then return nil end
    end
    if host:find("forward") then
        await.forward("ECHO")
        return nil
    end
    if host:find("chain") then return "ECHO", "socks5://PLAIN" end
    return "ECHO"
end
function rules.route(address) return address end
function rules.tick() end
function rules.stats() return "tries " .. tries end
neosocksd.setinterval(1)
return rules
"""


# The options of the proxies; names in braces are those of World.
FAMILIES = {
    "plain": "--enable-socks5-udp --enable-socks5-bind --access-log {directory}/{engine}.log",
    "workers": "--enable-socks5-udp",
    "splice": "--pipe",
    "copy": "--no-pipe",
    "socks5 hop": "-x socks5://{socks5}",
    "socks4a hop": "-x socks4a://{socks4a}",
    "http hop": "-x http://{http}",
    "two hops": "-x http://{plain},socks5://{socks5}",
    "through us": "-x socks5://{plain} --enable-socks5-udp --enable-socks5-bind",
    "forward": "-f {echo}",
    "to unix": "-f unix:{directory}/target.sock",
    "unix": "--http unix:{directory}/proxy-{engine}.sock",
    "announcing": "-f {announced} --proxy-protocol-out v2",
    "believing": "--proxy-protocol-in 127.0.0.0/8",
    "redirect": "--redirect",
    "tuned": "--fastopen-connect --bind-address 127.0.0.1 --sndbuf 64k --rcvbuf 64k --keepalive 5 "
             "--enable-socks5-udp",
    "both families": "",
    "rules": "-r {directory}/rules.lua",
    "rules, workers": "-r {directory}/rules.lua",
}


class AnyName(dict):
    """A zone in which every name is here; those that nobody asked for before are never cached."""

    def get(self, name, default=None):
        if name.startswith("missing"):
            return default
        return Name(["127.0.0.1"], ["::1"] if name.startswith("both") else [], ttl=1)


def origin(sock):
    """Answers every request on the connection with its own body."""
    while True:
        request = http_origin.read_request(sock)
        if request.get("Upgrade"):
            sock.sendall(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            echo(sock)
            return
        body = request.body or b"ok"
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        if "close" in request.get("Connection"):
            return


def announced(sock):
    """Takes the PROXY header of a forwarded connection, then echoes."""
    assert net.recv_exact(sock, 28)[:4] == b"\r\n\r\n"
    echo(sock)


def rpc_peer(sock):
    http_origin.read_request(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-neosocksd-rpc; version=1\r\n"
                 b"Content-Length: 13\r\n\r\nreturn true,1")


def write_lists(directory):
    """What RULESET reads."""
    (directory / "names.txt").write_text("example.com\nexample.org\n" * 1000)
    (directory / "names.gz").write_bytes(gzip.compress(b"example.net\n" * 1000))
    mmdb_writer.write(directory / "geo.mmdb", {"192.0.2.0/24": mmdb_writer.country("CN")})


class UnixServer:
    """Echoes on a Unix socket."""

    def __init__(self, path):
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._listener.settimeout(None)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with sock, contextlib.suppress(OSError):
            sock.settimeout(None)
            echo(sock)

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Place:
    """One proxy with its control file."""

    def __init__(self, world, name, args, engine):
        self.world, self.name, self.engine = world, name, engine
        self.control = Control(world.directory / f"{name}-{engine}.faults")
        self.proxy = Proxy("--api", "127.0.0.1:0", "-t", "5", *args, io=engine,
                           env=self.control.env(), cwd=world.directory)
        self.proxy.wait_log("api listen: ")
        self.address = self.proxy.address
        self.api = Api(self.proxy)
        self.resting = self.pipes = 0
        self.more = None

    def metrics(self):
        text = self.api.get("/metrics").body.decode()
        return {name: float(value) for name, value in
                re.findall(r"^neosocksd_(\S+) (\S+)$", text, re.MULTILINE)}

    def descriptors(self):
        """Of all kinds but pipes: the pool keeps some."""
        return sum(1 for link in self.proxy.fds().values() if not link.startswith("pipe:"))

    def measure(self):
        """What the next settle() must come back to."""
        net.wait_for(self.idle, "the first sessions to end")
        self.resting = self.descriptors()
        self.pipes = self.proxy.fd_count("pipe:")
        self.more = None

    def idle(self):
        figures = self.metrics()
        return figures["sessions_active"] == 0 and figures["halfopen_connections"] == 0 \
            and figures["worker_bulk_relays{worker=\"0\"}"] == 0

    def settle(self, several=False):
        """Nobody is here, and nothing was kept."""
        net.wait_for(self.idle, lambda: f"gauges of zero: {list(self.metrics().items())[:3]}")
        net.wait_for(lambda: self.descriptors() <= self.resting,
                     lambda: f"descriptors to be closed: {self.resting} before, now "
                             f"{self.proxy.fds()}")
        net.wait_for(lambda: self.proxy.fd_count("pipe:") <= self.pipes + 8,
                     lambda: f"pipes to be closed: {self.proxy.fds()}")
        self.more = net.wait_for(lambda: self.counted(several), lambda: "every connection to have "
                                 f"its outcome, {self.more} more: {self.metrics()}")[0]

    def counted(self, several):
        """(How many more outcomes than connections there are,) if that is as it was."""
        figures = self.metrics()
        outcomes = {name: count for name, count in figures.items()
                    if name.startswith("outcomes_total") and count}
        served = figures["connections_served_total"]
        exchanges = figures["http_forwarded_total"] + figures["http_failed_total"]
        # On a kept connection there are several.
        more = sum(outcomes.values()) + exchanges - served
        same = self.more is None or more == self.more or several and more > self.more
        return same and (more,)


class World:
    def __init__(self, directory, engine):
        self.directory, self.engine = directory, engine
        self._stack = contextlib.ExitStack()
        self._places = {}
        self._numbers = itertools.count()

    def __enter__(self):
        enter = self._stack.enter_context
        self.echo = enter(Server(echo))
        self.origin = enter(Server(origin))
        self.rpc = enter(Server(rpc_peer))
        self.announced = enter(Server(announced))
        self.dns = enter(Dns(AnyName()))
        self.udp = enter(UdpEcho())
        self.socks5, self.socks4a, self.http = map(enter, map(Hop, ("socks5", "socks4a", "http")))
        target = UnixServer(self.directory / "target.sock")
        self._stack.callback(target.close)
        write_lists(self.directory)
        (self.directory / "rules.lua").write_text(
            RULESET.replace("ECHO", self["echo"])
            .replace("RPC", self["rpc"])
            .replace("PLAIN", self["socks5"]))
        return self

    def __exit__(self, *exception):
        # Each proxy ends in order, which proves its memory; then what stands around them.
        try:
            for place in self._places.values():
                place.control.disarm()
                place.control.calm()
                place.proxy.__exit__(*exception)
        finally:
            self._stack.__exit__(*exception)

    def name(self, stem):
        """One that was never asked for before."""
        return f"{stem}{next(self._numbers)}.test"

    def options(self, family):
        threads = 2 if "workers" in family else 1
        common = f"--threads {threads} --nameserver {self.dns.address_text} "
        if family != "both families":
            common += "-4 "
        return (common + FAMILIES[family].format_map(self)).split()

    def __getitem__(self, name):
        """What FAMILIES calls by this name."""
        if name == "plain":  # as somebody's hop
            return "{}:{}".format(*self.place("plain").address)
        value = getattr(self, name)
        return value if isinstance(value, (str, pathlib.Path)) else f"127.0.0.1:{value.port}"

    def place(self, family):
        if family not in self._places:
            self._places[family] = Place(self, re.sub(r"\W", "-", family), self.options(family),
                                         self.engine)
        return self._places[family]

    def restart(self, family):
        """After a finding: what the old one holds is of no interest any more."""
        self._places.pop(family).proxy.kill()
        return self.place(family)
