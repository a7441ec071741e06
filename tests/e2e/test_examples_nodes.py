"""The examples that need other servers: balancing, failover, an ingress and an egress node, and a
mesh."""

import contextlib
import re
import subprocess

from support import data, net
from support.clients import expect_refusal, open_tunnel
from support.dns import Dns, Name
from support.hops import Hop
from support.net import wait_for
from support.proxy import ROOT
from support.rules import RulesProxy, example
from support.servers import Server, banner

BY_RULE = 1  # SOCKS5: general failure


def test_balancing(io, tmp_path):
    with Server(banner(b"one")) as one, Server(banner(b"two")) as two:
        path = example(tmp_path, "lb", {"192.0.2.11:80": one, "192.0.2.12:80": two})
        with RulesProxy(path, "-f", ":", io=io) as proxy:

            def served(count):
                answers = []
                for _ in range(count):
                    with net.connect(proxy.address) as sock:
                        answers.append(net.recv_exact(sock, 3))
                return answers

            def set_weight(server, weight):
                done = subprocess.run(
                    [ROOT / "examples" / "rpc.sh", proxy.api_url,
                     f'rpc.set_weight("127.0.0.1:{server.port}", {weight})'],
                    capture_output=True, text=True, check=True)
                return done.stdout.strip()

            # 100 to 50, by turns.
            answers = served(150)
            assert (answers.count(b"one"), answers.count(b"two")) == (100, 50)
            # Drained: what exists goes on, nothing new arrives.
            with net.connect(proxy.address) as kept:
                assert net.recv_exact(kept, 3) in (b"one", b"two")
                assert set_weight(one, 0) == "100"
                assert served(5) == [b"two"] * 5
                data.ping(kept)
            assert set_weight(one, 50) == "0"
            assert sorted(served(4)) == [b"one", b"one", b"two", b"two"]
            # The whole table; nothing left rejects.
            assert f'["127.0.0.1:{one.port}"]=50' in proxy.call(
                f'rpc.set_backends({{["127.0.0.1:{one.port}"]=1}})')
            assert served(3) == [b"one"] * 3
            proxy.call("rpc.set_backends({})")
            with net.connect(proxy.address) as sock:
                net.expect_closed(sock)


def test_failover(io, tmp_path):
    dead, address = net.dead_port()
    with contextlib.closing(dead), Hop("http") as backup:
        path = example(tmp_path, "failover", {"203.0.113.10:1080": address,
                                              "198.51.100.20:8080": backup})
        with RulesProxy(path, io=io) as proxy:

            def asked():
                return [said[0].split(b" ")[1].decode() for said in backup.messages]

            # The action: tried each time, failures are events.
            for count in (1, 2):
                with open_tunnel(proxy.address, ("a.one.example", 80), "socks5h") as sock:
                    data.ping(sock)
                assert asked() == ["a.one.example:80"] * count
            assert "failover: chain 1: connection failed (x2)" in proxy.stats()
            # By hand: what has failed rests.
            for count in (1, 2):
                with open_tunnel(proxy.address, ("a.two.example", 80), "socks5h") as sock:
                    data.ping(sock)
                assert asked().count("a.two.example:80") == count
                # The rule goes on after the relay has begun.
                used = f"backup              : {count} used, 0 failed"
                wait_for(lambda text=used: text in proxy.stats(), used)
                assert "gateway             : 0 used, 1 failed" in proxy.stats()
            metrics = proxy.api.get("/metrics").body.decode()
            assert 'way_failures_total{way="gateway"} 1' in metrics
            # The library's function.
            with open_tunnel(proxy.address, ("2001:db8::1", 80)) as sock:
                data.ping(sock)
            assert asked()[-1] == "[2001:db8::1]:80"
            # The way that a probe has found. Before, it is the gateway.
            expect_refusal(proxy.address, ("a.three.example", 80), "socks5h", 5)
            proxy.invoke("_G.ruleset.tick(neosocksd.now())")
            wait_for(lambda: "gateway is down" in proxy.stats(), "the probe")
            with open_tunnel(proxy.address, ("a.three.example", 80), "socks5h") as sock:
                data.ping(sock)
            assert asked()[-1] == "a.three.example:80"


def test_failover_when_all_ways_fail(io, tmp_path):
    dead, address = net.dead_port()
    with contextlib.closing(dead):
        path = example(tmp_path, "failover", {"203.0.113.10:1080": address,
                                              "198.51.100.20:8080": address,
                                              'rule.failover({ GATEWAY }, { BACKUP }, {})':
                                                  'rule.failover({ GATEWAY }, { BACKUP })'})
        with RulesProxy(path, io=io) as proxy:
            expect_refusal(proxy.address, ("a.one.example", 80), "socks5h", BY_RULE)
            stats = proxy.stats()
            assert "failover: chain 1: connection failed" in stats
            assert "failover: chain 2: connection failed" in stats


