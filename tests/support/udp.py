"""SOCKS5 datagrams by hand: a client of UDP ASSOCIATE, a UDP target, a hop that can associate."""

import socket
import struct
import threading

from support import clients, net, peers
from support.process import program


def header(host, port, fragment=0):
    return bytes([0, 0, fragment]) + clients.socks5_address(host) + struct.pack("!H", port)


def unwrap(datagram):
    """(host, port, payload) of a datagram from the proxy."""
    assert datagram[:3] == b"\0\0\0", f"not a whole SOCKS5 datagram: {datagram[:8]!r}"
    size = {1: 4, 4: 16}[datagram[3]]  # a reply never carries a name
    family = socket.AF_INET if size == 4 else socket.AF_INET6
    port, = struct.unpack_from("!H", datagram, 4 + size)
    return socket.inet_ntop(family, datagram[4:4 + size]), port, datagram[6 + size:]


def ask(sock, number, host="0.0.0.0", port=0):
    """Asks for a command; its replies are still to be read."""
    sock.sendall(clients.socks5_greeting(0) + clients.socks5_request(host, port, number))
    assert net.recv_exact(sock, 2) == b"\5\0"


def command(proxy, number, host="0.0.0.0", port=0):
    """A connection on which a command was asked for."""
    sock = net.connect(proxy)
    ask(sock, number, host, port)
    return sock


def bound_socket(host):
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.settimeout(net.DEADLINE)
    return sock


class Association:
    def __init__(self, proxy, port=None, patience=None):
        """port: what the request names as ours: None for nothing, True for our real one."""
        host = ("::1" if ":" in proxy[0] else "127.0.0.1")
        self.socket = bound_socket(host)
        named = self.socket.getsockname()[1] if port is True else port or 0
        self.control = net.connect(proxy)
        self.control.settimeout(patience or net.DEADLINE)
        try:
            ask(self.control, 3, "::" if ":" in host else "0.0.0.0", named)
            reply = clients.read_socks5_reply(self.control)
            if reply.code:
                raise clients.Refused(reply.code)
        except BaseException:
            self.close()
            raise
        self.control.settimeout(net.DEADLINE)
        self.relay = (reply.host, reply.port)

    def send(self, target, payload, fragment=0):
        self.socket.sendto(header(*target, fragment) + payload, self.relay)

    def until_read(self):
        """Waits until the program has read what was sent, so that there is room for more."""
        place = "{}:{:04X}".format(socket.inet_pton(
            self.socket.family, self.relay[0])[::-1].hex().upper(), self.relay[1])

        def is_read():
            with open("/proc/net/udp") as table:
                rows = [line.split() for line in table]
            queue, = (row[4] for row in rows if row[1] == place)
            return queue.endswith(":00000000")

        net.wait_for(is_read, "the datagrams to be read")

    def receive(self):
        datagram, source = self.socket.recvfrom(1 << 16)
        assert source[:2] == self.relay, f"an answer from {source}, not from {self.relay}"
        return unwrap(datagram)

    def ask(self, target, payload):
        """The payload that comes back, from anywhere."""
        self.send(target, payload)
        return self.receive()[2]

    def expect_silence(self, seconds=0.2):
        self.socket.settimeout(seconds)
        try:
            datagram = self.socket.recv(1 << 16)
        except TimeoutError:
            return
        finally:
            self.socket.settimeout(net.DEADLINE)
        raise AssertionError(f"expected silence, got {datagram[:100]!r}")

    def close(self):
        self.socket.close()
        self.control.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class UdpEcho:
    """Sends each datagram back with `mark` in front; `sources` are whom it heard."""

    def __init__(self, host="127.0.0.1", mark=b"", port=0):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET,
                                    socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.address = self.socket.getsockname()[:2]
        self.host, self.port = self.address
        self.sources = []
        self.payloads = []
        self._mark = mark
        self._ending = False
        self.socket.settimeout(None)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            data, source = self.socket.recvfrom(1 << 16)
            if self._ending:
                return
            self.sources.append(source[:2])
            self.payloads.append(data)
            try:
                self.socket.sendto(self._mark + data, source)
            except OSError:
                pass  # too long with the mark, or nobody there any more

    def close(self):
        self._ending = True
        with socket.socket(self.socket.family, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", self.address)
        self._thread.join(net.DEADLINE)
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def danted(workdir):
    """One that may do everything: the shared one only connects."""
    binary = program("danted", "dante-server")

    def make(address):
        path = workdir / f"danted-udp-{address[1]}.conf"
        path.write_text(
            "logoutput: stderr\n"
            f"internal: {address[0]} port = {address[1]}\n"
            "external: 127.0.0.1\n"
            "clientmethod: none\nsocksmethod: none\n"
            "client pass { from: 127.0.0.0/8 to: 0.0.0.0/0 }\n"
            "socks pass { from: 127.0.0.0/8 to: 0.0.0.0/0\n"
            "  command: bind bindreply connect udpassociate udpreply }\n"
            "socks pass { from: 0.0.0.0/0 to: 127.0.0.0/8 command: bindreply udpreply }\n")
        return peers.Peer([binary, "-f", path, "-N", "1", "-p",
                           workdir / f"danted-udp-{address[1]}.pid"], address)

    return peers.start(make, "danted")
