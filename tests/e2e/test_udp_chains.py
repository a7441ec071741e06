"""Chains that the rules choose for some of an association's targets."""

import contextlib
import json
import re
import signal
import struct

import pytest

from support import clients, net, udp
from support.dns import Dns, Name
from support.hops import Hop
from support.proxy import ROOT, Proxy
from support.rules import RulesProxy, place
from support.servers import Listener
from support.udp import Association, UdpEcho, bound_socket, header

UDP = "--enable-socks5-udp"


@pytest.fixture(scope="module")
def danted(workdir):
    with udp.danted(workdir) as peer:
        yield peer


@pytest.fixture
def rules(tmp_path):
    """A ruleset that sends targets through chains, {target: [hop, ...]} with the first hop first;
    others go directly."""
    def write(chains, more=""):
        def text(hops):
            return ", ".join(f'"{hop}"' for hop in reversed(hops))
        path = tmp_path / "ruleset.lua"
        path.write_text(f"""
            local chains = {{{", ".join(
                f'["{target if isinstance(target, str) else place(target)}"] = {{{text(hops)}}}'
                for target, hops in chains.items())}}}
            local ruleset = {{}}
            function ruleset.route(addr) return addr, table.unpack(chains[addr] or {{}}) end
            ruleset.route6, ruleset.resolve = ruleset.route, ruleset.route
            {more}
            return ruleset""")
        return path
    return write


def url(server):
    return f"socks5://{place(server)}"


def bound(sock):
    """The reply of a hop whose relay is this socket."""
    host, port = sock.getsockname()
    return b"\5\0\0" + clients.socks5_address(host) + struct.pack("!H", port)


def hold(sock):
    net.recv_all(sock)


@contextlib.contextmanager
def scripted(**script):
    """A hop whose relay is the test's socket."""
    with bound_socket("127.0.0.1") as relay:
        script.setdefault("reply", bound(relay))
        with Hop("socks5", then=script.pop("then", hold), **script) as hop:
            yield hop, relay


def answer(relay):
    """Echoes one datagram of the proxy as the hop would: the payload, and where it was to go."""
    datagram, back = relay.recvfrom(1 << 16)
    relay.sendto(datagram, back)
    return datagram


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_each_target_goes_its_own_way(io, threads, host, rules):
    """Directly, through one hop, through two: in one association, each with its right source."""
    with UdpEcho(host) as direct, UdpEcho(host) as near, UdpEcho(host) as far, \
            Proxy(UDP, io=io) as one, Proxy(UDP, io=io) as two:
        def target(echo):
            return f"[{host}]:{echo.port}" if ":" in host else place(echo)
        path = rules({target(near): [url(one)], target(far): [url(one), url(two)]})
        with Proxy(UDP, "-r", path, "--threads", threads, io=io) as proxy:
            with Association(proxy.address) as association:
                for text in (b"first", b"", b"x" * 60000):
                    for echo in (direct, near, far):
                        association.send(echo.address, text)
                        assert association.receive() == (host, echo.port, text)
            proxy.wait_log(r"datagrams up=9 down=9$")
        # One association each, however many datagrams.
        for hop in (one, two):
            hop.wait_log(r"datagrams up=3 down=3$")
            assert hop.text().count("; datagrams") == 1


def test_names_travel_to_the_hop(io, rules):
    with UdpEcho() as echo, Dns({"far.test": Name(["127.0.0.1"])}) as dns, \
            Proxy(UDP, "-4", "--nameserver", dns.address_text, io=io) as hop:
        path = rules({f"far.test:{echo.port}": [url(hop)]})
        with Proxy(UDP, "-r", path, io=io) as proxy, Association(proxy.address) as association:
            association.send(("far.test", echo.port), b"x")
            assert association.receive() == ("127.0.0.1", echo.port, b"x")


def test_what_the_rules_rewrite_is_asked_of_the_hop(io, rules):
    with UdpEcho() as echo, Proxy(UDP, io=io) as hop:
        path = rules({}, f"""
            function ruleset.resolve(addr)
                await.sleep(0.01)
                return await.forward("{place(echo)}", "{url(hop)}")
            end""")
        with Proxy(UDP, "-r", path, io=io) as proxy, Association(proxy.address) as association:
            association.send(("a.test", 53), b"x")
            assert association.receive() == ("127.0.0.1", echo.port, b"x")
            association.send(("b.test", 53), b"a", 1)
            association.send(("b.test", 53), b"b", 0x82)
            assert association.receive()[2] == b"ab"


def test_through_danted(io, danted, rules):
    with UdpEcho() as echo, Proxy(io=io) as first:
        path = rules({echo: [url(first), danted.url()]})
        with Proxy(UDP, "-r", path, io=io) as proxy, Association(proxy.address) as association:
            for text in (b"one", b"x" * 9000):
                association.send(echo.address, text)
                assert association.receive() == ("127.0.0.1", echo.port, text)


