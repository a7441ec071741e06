"""Targets: a listener the test accepts from itself, and servers that answer on their own.

`Listener` gives the test the very socket the proxy dialled, which is what most tests want. The
others run a thread a connection; what goes wrong in a thread fails the test at the end.
"""

import contextlib
import pathlib
import socket
import sys
import threading

from support import net
from support.process import Child


class Listener:
    """Accepts when told to: `accept()` returns the proxy's outgoing connection."""

    def __init__(self, host="127.0.0.1", backlog=4096, rcvbuf=None, port=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if rcvbuf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.socket.bind((host, port))
        self.socket.listen(backlog)
        self.socket.settimeout(net.DEADLINE)
        self.address = self.socket.getsockname()[:2]
        self.host, self.port = self.address

    def accept(self):
        return net.prepare(self.socket.accept()[0])

    def expect_nobody(self, seconds=0.3):
        self.socket.settimeout(seconds)
        try:
            _, peer = self.socket.accept()
        except TimeoutError:
            return
        finally:
            self.socket.settimeout(net.DEADLINE)
        raise AssertionError(f"nobody should connect here, {peer} did")

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Server:
    """Runs handler(socket) for each connection. `peers` are the addresses that connected."""

    def __init__(self, handler, host="127.0.0.1"):
        self._handler = handler
        self._listener = Listener(host)
        self.address = self._listener.address
        self.host, self.port = self.address
        self.peers = []
        self.errors = []
        self._sockets = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._listener.socket.settimeout(None)
        self._thread.start()

    def _run(self):
        while True:
            try:
                sock, peer = self._listener.socket.accept()
            except OSError:
                return
            with self._lock:
                self._sockets.add(sock)
                self.peers.append(peer[:2])
            net.prepare(sock).settimeout(None)  # an idle tunnel is not the server's business
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            self._handler(sock)
        except (OSError, net.Ended):
            pass  # the other side may leave as it likes; what matters is asserted over there
        except Exception as error:  # noqa: BLE001 - kept for the end of the test
            self.errors.append(error)
        finally:
            with self._lock:
                self._sockets.discard(sock)
            sock.close()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.socket.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(net.DEADLINE)
        with self._lock:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None and self.errors:
            raise self.errors[0]


def echo(sock):
    """Sends everything back; the end of the stream too."""
    while data := sock.recv(1 << 16):
        sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


def banner(greeting):
    """Speaks first, then echoes."""

    def handler(sock):
        sock.sendall(greeting)
        echo(sock)

    return handler


def answer_at_end(reply):
    """Reads to the end of the stream, answers reply(everything read), closes."""

    def handler(sock):
        sock.sendall(reply(net.recv_all(sock)))

    return handler


def source(data):
    """Sends data and ends."""

    def handler(sock):
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        net.recv_all(sock)

    return handler


class EchoProcess(Child):
    """An echo server with a process of its own, for thousands of connections."""

    def __init__(self):
        super().__init__([sys.executable, pathlib.Path(__file__).with_name("echo_main.py")])
        try:
            self.address = ("127.0.0.1", int(self.wait_log(r"port (\d+)").group(1)))
        except BaseException:
            self.kill()
            raise
        self.host, self.port = self.address


class Blackhole:
    """A listener whose queue is full: connecting to it neither succeeds nor fails."""

    def __init__(self, host="127.0.0.1", port=0):
        self._listener = Listener(host, backlog=0, port=port)
        self.address = self._listener.address
        self.host, self.port = self.address
        self._fill = []
        while True:
            sock = socket.socket(self._listener.socket.family)
            self._fill.append(sock)
            sock.settimeout(0.1)
            try:
                sock.connect(self.address)
            except TimeoutError:
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self._fill:
            sock.close()
        self._listener.close()
