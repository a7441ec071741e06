"""Which callback a request calls, and with what: protocols.md section 6, lua.md section 9."""

import base64
import os
import socket

import pytest

from support import clients, data, net
from support.http_origin import OK, exchange, read_response, request
from support.proxy import Proxy

# Prints the call, with the fields of the request in order, and refuses.
PRINTER = """
    local ruleset = {}
    for _, name in ipairs{"resolve", "route", "route6"} do
        ruleset[name] = function(address, user, password, request)
            local fields = {}
            for key, value in pairs(request) do fields[#fields + 1] = key .. "=" .. value end
            table.sort(fields)
            print("CALL", name, address, user, password, table.concat(fields, " "))
        end
    end
    return ruleset"""


@pytest.fixture
def ruleset(tmp_path):
    def write(text, name="ruleset.lua"):
        path = tmp_path / name
        path.write_text(text)
        return path
    return write


def call_of(proxy, after=0):
    """(callback, address, user, password, fields) of the next CALL line."""
    text = proxy.wait_log(r"^CALL\t(.*)$", after=after).group(1)
    *words, fields = text.split("\t")
    return (*words, dict(field.split("=", 1) for field in fields.split()))


def converse(proxy, request, method=None, greeting=None):
    """Sends a request; everything that comes back."""
    with net.connect(proxy.address) as sock:
        if greeting:
            sock.sendall(greeting)
            assert net.recv_exact(sock, 2) == method
        sock.sendall(request)
        me = "%s:%d" % sock.getsockname()[:2]
        return net.recv_all(sock), me


BASIC = "Proxy-Authorization: Basic " + base64.b64encode(b"al:p:w").decode()


@pytest.mark.parametrize("threads", ["1", "2"])
def test_each_kind_of_request(io, ruleset, threads):
    socks5 = dict(greeting=clients.socks5_greeting(0), method=b"\5\0")
    rows = [
        (clients.socks4_request("1.2.3.4", 80), {}, ("route", "1.2.3.4:80", "", "nil"), "socks4"),
        (clients.socks4_request("1.2.3.4", 80, b"me"), {}, ("route", "1.2.3.4:80", "me", "nil"),
         "socks4"),
        (clients.socks4a_request("Name.", 80), {}, ("resolve", "Name.:80", "", "nil"), "socks4a"),
        (clients.socks5_request("1.2.3.4", 65535), socks5,
         ("route", "1.2.3.4:65535", "nil", "nil"), "socks5"),
        (clients.socks5_request("2001:db8::1", 0), socks5,
         ("route6", "[2001:db8::1]:0", "nil", "nil"), "socks5"),
        (clients.socks5_request("::ffff:127.0.0.1", 80), socks5,
         ("route6", "[::ffff:127.0.0.1]:80", "nil", "nil"), "socks5"),
        (clients.socks5_request(b"Example.COM.", 443), socks5,
         ("resolve", "Example.COM.:443", "nil", "nil"), "socks5"),
        (clients.socks5_request(b"1.2.3.4", 443), socks5,
         ("resolve", "1.2.3.4:443", "nil", "nil"), "socks5"),
        (b"CONNECT 1.2.3.4:443 HTTP/1.1\r\n\r\n", {}, ("resolve", "1.2.3.4:443", "nil", "nil"),
         "http"),
        (b"CONNECT foo HTTP/1.1\r\n\r\n", {}, ("resolve", "foo", "nil", "nil"), "http"),
        (clients.http_request("a.test", 80, headers=[BASIC]), {},
         ("resolve", "a.test:80", "al", "p:w"), "http"),
        (b"GET http://b.test/x HTTP/1.1\r\nHost: b.test\r\n\r\n", {},
         ("resolve", "b.test:80", "nil", "nil"), "http"),
    ]
    with Proxy("-r", ruleset(PRINTER), "--threads", threads, io=io) as proxy:
        listener = "%s:%d" % proxy.address
        for request, options, expected, protocol in rows:
            mark = proxy.mark()
            _, me = converse(proxy, request, **options)
            *call, fields = call_of(proxy, mark)
            assert tuple(call) == expected, request
            assert fields.pop("command") in ("connect", "http_forward")
            assert fields == {"client": me, "listener": listener, "protocol": protocol}, request


def test_user_and_password_of_socks5(io, ruleset):
    with Proxy("-r", ruleset(PRINTER), io=io) as proxy, net.connect(proxy.address) as sock:
        sock.sendall(clients.socks5_greeting(2))
        assert net.recv_exact(sock, 2) == b"\5\2"
        sock.sendall(clients.socks5_auth(b"al", b"pw"))
        assert net.recv_exact(sock, 2) == b"\1\0"
        sock.sendall(clients.socks5_request(b"a", 1))
        assert clients.read_socks5_reply(sock).code == 1
        assert call_of(proxy)[:4] == ("resolve", "a:1", "al", "pw")