def test_the_hops_of_the_command_line_come_first(io, rules):
    """Behind -x, the rules' hops are more hops of that chain; without any, its own association."""
    with UdpEcho() as near, UdpEcho() as far, Proxy(UDP, io=io) as one, Proxy(UDP, io=io) as two:
        path = rules({far: [url(two)]})
        with Proxy(UDP, "-r", path, "-x", url(one), io=io) as proxy:
            with Association(proxy.address) as association:
                assert association.ask(near.address, b"near") == b"near"
                assert association.ask(far.address, b"far") == b"far"
        one.wait_log(r"datagrams up=1 down=1$")
        one.wait_log(rf"-> `{place(two)}': closed")
        two.wait_log(r"datagrams up=1 down=1$")


def test_chains_that_datagrams_can_not_take(io, rules):
    """Not sent directly, but dropped, and told once; another that the rules try is taken."""
    with UdpEcho() as echo, Proxy(UDP, io=io) as hop:
        path = rules({echo: [url(hop), "http://127.0.0.1:1"],
                      "192.0.2.1:53": ["socks4a://127.0.0.1:1"]}, f"""
            function ruleset.resolve(addr)
                local ok, why = await.forward("{place(echo)}", "http://127.0.0.1:1")
                print("forward", ok, why)
                return await.forward("{place(echo)}", "{url(hop)}")
            end""")
        with Proxy(UDP, "-r", path, io=io) as proxy:
            with Association(proxy.address) as association:
                association.send(echo.address, b"x")
                association.send(("192.0.2.1", 53), b"x")
                assert association.ask(("any.test", 53), b"taken") == b"taken"
            proxy.wait_log(r"dropped=2 \(rejected=2\)")
            assert proxy.text().count("is no SOCKS5 proxy") == 1
            proxy.wait_log(r"W .* 127\.0\.0\.1:\d+: udp to .*`http://127\.0\.0\.1:1' is no SOCKS5")
            assert "forward\tfalse\tproxy refused connection" in proxy.text()
        assert echo.payloads == [b"taken"]


def test_a_hop_that_fails_is_left_alone_for_a_while(io, rules):
    """Other targets are not disturbed, and it is found again when it is back."""
    with UdpEcho() as echo, scripted(reply=None) as (hop, relay):
        path = rules({"192.0.2.1:53": [hop.url()]})
        with Proxy(UDP, "-r", path, io=io) as proxy, Association(proxy.address) as association:
            association.send(("192.0.2.1", 53), b"lost")
            proxy.wait_log(rf"udp: `{hop.url()}': .*; not tried again for 1s")
            for _ in range(20):
                association.send(("192.0.2.1", 53), b"lost")
                assert association.ask(echo.address, b"x") == b"x"
            assert len(hop.messages) <= 2
            hop._reply = bound(relay)
            relay.settimeout(0.1)

            def found():
                association.send(("192.0.2.1", 53), b"found")
                try:
                    return relay.recv(1 << 16) == header("192.0.2.1", 53) + b"found"
                except TimeoutError:
                    return False
            net.wait_for(found, "the hop to be tried again")
            association.close()
            proxy.wait_log(r"dropped=\d+ \(unreachable=\d+\)")


def test_a_hop_that_leaves_ends_only_its_chain(io, rules):
    with UdpEcho() as echo, \
            scripted(then=lambda sock: sock.recv(1) and sock.close()) as (hop, relay):
        path = rules({"192.0.2.1:53": [hop.url()]})
        with Proxy(UDP, "-r", path, io=io) as proxy, Association(proxy.address) as association:
            assert association.ask(echo.address, b"x") == b"x"
            before = proxy.fd_count()
            association.send(("192.0.2.1", 53), b"up")
            assert answer(relay) == header("192.0.2.1", 53) + b"up"
            assert association.receive() == ("192.0.2.1", 53, b"up")
            assert proxy.fd_count() == before + 2
            hop.close()
            proxy.wait_log(rf"udp: `{hop.url()}': the hop left; not tried again for 1s")
            assert proxy.fd_count() == before
            assert association.ask(echo.address, b"still") == b"still"


def test_a_hop_that_hangs(io, rules):
    """A few datagrams wait for it, until -t; other chains and targets do not."""
    def silent(sock, _data):
        net.recv_all(sock)
    with UdpEcho() as echo, UdpEcho() as near, Proxy(UDP, io=io) as good, \
            scripted(send=silent) as (hop, _):
        path = rules({"192.0.2.1:53": [hop.url()], near: [url(good)]})
        with Proxy(UDP, "-r", path, "-t", "5", io=io) as proxy:
            with Association(proxy.address) as association:
                for i in range(30):
                    association.send(("192.0.2.1", 53), b"%d" % i)
                assert association.ask(echo.address, b"x") == b"x"
                assert association.ask(near.address, b"x") == b"x"
                proxy.wait_log(rf"`{hop.url()}': timeout; not tried again")
                assert association.ask(near.address, b"x") == b"x"
            proxy.wait_log(r"dropped=30 \(held=14 unreachable=16\)")
        assert len(hop.messages) == 1


