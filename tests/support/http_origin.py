"""Plain HTTP through the proxy: both ends in the test's hands.

`ask` sends a request through the proxy and accepts what the proxy opens to the origin; the test
then plays the origin on that very socket.
"""

import dataclasses

from support import net

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclasses.dataclass
class Message:
    line: str
    fields: list  # of (name, value), in order
    body: bytes = b""

    def get(self, name):
        """The values of all fields of that name."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def status(self):
        return int(self.line.split()[1])


def read_head(sock):
    text = net.recv_until(sock, b"\r\n\r\n").decode("latin-1")
    line, *rest = text[:-4].split("\r\n")
    return Message(line, [tuple(field.split(": ", 1)) for field in rest])


def read_chunked(sock):
    body = b""
    while True:
        size = int(net.recv_until(sock, b"\r\n")[:-2], 16)
        body += net.recv_exact(sock, size)
        assert net.recv_exact(sock, 2) == b"\r\n"
        if size == 0:
            return body


def read_body(sock, head, bodiless=False, until_close=False):
    if bodiless:
        return b""
    if head.get("Transfer-Encoding") == ["chunked"]:
        return read_chunked(sock)
    if length := head.get("Content-Length"):
        return net.recv_exact(sock, int(length[0]))
    return net.recv_all(sock) if until_close else b""


def read_request(sock):
    head = read_head(sock)
    head.body = read_body(sock, head)
    return head


def read_response(sock, bodiless=False):
    head = read_head(sock)
    head.body = read_body(sock, head, bodiless or head.status in (204, 304) or head.status < 200,
                          until_close=True)
    return head


def request(origin, method="GET", path="/", fields=(), version="1.1", body=b""):
    lines = [f"{method} http://{origin.host}:{origin.port}{path} HTTP/{version}",
             f"Host: {origin.host}:{origin.port}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def chunked(*pieces):
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def ask(client, origin, *args, **more):
    """(origin's socket, the request as it arrived there)."""
    client.sendall(request(origin, *args, **more))
    sock = origin.accept()
    return sock, read_request(sock)


def exchange(client, origin, response, *args, **more):
    """(the request as the origin saw it, the response as the client saw it)."""
    sock, seen = ask(client, origin, *args, **more)
    with sock:
        sock.sendall(response)
    return seen, read_response(client, bodiless=args[:1] == ("HEAD",))