@pytest.mark.parametrize("target,callback,address", [
    ("127.0.0.9:80", "route", "127.0.0.9:80"), ("[::1]:80", "route6", "[::1]:80"),
    ("name.test:80", "resolve", "name.test:80")])
def test_a_forwarder(io, ruleset, target, callback, address):
    """Refused, the client is closed without a word."""
    with Proxy("-f", target, "-r", ruleset(PRINTER), io=io) as proxy:
        with net.connect(proxy.address) as sock:
            net.expect_closed(sock)
        *call, fields = call_of(proxy)
        assert call == [callback, address, "nil", "nil"]
        assert fields["protocol"] == "forward"


def test_a_forwarder_goes_where_the_rules_say(io, ruleset, echo):
    rules = ruleset(f"return {{resolve = function() return '127.0.0.1:{echo.port}' end}}")
    with Proxy("-f", ":", "-r", rules, io=io) as proxy, net.connect(proxy.address) as sock:
        data.ping(sock)


def test_a_unix_client_has_a_user_id(io, ruleset, tmp_path):
    path = tmp_path / "socket"
    with Proxy("-l", f"unix:{path}", "-r", ruleset(PRINTER), io=io, listen=None,
               ready=False) as proxy:
        proxy.wait_log("server start")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(net.DEADLINE)
            sock.connect(str(path))
            sock.sendall(clients.socks4a_request("a", 1))
            assert clients.read_socks4_reply(sock) == 0x5B
        fields = call_of(proxy)[-1]
        assert fields == {"user_id": str(os.getuid()), "listener": f"unix:{path}",
                          "protocol": "socks4a", "command": "connect"}


def test_the_source_of_a_proxy_header(io, ruleset):
    header = b"PROXY TCP4 192.0.2.7 198.51.100.2 5000 443\r\n"
    with Proxy("--proxy-protocol-in", "127.0.0.1", "-r", ruleset(PRINTER), io=io) as proxy:
        _, me = converse(proxy, header + clients.socks4a_request("a", 1))
        fields = call_of(proxy)[-1]
        assert fields["client"] == "192.0.2.7:5000"
        assert fields["proxy_source"] == me


def test_authentication_is_asked_for(io, ruleset, echo):
    """--auth-required: anonymous clients are refused before the rules are asked; SOCKS4, which
    has no passwords, is left to them."""
    rules = ruleset(f"""return {{resolve = function(address, user, password)
        print("CALL", user, password)
        if user == "al" and password == "pw" then return "127.0.0.1:{echo.port}" end
    end}}""")
    with Proxy("--auth-required", "-r", rules, io=io) as proxy:
        for offered, chosen in (((0,), 0xFF), ((0, 2), 2), ((2,), 2)):
            with net.connect(proxy.address) as sock:
                sock.sendall(clients.socks5_greeting(*offered))
                assert net.recv_exact(sock, 2)[1] == chosen
        answer, _ = converse(proxy, clients.http_request("a", 1))
        assert answer.startswith(b"HTTP/1.1 407 ") and b"Proxy-Authenticate: Basic" in answer
        assert proxy.count_log("CALL") == 0
        answer, _ = converse(proxy, clients.socks4a_request("a", 1, b"al"))
        assert answer == b"\0\x5b\0\0\0\0\0\0"
        proxy.wait_log("^CALL\tal\tnil$")
        for kind in ("socks5h", "http"):
            with clients.open_tunnel(proxy.address, ("a", 1), kind, ("al", "pw")) as sock:
                data.ping(sock)
        clients.expect_refusal(proxy.address, ("a", 1), "socks5h", 1, ("al", "no"))
        clients.expect_refusal(proxy.address, ("a", 1), "http", 403, ("al", "no"))


def test_each_request_of_a_connection_is_authenticated(io, ruleset, listener):
    """Who was let in once must say so again with the next request of the same connection."""
    rules = ruleset("""local function admit(address, user, password)
            print("CALL", user, password)
            if user == "al" and password == "pw" then return address end
        end
        return {resolve = admit, route = admit}""")

    def basic(pair):
        return ["Proxy-Authorization: Basic " + base64.b64encode(pair).decode()]

    with Proxy("--auth-required", "-r", rules, io=io) as proxy:
        for fields, status, calls in (([], 407, 1), (basic(b"al:no"), 403, 2),
                                      (basic(b"bob:pw"), 403, 2), (basic(b":"), 403, 2)):
            mark = proxy.mark()
            with net.connect(proxy.address) as sock:
                _, answer = exchange(sock, listener, OK, "GET", "/", basic(b"al:pw"))
                assert answer.status == 200
                sock.sendall(request(listener, "GET", "/", fields))
                assert read_response(sock).status == status
                assert net.recv_all(sock) == b"", "the connection goes on"
            assert proxy.count_log("^CALL", after=mark) == calls
