"""Real proxies of other makes, as hops: microsocks, danted, squid, tinyproxy.

None of them can bind port zero and say which port it got: each start picks a free port, which is
held for it as long as it runs, so that what answers there is the peer.
"""

import os
import subprocess
import tempfile
import time
import urllib.parse

from support import net
from support.process import Child, program

# A colon, an at sign and a percent sign, so that percent-decoding has to be right.
AUTH = ("alice", "op:en@50%")
PLAIN_AUTH = ("alice", "sesame")  # tinyproxy takes letters and digits only


class Peer(Child):
    """A running hop; `auth` is the (user, password) it wants, or None."""

    scheme = "socks5"

    def __init__(self, argv, address, auth=None, **options):
        super().__init__(argv, **options)
        self.address = address
        self.host, self.port = address
        self.auth = auth
        self.holder = None

    def kill(self):
        super().kill()
        if self.holder:
            self.holder.close()

    def url(self, auth=None):
        """What goes into -x: with the right credentials, unless others are given."""
        return hop_url(self.scheme, self.address, auth or self.auth)


def hop_url(scheme, address, auth=None):
    user = ":".join(urllib.parse.quote(part, safe="") for part in auth) + "@" if auth else ""
    return f"{scheme}://{user}{address[0]}:{address[1]}"


def start(make, what, deadline=20.0):
    """Calls make(port) until the peer listens there."""
    for _ in range(5):
        holder, address = net.held_port()
        peer = make(address)
        peer.holder = holder
        end = time.monotonic() + deadline * net.SCALE
        while peer.running() and time.monotonic() < end:
            if not net.refused(address):
                return peer
            time.sleep(0.01)
        log = peer.tail()
        peer.kill()
    raise AssertionError(f"{what} does not start; its log:\n{log}")


def microsocks(auth=False):
    command = program("microsocks", "microsocks")
    words = ["-u", AUTH[0], "-P", AUTH[1]] if auth else []
    return start(lambda address: Peer([command, "-i", address[0], "-p", str(address[1]), *words],
                                      address, AUTH if auth else None), "microsocks")


def danted(workdir):
    command = program("danted", "dante-server")

    def make(address):
        path = workdir / f"danted-{address[1]}.conf"
        path.write_text(
            "logoutput: stderr\n"
            f"internal: {address[0]} port = {address[1]}\n"
            "external: 127.0.0.1\n"
            "clientmethod: none\nsocksmethod: none\n"
            "client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }\n"
            "socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0 command: connect }\n")
        return Peer([command, "-f", path, "-N", "1", "-p", workdir / f"danted-{address[1]}.pid"],
                    address)

    return start(make, "danted")


class HttpPeer(Peer):
    scheme = "http"


def squid(workdir, auth=False):
    command = program("squid", "squid")
    directory = workdir / ("squid-auth" if auth else "squid")
    directory.mkdir()
    directory.chmod(0o777)
    access = "http_access allow all\n"
    if auth:
        helper = program("basic_ncsa_auth", "squid")
        digest = subprocess.run([program("openssl", "openssl"), "passwd", "-apr1", AUTH[1]],
                                check=True, capture_output=True, text=True).stdout.strip()
        users = directory / "users"
        users.write_text(f"{AUTH[0]}:{digest}\n")
        users.chmod(0o644)
        access = (f"auth_param basic program {helper} {users}\n"
                  "auth_param basic children 1 startup=1\n"
                  "auth_param basic realm hop\n"
                  "acl known proxy_auth REQUIRED\n"
                  "http_access allow known\nhttp_access deny all\n")

    def make(address):
        path = directory / "squid.conf"
        path.write_text(
            f"http_port {address[0]}:{address[1]}\n{access}"
            "cache deny all\ncache_mem 4 MB\nmemory_pools off\nvia off\n"
            "pid_filename none\naccess_log none\nnetdb_filename none\npinger_enable off\n"
            f"cache_log {directory}/cache.log\ncoredump_dir {directory}\n"
            "shutdown_lifetime 0 seconds\nmax_filedescriptors 1024\nvisible_hostname hop\n"
            "dns_nameservers 127.0.0.1\nconnect_retries 0\nconnect_timeout 5 seconds\n")
        return HttpPeer([command, "-N", "-f", path], address, AUTH if auth else None)

    return start(make, "squid")


def tinyproxy(workdir, auth=False):
    command = program("tinyproxy", "tinyproxy")

    def make(address):
        path = workdir / f"tinyproxy-{address[1]}.conf"
        path.write_text(
            f"Port {address[1]}\nListen {address[0]}\nTimeout 600\nMaxClients 200\n"
            "LogLevel Warning\n" + ("BasicAuth {} {}\n".format(*PLAIN_AUTH) if auth else ""))
        return HttpPeer([command, "-d", "-c", path], address, PLAIN_AUTH if auth else None)

    return start(make, "tinyproxy")


def haproxy(target, sending):
    """In front of us: hands connections on, with a PROXY header if `sending` says so."""
    command = program("haproxy", "haproxy")

    def make(address):
        config = tempfile.NamedTemporaryFile("w", suffix=".cfg")
        config.write("global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 5s\n"
                     "  timeout client 60s\n  timeout server 60s\n"
                     f"listen front\n  bind {address[0]}:{address[1]}\n"
                     f"  server us {target[0]}:{target[1]} {sending}\n")
        config.flush()
        peer = Peer([command, "-db", "-f", config.name], address)
        peer.config = config  # read at start, and gone with the peer
        return peer

    return start(make, "haproxy")


def environment(**more):
    """The environment without proxy settings, which clients would follow."""
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return env | {"NO_PROXY": "", "no_proxy": ""} | more
