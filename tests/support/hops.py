"""An upstream proxy that follows a script: it records what it was asked, byte by byte, and answers
what the test wants, cut as the test wants. Real peers never answer that badly.
"""

import struct

from support import net
from support.clients import send_whole
from support.servers import Server, echo

SUCCESS = {
    "socks5": b"\5\0\0\1\0\0\0\0\0\0",
    "socks4a": b"\0\x5a\0\0\0\0\0\0",
    "http": b"HTTP/1.1 200 Connection established\r\n\r\n",
}


class Hop(Server):
    """reply: what answers the request (None: close instead); choice and status: the earlier SOCKS5
    answers, and a bad one is followed by a close. send(sock, data) delivers each of them;
    then(sock) goes on after the last."""

    def __init__(self, scheme, reply=True, choice=b"\5\0", status=b"\1\0", send=send_whole,
                 then=echo):
        self.scheme = scheme
        self._reply = SUCCESS[scheme] if reply is True else reply
        self._choice, self._status = choice, status
        self._send, self._then = send, then
        self.messages = []  # what each connection said: a list of messages
        super().__init__(self._talk)

    def url(self, user=""):
        return f"{self.scheme}://{user}{self.host}:{self.port}"

    def _talk(self, sock):
        said = []
        self.messages.append(said)
        read = {"socks5": self._socks5, "socks4a": self._socks4a, "http": self._http}[self.scheme]
        if not read(sock, said) or self._reply is None:
            return
        self._send(sock, self._reply)
        self._then(sock)

    def _socks5(self, sock, said):
        head = net.recv_exact(sock, 2)
        said.append(head + net.recv_exact(sock, head[1]))
        self._send(sock, self._choice)
        if self._choice not in (b"\5\0", b"\5\2"):
            return False
        if self._choice == b"\5\2":
            user = net.recv_exact(sock, 2)
            user += net.recv_exact(sock, user[1] + 1)
            said.append(user + net.recv_exact(sock, user[-1]))
            self._send(sock, self._status)
            if self._status != b"\1\0":
                return False
        request = net.recv_exact(sock, 5)
        rest = {1: 5, 3: request[4] + 2, 4: 17}[request[3]]
        said.append(request + net.recv_exact(sock, rest))
        return True

    def _socks4a(self, sock, said):
        request = net.recv_exact(sock, 8) + net.recv_until(sock, b"\0")
        address, = struct.unpack("!I", request[4:8])
        if 0 < address < 256:
            request += net.recv_until(sock, b"\0")
        said.append(request)
        return True

    def _http(self, sock, said):
        said.append(net.recv_until(sock, b"\r\n\r\n"))
        return True


def close(_):
    """then=close: ends the connection right after the reply."""
