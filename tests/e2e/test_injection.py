"""Names that clients choose go into requests to hops, into logs, lists and statistics. None of them
can become more than a name there: no second line, no second request, no other field.
"""

import json
import struct

import pytest

from support import clients, data, net
from support.api import Api
from support.clients import http_request
from support.hops import SUCCESS, Hop
from support.proxy import Proxy

SCHEMES = list(SUCCESS)
CONTROL = [b"a\r\nX-Evil: 1", b"a:1 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: b", b"a\nb",
           b"a\0b.test", b"a b", b"a\tb", b"a\x7f"]
DELIMITERS = [b"user@a.test", b"a.test/x", b"a.test?x", b"a.test#x", b"a.test:22", b"[a.test",
              b"a.test\\x"]


def told(hop):
    """All that the hop has ever heard, greetings left out."""
    return [message for said in hop.messages for message in said if message != b"\5\1\0"]


def refused(proxy, name):
    with net.connect(proxy.address) as sock:
        sock.sendall(clients.socks5_greeting(0) + clients.socks5_request(name, 80))
        assert net.recv_exact(sock, 2) == b"\5\0"
        return clients.read_socks5_reply(sock).code == 1


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_control_byte_reaches_a_hop(io, scheme):
    with Hop(scheme) as hop, Proxy("-x", hop.url(), io=io) as proxy:
        for name in CONTROL:
            assert refused(proxy, name), name
            if b"\0" in name:
                continue  # which ends it in SOCKS4A
            with net.connect(proxy.address) as sock:
                sock.sendall(clients.socks4a_request(name.decode(), 80))
                assert net.recv_exact(sock, 2) == b"\0\x5b", name
        assert told(hop) == []
        with clients.open_tunnel(proxy.address, ("a.test", 80)) as sock:
            data.ping(sock)


def test_no_delimiter_reaches_an_http_hop(io):
    with Hop("http") as hop, Proxy("-x", hop.url(), io=io) as proxy:
        for name in DELIMITERS:
            assert refused(proxy, name), name
        with clients.open_tunnel(proxy.address, ("a.test", 80)) as sock:
            data.ping(sock)
        assert told(hop) == [b"CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_rule_can_be_made_to_inject(io, scheme, tmp_path):
    """A ruleset may build targets and proxies of what a client says."""
    rules = tmp_path / "rules.lua"
    with Hop(scheme) as hop:
        rules.write_text(f"""return {{resolve = function(address)
            return ({{
                ["1.test:80"] = "a.test\\r\\nX-Evil: 1:80", ["2.test:80"] = "a\\0b:80",
                ["3.test:80"] = "a b:80", ["4.test:80"] = "a\\n.test:80",
            }})[address], "{hop.url()}"
        end}}""")
        with Proxy("-r", rules, io=io) as proxy:
            for number in range(1, 5):
                assert refused(proxy, b"%d.test" % number)
            assert told(hop) == []


@pytest.mark.parametrize("size", [255, 256, 257, 300, 65536])
def test_the_longest_name_and_longer_ones(io, size):
    """What one protocol can say and the other can not is refused, never cut or wrapped."""
    name = b"n" * (size - 5) + b".test"
    with Hop("socks5") as hop, Proxy("-x", hop.url(), io=io) as proxy:
        with net.connect(proxy.address) as sock:
            sock.sendall(b"CONNECT " + name + b":80 HTTP/1.1\r\n\r\n")
            status = net.recv_exact(sock, 12)[9:]
        if size == 255:
            assert status == b"200"
            assert told(hop) == [b"\5\1\0\3\xff" + name + struct.pack("!H", 80)]
        else:
            assert status in (b"400", b"413")
            assert told(hop) == []


def test_names_are_names_in_the_list_of_sessions(io):
    names = ['"},{"id":1,"target":"', "a\\", "</script>", "caf\u00e9.test", "';--"]
    with Hop("socks5") as hop, Proxy("-x", hop.url(), "--api", "127.0.0.1:0", io=io) as proxy:
        api = Api(proxy)
        tunnels = []
        for name in names:
            sock = net.connect(proxy.address)
            tunnels.append(sock)
            sock.sendall(clients.socks5_greeting(0) + clients.socks5_request(name.encode(), 80))
            net.recv_exact(sock, 2)
            assert clients.read_socks5_reply(sock).code == 0
        shown = json.loads(api.get("/sessions").body)["sessions"]
        assert sorted(s["target"] for s in shown) == sorted(
            f"{name}:80" for name in names)
        for line in api.get("/metrics").body.decode().splitlines():
            assert line.startswith(("#", "neosocksd_", "process_")), line
        for sock in tunnels:
            sock.close()


def test_a_user_name_is_a_user_name_in_the_log(io, tmp_path):
    rules = tmp_path / "rules.lua"
    rules.write_text("return {}")
    with Proxy("-r", rules, io=io, loglevel=8) as proxy:
        with net.connect(proxy.address) as sock:
            sock.sendall(http_request("a.test", 80, (b"evil\r\nI 2026 forged", b"p\r\nF 2026 too")))
            net.recv_all(sock)
        proxy.stop()
        assert proxy.count_log("^[IF] 2026 ") == 0
