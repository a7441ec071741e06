"""Sending and checking byte streams that cannot be right by accident.

Receivers compare with what was sent and name the first wrong offset, which says more than a
checksum does.
"""

import socket
import threading

from support import net


def compare(got, wanted):
    if got == wanted:
        return
    low, high = 0, min(len(got), len(wanted))
    if got[:high] == wanted[:high]:
        raise AssertionError(f"{len(got)} bytes arrived, {len(wanted)} were sent")
    while high - low > 1:  # the first difference, by halves
        middle = (low + high) // 2
        if got[low:middle] == wanted[low:middle]:
            low = middle
        else:
            high = middle
    raise AssertionError(f"byte {low} differs ({len(got)} arrived, {len(wanted)} were sent)")


def expect_stream(sock, wanted, ends):
    """Receives wanted, compared piece by piece; then the end of the stream if `ends`."""
    view, offset = memoryview(wanted), 0
    buffer = bytearray(1 << 20)
    while offset < len(wanted):
        count = sock.recv_into(buffer, min(len(buffer), len(wanted) - offset))
        if not count:
            raise AssertionError(f"the stream ended after {offset} of {len(wanted)} bytes")
        if memoryview(buffer)[:count] != view[offset:offset + count]:
            compare(bytes(buffer[:count]), bytes(view[offset:offset + count]))
        offset += count
    if ends:
        net.expect_end(sock)


class Background(threading.Thread):
    """A thread whose exception is raised by join()."""

    def __init__(self, function, *args):
        super().__init__(daemon=True)
        self._call = (function, args)
        self._error = None
        self.start()

    def run(self):
        try:
            self._call[0](*self._call[1])
        except BaseException as error:  # noqa: BLE001 - handed to join()
            self._error = error

    def join(self, timeout=None):
        super().join(timeout or 6 * net.DEADLINE)
        assert not self.is_alive(), "a transfer does not end"
        if self._error:
            raise self._error


def send_stream(sock, data, ends):
    sock.sendall(data)
    if ends:
        sock.shutdown(socket.SHUT_WR)


def exchange(first, second, up, down, ends=True):
    """Both directions at once: `up` from first to second, `down` back; ends: half-close after."""
    work = [Background(send_stream, first, up, ends), Background(send_stream, second, down, ends),
            Background(expect_stream, second, up, ends),
            Background(expect_stream, first, down, ends)]
    for thread in work:
        thread.join()


def ping(sock, message=b"ping"):
    """One round trip over an echo."""
    sock.sendall(message)
    got = net.recv_exact(sock, len(message))
    assert got == message, f"sent {message!r}, came back {got!r}"
