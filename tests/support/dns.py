"""A DNS server for tests, on UDP and TCP of one port; it counts what it is asked.

    with Dns({"a.test": Name(v4=["127.0.0.1"])}) as dns:
        Proxy("--nameserver", dns.address_text, ...)

Names not in the zone get NXDOMAIN. A name may answer late, when told to (`hold`, an Event), never
(`drop`), with a failure code, or with thousands of addresses, which need TCP. A query that is sent
again because the answer is late, with the same number, is counted once.
"""

import dataclasses
import socket
import socketserver
import struct
import threading
import time

from support import net

A, AAAA, OPT = 1, 28, 41
NXDOMAIN, SERVFAIL = 3, 2


@dataclasses.dataclass
class Name:
    v4: list = dataclasses.field(default_factory=list)
    v6: list = dataclasses.field(default_factory=list)
    ttl: int = 60
    rcode: int = 0
    delay: float = 0.0
    drop: bool = False
    hold: threading.Event | None = None


def read_question(query):
    labels, offset = [], 12
    while length := query[offset]:
        labels.append(query[offset + 1:offset + 1 + length].decode("latin-1"))
        offset += 1 + length
    kind, = struct.unpack_from("!H", query, offset + 1)
    return ".".join(labels).lower(), kind, query[12:offset + 5]


class Dns:
    def __init__(self, zone):
        self.zone = zone
        self.queries = {}  # (name, type, number), in order
        self._lock = threading.Lock()
        self._servers = self._bind()
        self.address = self._servers[0].server_address
        self.address_text = "{}:{}".format(*self.address)
        self._stopping = threading.Event()
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def _bind(self):
        dns = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self):
                query, sock = self.request
                answer = dns.answer(query, 512)
                if answer:
                    sock.sendto(answer, self.client_address)

        class Tcp(socketserver.StreamRequestHandler):
            def handle(self):
                while len(head := self.rfile.read(2)) == 2:
                    answer = dns.answer(self.rfile.read(struct.unpack("!H", head)[0]), 65535)
                    if not answer:
                        return
                    self.wfile.write(struct.pack("!H", len(answer)) + answer)

        while True:
            udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Udp)
            try:
                tcp = socketserver.ThreadingTCPServer(udp.server_address, Tcp)
            except OSError:  # that port number is taken for TCP: try another
                udp.server_close()
                continue
            for server in (udp, tcp):
                server.daemon_threads = True
                server.block_on_close = False
            return udp, tcp

    def answer(self, query, limit):
        name, kind, question = read_question(query)
        with self._lock:
            self.queries[name, kind, query[:2]] = True
        entry = self.zone.get(name, Name(rcode=NXDOMAIN))
        if entry.drop:
            return None
        if entry.delay:
            self._stopping.wait(entry.delay)
        if entry.hold:
            entry.hold.wait(2 * net.DEADLINE)
        family, addresses = (socket.AF_INET, entry.v4) if kind == A else (socket.AF_INET6, entry.v6)
        if kind not in (A, AAAA):
            addresses = []
        records = b"".join(
            struct.pack("!HHHIH", 0xC00C, kind, 1, entry.ttl, len(packed)) + packed
            for packed in (socket.inet_pton(family, address) for address in addresses))
        flags, count = 0x8180 | entry.rcode, len(addresses)
        if 12 + len(question) + len(records) > limit:
            flags, count, records = flags | 0x0200, 0, b""
        return query[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0) + question + records

    def asked(self, name, kind=None):
        """How often this name was asked for (of this type)."""
        with self._lock:
            return sum(1 for n, k, _ in self.queries if n == name and kind in (None, k))

    def wait_asked(self, name, deadline):
        end = time.monotonic() + deadline
        while not self.asked(name):
            assert time.monotonic() < end, f"nobody asks for {name}"
            time.sleep(0.002)

    def close(self):
        self._stopping.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
