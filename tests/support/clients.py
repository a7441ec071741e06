"""Raw clients of the proxy: SOCKS4, SOCKS4A, SOCKS5 and HTTP CONNECT, byte by byte if wanted.

The request builders return bytes, so that tests can cut, garble and pipeline them. `open_tunnel`
speaks any of them and raises `Refused` with the protocol's own code.
"""

import base64
import dataclasses
import ipaddress
import socket
import struct

from support import net

KINDS = ["socks4", "socks4a", "socks5", "socks5h", "http"]


class Refused(AssertionError):
    """The proxy answered, and the answer is no: `code` as on the wire."""

    def __init__(self, code, detail=b""):
        super().__init__(f"refused with {code!r} {detail!r}")
        self.code = code
        self.detail = detail


@dataclasses.dataclass
class Reply:
    code: int
    host: str
    port: int


def send_whole(sock, data):
    sock.sendall(data)


def send_bytewise(sock, data):
    """Each byte is read by the program before the next one leaves: its own segment, surely."""
    for index in range(len(data)):
        sock.sendall(data[index:index + 1])
        net.until_read(sock)


def send_cut(position):
    """Two segments, cut at position."""

    def send(sock, data):
        sock.sendall(data[:position])
        net.until_read(sock)
        sock.sendall(data[position:])

    return send


# Builders.

def literal(host):
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def socks5_greeting(*methods):
    return bytes([5, len(methods), *methods])


def socks5_auth(user, password):
    return bytes([1, len(user)]) + user + bytes([len(password)]) + password


def socks5_address(host):
    """ATYP and address: literals as addresses, the rest (bytes: anything) as a name."""
    address = None if isinstance(host, bytes) else literal(host)
    if address is None:
        name = host if isinstance(host, bytes) else host.encode()
        return bytes([3, len(name)]) + name
    return bytes([1 if address.version == 4 else 4]) + address.packed


def socks5_request(host, port, command=1):
    return bytes([5, command, 0]) + socks5_address(host) + struct.pack("!H", port)


def socks4_request(host, port, user=b"", command=1):
    packed = socket.inet_aton(host)
    return struct.pack("!BBH", 4, command, port) + packed + user + b"\0"


def socks4a_request(name, port, user=b"", command=1):
    name = name if isinstance(name, bytes) else name.encode()
    return struct.pack("!BBH", 4, command, port) + b"\0\0\0\1" + user + b"\0" + name + b"\0"


def http_request(host, port, auth=None, headers=()):
    host = f"[{host}]" if ":" in host else host
    lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}", *headers]
    if auth:
        pair = base64.b64encode(f"{auth[0]}:{auth[1]}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {pair}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


# Readers.

def read_socks5_reply(sock):
    version, code, reserved, kind = net.recv_exact(sock, 4)
    assert (version, reserved) == (5, 0), f"not a SOCKS5 reply: {version} {code} {reserved} {kind}"
    if kind == 1:
        host = socket.inet_ntop(socket.AF_INET, net.recv_exact(sock, 4))
    elif kind == 4:
        host = socket.inet_ntop(socket.AF_INET6, net.recv_exact(sock, 16))
    else:
        raise AssertionError(f"reply with address type {kind}")
    return Reply(code, host, struct.unpack("!H", net.recv_exact(sock, 2))[0])


def read_socks4_reply(sock):
    reply = net.recv_exact(sock, 8)
    assert reply[0] == 0, f"not a SOCKS4 reply: {reply!r}"
    return reply[1]


def read_http_head(sock):
    """(status, headers with lower-case names); the body is left in the socket."""
    head = net.recv_until(sock, b"\r\n\r\n").decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    version, status, _ = first.split(" ", 2)
    assert version.startswith("HTTP/1."), f"not an HTTP reply: {first!r}"
    return int(status), {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}


# Conversations.

def socks5(sock, host, port, auth=None, send=send_whole):
    """Speaks up to the reply, whatever it is."""
    send(sock, socks5_greeting(2) if auth else socks5_greeting(0))
    chosen = net.recv_exact(sock, 2)
    assert chosen == (b"\5\2" if auth else b"\5\0"), f"method choice {chosen!r}"
    if auth:
        send(sock, socks5_auth(auth[0].encode(), auth[1].encode()))
        status = net.recv_exact(sock, 2)
        assert status == b"\1\0", f"authentication {status!r}"
    send(sock, socks5_request(host, port))
    return read_socks5_reply(sock)


def request_tunnel(kind, sock, host, port, auth=None, send=send_whole):
    """Speaks `kind` on a connected socket; returns the SOCKS5 reply or None; raises Refused."""
    if kind in ("socks5", "socks5h"):
        reply = socks5(sock, host, port, auth, send)
        if reply.code:
            raise Refused(reply.code)
        return reply
    if kind in ("socks4", "socks4a"):
        build = socks4_request if kind == "socks4" else socks4a_request
        send(sock, build(host, port, auth[0].encode() if auth else b""))
        code = read_socks4_reply(sock)
        if code != 0x5A:
            raise Refused(code)
        return None
    assert kind == "http", kind
    send(sock, http_request(host, port, auth))
    status, headers = read_http_head(sock)
    if status != 200:
        raise Refused(status, net.recv_exact(sock, int(headers.get("content-length", 0))))
    return None


def open_tunnel(proxy, target, kind="socks5", auth=None, send=send_whole, rcvbuf=None):
    """A connected tunnel from us through proxy (host, port) to target (host, port)."""
    sock = net.connect(proxy, rcvbuf=rcvbuf)
    try:
        request_tunnel(kind, sock, *target, auth=auth, send=send)
    except BaseException:
        sock.close()
        raise
    return sock


def expect_refusal(proxy, target, kind, code, auth=None):
    try:
        open_tunnel(proxy, target, kind, auth).close()
    except Refused as refusal:
        assert refusal.code == code, f"{kind} to {target}: refused with {refusal.code}, not {code}"
    else:
        raise AssertionError(f"{kind} to {target} was let through, expected refusal {code}")


# The same end of a request in the words of each protocol.
GENERAL = {"socks4": 0x5B, "socks4a": 0x5B, "socks5": 1, "socks5h": 1, "http": 502}
REFUSED = GENERAL | {"socks5": 5, "socks5h": 5}
UNREACHABLE = GENERAL | {"socks5": 4, "socks5h": 4}
FORBIDDEN = GENERAL | {"socks5": 2, "socks5h": 2, "http": 403}
