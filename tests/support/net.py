"""Small pieces of socket work that every test needs, each with a deadline.

Nothing here sleeps to let things settle: a helper waits for the event itself and fails with words
when the deadline passes.
"""

import ctypes
import errno
import os
import socket
import struct
import threading
import time

# Stretches every deadline, for sanitizer builds and busy machines.
SCALE = float(os.environ.get("NEOSOCKSD_TIME_SCALE", "1"))
DEADLINE = 10.0 * SCALE


class Ended(AssertionError):
    """The peer closed before everything expected had arrived; `data` is what did."""

    def __init__(self, data, wanted):
        super().__init__(f"connection ended after {len(data)} of {wanted} bytes: {data[:200]!r}")
        self.data = data


def wait_for(predicate, what, deadline=None):
    """Polls until predicate() is true; returns its value."""
    end = time.monotonic() + (DEADLINE if deadline is None else deadline)
    while True:
        late = time.monotonic() > end  # asked before the look: the last one is behind the deadline
        value = predicate()
        if value:
            return value
        if late:
            raise AssertionError(f"waited in vain for {what() if callable(what) else what}")
        time.sleep(0.002)


class Stopwatch:
    """Time for upper bounds: what it measures goes on only while the machine does.

    A thread looks at the clock every 20 ms. When it was kept from that for longer than LATE, by a
    machine that stood still or gave no time to anybody, no more than LATE is counted for it.
    """

    LATE = 0.1

    def __init__(self):
        self._state = 0.0, time.monotonic()  # counted, and up to when
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over.wait(0.02):
            now = time.monotonic()
            self._state = self._at(now), now

    def _at(self, now):
        counted, last = self._state
        return counted + max(0.0, min(now - last, self.LATE))

    def elapsed(self):
        return self._at(time.monotonic())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def prepare(sock, deadline=None):
    sock.settimeout(DEADLINE if deadline is None else deadline)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def connect(address, rcvbuf=None):
    """A connected stream socket; rcvbuf must be set before connecting to bound the window."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        prepare(sock).connect(tuple(address))
    except BaseException:
        sock.close()
        raise
    return sock


def recv_exact(sock, count):
    data = bytearray()
    while len(data) < count:
        piece = sock.recv(min(count - len(data), 1 << 20))
        if not piece:
            raise Ended(bytes(data), count)
        data += piece
    return bytes(data)


def recv_all(sock):
    """Everything up to the end of the stream."""
    data = bytearray()
    while piece := sock.recv(1 << 20):
        data += piece
    return bytes(data)


def recv_until(sock, mark):
    """Bytes up to and including mark, never one more (so the rest stays for the relay)."""
    data = bytearray()
    while not data.endswith(mark):
        piece = sock.recv(1)
        if not piece:
            raise Ended(bytes(data), f"up to {mark!r}")
        data += piece
    return bytes(data)


def reset(sock):
    """Closes with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def expect_end(sock):
    """The peer ends in order, having sent nothing more."""
    data = sock.recv(4096)
    assert data == b"", f"expected the end of the stream, got {data!r}"


def expect_reset(sock):
    """The peer's end arrives as ECONNRESET, not as an orderly end."""
    try:
        while data := sock.recv(1 << 20):
            pass
    except ConnectionResetError:
        return
    raise AssertionError("expected a reset, got an orderly end of the stream")


def expect_closed(sock):
    """The peer is gone, in order or by reset, and sent nothing before."""
    try:
        data = sock.recv(4096)
    except ConnectionResetError:
        return
    assert data == b"", f"expected a close, got {data!r}"


def expect_silence(sock, seconds):
    """Nothing arrives and nothing ends for this long."""
    before = sock.gettimeout()
    sock.settimeout(seconds)
    try:
        data = sock.recv(4096)
    except TimeoutError:
        return
    finally:
        sock.settimeout(before)
    raise AssertionError(f"expected silence, got {data!r}")


