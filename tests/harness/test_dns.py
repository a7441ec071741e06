"""The DNS server of the tests, asked by hand: answers, failures, truncation, counting."""

import socket
import struct

from support import net
from support.dns import AAAA, NXDOMAIN, A, Dns, Name


def query(name, kind):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!HHHHHH", 0x4242, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(
        "!HH", kind, 1)


def ask(dns, name, kind, tcp=False):
    """(flags, answer count, whole answer)."""
    message = query(name, kind)
    with socket.socket(type=socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as sock:
        sock.settimeout(net.DEADLINE)
        sock.connect(dns.address)
        if tcp:
            sock.sendall(struct.pack("!H", len(message)) + message)
            answer = net.recv_exact(sock, struct.unpack("!H", net.recv_exact(sock, 2))[0])
        else:
            sock.send(message)
            answer = sock.recv(65535)
    number, flags, _, count = struct.unpack("!HHHH", answer[:8])
    assert number == 0x4242
    return flags, count, answer


def test_answers_and_counts():
    with Dns({"a.test": Name(["127.0.0.1", "127.0.0.2"], ["::1"], ttl=7)}) as dns:
        flags, count, answer = ask(dns, "A.test", A)
        assert (flags & 0xF, count) == (0, 2)
        assert answer.endswith(socket.inet_aton("127.0.0.2"))
        assert struct.pack("!I", 7) in answer
        assert ask(dns, "a.test", AAAA)[1] == 1
        assert ask(dns, "b.test", A)[0] & 0xF == NXDOMAIN
        assert dns.asked("a.test") == 2 and dns.asked("a.test", A) == 1


def test_long_answers_need_tcp():
    with Dns({"many.test": Name([f"127.0.{n >> 8}.{n & 255}" for n in range(3000)])}) as dns:
        flags, count, _ = ask(dns, "many.test", A)
        assert flags & 0x0200 and count == 0
        flags, count, _ = ask(dns, "many.test", A, tcp=True)
        assert not flags & 0x0200 and count == 3000