def test_the_ruleset_of_the_document(io, tmp_path):
    """docs/udp-bind.md: datagrams through the hop, connections not."""
    (text,) = re.findall(r"```lua\n(.*?)```", (ROOT / "docs" / "udp-bind.md").read_text(), re.S)
    with UdpEcho() as echo, Listener() as target, Proxy(UDP, io=io) as hop:
        path = tmp_path / "ruleset.lua"
        path.write_text(text.replace("socks5://192.0.2.1:1080", url(hop)))
        with Proxy(UDP, "-r", path, io=io) as proxy:
            with Association(proxy.address) as association:
                assert association.ask(echo.address, b"x") == b"x"
            with clients.open_tunnel(proxy.address, target.address):
                target.accept().close()
        hop.wait_log(r"datagrams up=1 down=1$")
        assert place(target) not in hop.text()


def test_what_waits_for_the_hop_is_sent_in_order(io, rules):
    with scripted() as (hop, relay):
        path = rules({"192.0.2.1:53": [hop.url()]})
        with Proxy(UDP, "-r", path, io=io) as proxy, Association(proxy.address) as association:
            for i in range(10):
                association.send(("192.0.2.1", 53), b"%d" % i)
            got = [relay.recv(1 << 16) for _ in range(10)]
        assert got == [header("192.0.2.1", 53) + b"%d" % i for i in range(10)]
        assert len(hop.messages) == 1


def test_chains_of_an_association_are_bounded(io, rules):
    """Eight at a time; what is beyond is dropped, and the eight go on."""
    with scripted(choice=b"\5\2") as (hop, relay):
        path = rules({f"192.0.2.{i}:53": [hop.url(f"u{i}:p@")] for i in range(1, 11)})
        with Proxy(UDP, "-r", path, io=io) as proxy:
            with Association(proxy.address) as association:
                for _ in range(2):
                    for i in range(1, 9):
                        association.send((f"192.0.2.{i}", 53), b"x")
                        answer(relay)
                        assert association.receive() == (f"192.0.2.{i}", 53, b"x")
                    for i in (9, 10):
                        association.send((f"192.0.2.{i}", 53), b"x")
            proxy.wait_log(r"up=16 down=16, dropped=4 \(unreachable=4\)")
        assert len(hop.messages) == 8


@pytest.mark.parametrize("reply", [b"\5\0\0\1\xe0\0\0\1\0\x50", b"\5\7\0\1\0\0\0\0\0\0"])
def test_a_hop_that_can_not(io, reply, rules):
    """It says so, or its relay is none."""
    with UdpEcho() as echo, scripted(reply=reply) as (hop, _):
        path = rules({"192.0.2.1:53": [hop.url()]})
        with Proxy(UDP, "-r", path, io=io) as proxy:
            with Association(proxy.address) as association:
                assert association.ask(echo.address, b"x") == b"x"
                before = proxy.fd_count()
                association.send(("192.0.2.1", 53), b"x")
                proxy.wait_log(r"not tried again for 1s")
                assert proxy.fd_count() == before
            proxy.wait_log(r"unreachable=1\)")


@pytest.mark.parametrize("end", ["client", "killed", "stopped"])
def test_the_end_of_the_association_is_that_of_its_chains(io, end, rules, tmp_path):
    """Also of one that is being set up."""
    log = tmp_path / "access.log"

    def silent(sock, _data):
        net.recv_all(sock)
    with scripted() as (hop, relay), scripted(send=silent) as (dead, _):
        path = rules({"192.0.2.1:53": [hop.url()], "192.0.2.2:53": [dead.url()]})
        with RulesProxy(path, UDP, "--access-log", log, "--access-log-format", "json",
                        io=io) as proxy:
            before = proxy.fd_count("socket")
            with Association(proxy.address) as association:
                association.send(("192.0.2.2", 53), b"waits")
                association.send(("192.0.2.1", 53), b"x")
                answer(relay)
                association.receive()
                net.wait_for(lambda: len(dead.messages) == 1, "the other hop to be asked")
                if end == "killed":
                    answered = proxy.api.ask("DELETE", "/sessions?state=datagrams")
                    assert json.loads(answered.body) == {"killed": 1}
                elif end == "stopped":
                    proxy.signal(signal.SIGTERM)
                    proxy.expect_exit()
                else:
                    association.close()
                if end != "stopped":
                    net.wait_for(lambda: proxy.fd_count("socket") == before, "all to be closed")
            net.wait_for(lambda: log.read_text().count("\n") == 1, "the line of the log")
        line = json.loads(log.read_text())
        assert line["end"] == {"client": "client_left"}.get(end, end)
        assert (line["datagrams_up"], line["datagrams_down"]) == (1, 1)
        assert line["datagrams_dropped"] == 1