def peer_bytes(sock):
    """(bytes that wait unread in the receive queue of our peer, bytes that have arrived there in
    all), asked as ss(8) does: sock_diag(7). None: it has closed.
    (/proc/net/tcp says it too, but takes milliseconds when thousands of sockets are about.)"""
    inet_diag_info = 2
    packed = [socket.inet_pton(sock.family, end[0]).ljust(16, b"\0")
              for end in (sock.getpeername(), sock.getsockname())]
    ports = struct.pack("!HH", sock.getpeername()[1], sock.getsockname()[1])
    request = struct.pack("=BBBBI", sock.family, socket.IPPROTO_TCP, 1 << (inet_diag_info - 1), 0,
                          0xFFFFFFFF) + ports
    request += packed[0] + packed[1] + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    sock_diag_by_family, nlm_f_request, nlmsg_error = 20, 1, 2
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as netlink:  # NETLINK_SOCK_DIAG
        netlink.send(struct.pack("=IHHII", 16 + len(request), sock_diag_by_family, nlm_f_request,
                                 0, 0) + request)
        answer = netlink.recv(4096)
    if struct.unpack_from("=H", answer, 4)[0] == nlmsg_error:
        error = -struct.unpack_from("=i", answer, 16)[0]
        assert error == errno.ENOENT, f"sock_diag: {os.strerror(error)}"
        return None
    unread, = struct.unpack_from("=I", answer, 16 + 56)
    offset = 16 + 72
    while offset < len(answer):
        length, kind = struct.unpack_from("=HH", answer, offset)
        if kind == inet_diag_info:  # tcp_info.tcpi_bytes_received
            return unread, struct.unpack_from("=Q", answer, offset + 4 + 128)[0]
        offset += (length + 3) & ~3
    syn_recv = 3  # its state: of those without details, all others are ends
    return (0, 0) if answer[17] == syn_recv else None


def unread_bytes(sock):
    """Bytes that wait unread in the receive queue of our peer; 0 when it has closed."""
    found = peer_bytes(sock)
    return found[0] if found else 0


def sent_bytes(sock):
    """All that was ever sent, whether it has arrived or not."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 216)
    waiting, = struct.unpack_from("=I", info, 144)
    sent, again = struct.unpack_from("=QQ", info, 200)
    return waiting + sent - again


def until_read(sock):
    """Waits until the peer's program has read all we sent: the next send is its own segment.
    (On a busy machine bytes may be on their way when send(2) returns, even on loopback.)"""
    def is_read():
        found = peer_bytes(sock)
        return not found or found[0] == 0 and found[1] >= sent_bytes(sock)

    wait_for(is_read, "the peer to read what was sent")


def held_port(host="127.0.0.1"):
    """(socket, address) for a peer that cannot bind port zero: as long as the socket is open,
    nobody is given this port but who asks for it by number, and with SO_REUSEADDR."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, 0))
    return sock, sock.getsockname()[:2]


_holders = []  # of the ports that free_port() has given


def free_port(host="127.0.0.1"):
    """A held_port() that stays held until all tests have run."""
    holder, address = held_port(host)
    _holders.append(holder)
    return address[1]


def dead_port(host="127.0.0.1"):
    """(socket, address): bound but not listening, so connecting to it is refused, surely."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.bind((host, 0))
    return sock, sock.getsockname()[:2]


def refused(address):
    """True when nobody listens there."""
    try:
        connect(address).close()
    except OSError as error:
        return error.errno in (errno.ECONNREFUSED, errno.ECONNRESET)
    return False


def disconnect(sock):
    """Resets a connection that another thread may be reading: connect(2) with AF_UNSPEC."""
    libc = ctypes.CDLL(None, use_errno=True)
    unspecified = struct.pack("H14x", socket.AF_UNSPEC)
    libc.connect(sock.fileno(), unspecified, len(unspecified))
