"""Network namespaces: a client, a gateway and a server, joined by veth pairs. Needs root.

    with Network() as network:
        with network.inside("server"):
            server = Server(echo, "198.51.100.2")      # its sockets stay in that namespace

Each namespace lives as long as a process that sleeps in it: `ip netns` would name them by mounts,
which a chroot may not allow. Addresses are those reserved for documentation.
"""

import contextlib
import ctypes
import os
import subprocess
import threading

from support import net
from support.process import Child, program

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
CLIENT, GATEWAY, SERVER = "client", "gateway", "server"
LINKS = [  # (namespace, interface, addresses), two and two the ends of one cable
    ((CLIENT, "c0", ["192.0.2.2/24", "2001:db8:1::2/64"]),
     (GATEWAY, "g0", ["192.0.2.1/24", "2001:db8:1::1/64"])),
    ((GATEWAY, "g1", ["198.51.100.1/24", "2001:db8:2::1/64"]),
     (SERVER, "s0", ["198.51.100.2/24", "2001:db8:2::2/64"])),
]


def run(*argv, text=None):
    done = subprocess.run([str(word) for word in argv], input=text, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, argv))}: {done.stderr}"


class Network:
    def __init__(self):
        self._ip = program("ip", "iproute2")
        self._sleepers = {}

    def _path(self, host):
        return f"/proc/{self._sleepers[host].pid}/ns/net"

    def __enter__(self):
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self):
        here = os.readlink("/proc/self/ns/net")
        for host in (CLIENT, GATEWAY, SERVER):
            self._sleepers[host] = Child(
                [program("unshare", "util-linux"), "--net", "sleep", "infinity"])
            net.wait_for(lambda: os.readlink(self._path(host)) != here, "a network namespace")
            self.ip(host, "link", "set", "lo", "up")
        for ends in LINKS:
            (first, a, _), (second, b, _) = ends
            self.ip(first, "link", "add", a, "type", "veth", "peer", "name", b, "netns",
                    self._sleepers[second].pid)
            for host, interface, addresses in ends:
                for address in addresses:
                    self.ip(host, "addr", "add", address, "dev", interface,
                            *(["nodad"] if ":" in address else []))
                self.ip(host, "link", "set", interface, "up")
        for host, hop4, hop6 in ((CLIENT, "192.0.2.1", "2001:db8:1::1"),
                                 (SERVER, "198.51.100.1", "2001:db8:2::1")):
            self.ip(host, "route", "add", "default", "via", hop4)
            self.ip(host, "-6", "route", "add", "default", "via", hop6)

    def __exit__(self, *_):
        for sleeper in self._sleepers.values():
            sleeper.kill()

    def ip(self, host, *words):
        self.exec(host, self._ip, *words)

    def exec(self, host, *argv, text=None):
        run(program("nsenter", "util-linux"), f"--net={self._path(host)}", *argv, text=text)

    @contextlib.contextmanager
    def inside(self, host):
        """This thread, and the processes it starts, are in the namespace meanwhile."""
        home = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        away = os.open(self._path(host), os.O_RDONLY)
        try:
            assert LIBC.setns(away, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert LIBC.setns(home, CLONE_NEWNET) == 0
        finally:
            os.close(home)
            os.close(away)