def test_ingress_and_egress(io, echo, tmp_path):
    for name, text in (("domains", "listed.example\n"), ("prefixes", "203.0.113.0/24\n"),
                       ("prefixes6", "2001:db8::/32\n")):
        (tmp_path / f"{name}.source").write_text("# a list\n" + text)
    lists = tmp_path / "it's lists"  # quoted for the shell, surely
    lists.mkdir()
    api = f"127.0.0.1:{net.free_port()}"
    egress_path = example(tmp_path, "egress", {
        'os.getenv("LISTS") or "/var/lib/neosocksd"': f'"{lists}"',
        "https://lists.example.com/domains.txt": f"file://{tmp_path}/domains.source",
        "https://lists.example.com/prefixes4.txt": f"file://{tmp_path}/prefixes.source",
        "https://lists.example.com/prefixes6.txt": f"file://{tmp_path}/prefixes6.source",
        "127.0.0.1:9080": api})
    names = {"other.example": Name(["127.0.0.1"]), "listed.example": Name(["127.0.0.1"])}
    with contextlib.ExitStack() as stack:
        dns = stack.enter_context(Dns(names))
        egress = stack.enter_context(RulesProxy(egress_path, "--nameserver", dns.address_text,
                                                io=io, api=api))
        # The first tick downloads what is missing.
        egress.invoke("_G.ruleset.tick(neosocksd.now())")
        wait_for(lambda: "lists: 1 domains, 1 prefixes, 1 IPv6 prefixes" in egress.stats(),
                 "the lists")
        for address in ("127.0.0.1", "10.0.0.1", "2001:db8::1"):
            expect_refusal(egress.address, (address, echo.port), "socks5", BY_RULE)

        ingress_path = example(tmp_path, "ingress", {"192.0.2.2:1080": egress})
        ingress = stack.enter_context(RulesProxy(ingress_path, "--nameserver", dns.address_text,
                                                 "--auth-required", io=io))
        wait_for(lambda: "installed" in ingress.stats(), "the lists to arrive")
        alice = ("alice", "correct horse battery staple")
        upstream = f'"socks5://127.0.0.1:{egress.port}"'
        assert ingress.decide("www.listed.example:80") == '"www.listed.example:80"'
        assert ingress.decide("203.0.113.7:80", "route") == '"203.0.113.7:80"'
        assert ingress.decide("[2001:db8::7]:80", "route6") == '"[2001:db8::7]:80"'
        assert ingress.decide("other.example:80") == f'"other.example:80",{upstream}'
        for name, through in (("listed.example", 0), ("other.example", 1)):
            before = int(egress.call("num_requests"))
            with open_tunnel(ingress.address, (name, echo.port), "socks5h", alice) as sock:
                data.ping(sock)
            assert int(egress.call("num_requests")) == before + through
        expect_refusal(ingress.address, ("listed.example", 80), "socks5", BY_RULE,
                       ("alice", "wrong"))
        for address in ("127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"):
            expect_refusal(ingress.address, (address, echo.port), "socks5", BY_RULE, alice)
        # Nothing new: the lists are not sent again.
        assert egress.call(f"rpc.update({ingress.call('lists_timestamp')})") == "nil"


def test_mesh(io, tmp_path):
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(Server(banner(b"office")))
        ports = {node: (net.free_port(), net.free_port()) for node in ("home", "relay", "office")}
        replace = {
            # Minutes become moments.
            "agent.peername = name": "agent.peername = name\n"
            "agent.BOOTSTRAP_DELAY, agent.PROBE_INTERVAL_MIN, agent.PROBE_INTERVAL_MAX"
            " = 0.05, 0.1, 0.2",
        }
        for index, node in enumerate(("home", "relay", "office"), 1):
            replace[f"socks5://127.0.1.{index}:1080"] = f"socks5://127.0.0.1:{ports[node][0]}"
            replace[f'"127.0.1.{index}:9080"'] = f'"127.0.0.1:{ports[node][1]}"'
        path = example(tmp_path, "mesh", replace)
        nodes = {
            node: stack.enter_context(RulesProxy(
                path, io=io, listen=f"127.0.0.1:{listen}", api=f"127.0.0.1:{api}",
                env={"NODE": node, "PATH": "/usr/bin:/bin"}))
            for node, (listen, api) in ports.items()}
        home = nodes["home"]
        wait_for(lambda: re.search(r'"office" .*"relay"->"office"', home.stats()),
                 "home to know the way to office", 3 * net.DEADLINE)
        with open_tunnel(home.address, ("office.internal", service.port), "socks5h") as sock:
            assert net.recv_exact(sock, 6) == b"office"
            data.ping(sock)
        expect_refusal(home.address, ("nowhere.internal", 80), "socks5h", BY_RULE)
