"""The examples: each loads, and does what it says, with real connections."""

import datetime
import gzip
import subprocess

import pytest

from support import clients, data, net
from support.clients import expect_refusal, open_tunnel
from support.dns import Dns
from support.hops import Hop
from support.process import program
from support.proxy import ROOT, binary
from support.rules import RulesProxy, example

EXAMPLES = ROOT / "examples"
RULESETS = sorted(path.stem for path in EXAMPLES.glob("*.lua")
                  if path.stem not in ("gen_biglist", "neosocksd"))
BY_RULE = 1  # SOCKS5: general failure


def check(path, *args):
    return subprocess.run([binary(), "--check", "-r", path, *args], cwd=ROOT / "lua",
                          capture_output=True, text=True, timeout=6 * net.DEADLINE, check=False)


@pytest.mark.parametrize("name", RULESETS)
def test_loads(name):
    done = check(EXAMPLES / f"{name}.lua")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_lists_every_file():
    text = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.iterdir():
        assert path.name == "README.md" or f"({path.name})" in text, path.name


def test_simple_rules(io, echo, tmp_path):
    with Hop("socks5", choice=b"\5\2") as hop:
        path = example(tmp_path, "ruleset_simple", {
            "192.0.2.80:8080": echo, "203.0.113.10:1080": hop})
        with RulesProxy(path, io=io) as proxy:
            # One address instead of another, and the same host with any port.
            for target in (("wiki.example.com", 80), ("WIKI.example.com", 80),
                           ("peer.example.com", echo.port)):
                with open_tunnel(proxy.address, target, "socks5h") as sock:
                    data.ping(sock)
            # Refused, however it is spelled.
            for target in (("smtp.example.com", 25), ("127.0.0.1", echo.port), ("::1", echo.port),
                           ("::ffff:127.0.0.1", echo.port), ("169.254.1.1", 80)):
                expect_refusal(proxy.address, target, "socks5", BY_RULE)
            # The default: through the upstream, with user and password.
            with open_tunnel(proxy.address, ("somewhere.example", 443), "socks5h") as sock:
                data.ping(sock)
            greeting, secret, request = hop.messages[-1]
            assert secret == clients.socks5_auth(b"user", b"password")
            assert request == clients.socks5_request("somewhere.example", 443)
            # Tags are events.
            stats = proxy.stats()
            assert '[wiki] "wiki.example.com:80"' in stats
            assert '[default] "somewhere.example:443"' in stats


def test_simple_rules_pick_up_a_list(io, tmp_path):
    path = example(tmp_path, "ruleset_simple")
    with RulesProxy(path, io=io) as proxy:
        upstream = '"socks5://user:password@203.0.113.10:1080"'
        assert proxy.decide("198.51.100.7:80", "route") == f'"198.51.100.7:80",{upstream}'
        proxy.invoke('_G.biglist = inet.subnet({"198.51.100.0/24"})')
        assert proxy.decide("198.51.100.7:80", "route") == '"198.51.100.7:80"'
        # hosts: a name, and an address that goes through `route`.
        assert proxy.decide("www.example.com:80") == f'"www.example.net:80",{upstream}'
        proxy.invoke('_G.hosts["www.example.com"] = "198.51.100.9"')
        assert proxy.decide("www.example.com:80") == '"198.51.100.9:80"'


def test_generated_lists(io, tmp_path):
    (tmp_path / "v4").write_text("# comment\n198.51.100.0/24\nrubbish\n192.0.2.0/25\n")
    (tmp_path / "v6").write_text("2001:db8::/32\n")
    (tmp_path / "names").write_text(
        "example.org\nwww.example.org\nexample.net\nfull:one.example\nregexp:^ad\\d+\\.\n"
        "regexp:\\.shop$\n")
    script = subprocess.run(
        [program("lua5.4", "lua5.4"), EXAMPLES / "gen_biglist.lua",
         *(tmp_path / name for name in ("v4", "v6", "names"))],
        capture_output=True, check=True).stdout
    path = example(tmp_path, "ruleset_simple")
    with RulesProxy(path, io=io) as proxy:
        proxy.invoke(gzip.compress(script), "Content-Encoding: gzip")
        for address in ("198.51.100.7:80", "192.0.2.5:1"):
            assert proxy.decide(address, "route") == f'"{address}"'
        assert "socks5" in proxy.decide("192.0.2.200:1", "route")
        assert proxy.decide("[2001:db8::1]:1", "route6") == '"[2001:db8::1]:1"'
        for name in ("a.example.org", "EXAMPLE.net", "one.example", "ad42.test", "my.shop"):
            assert proxy.decide(f"{name}:443").endswith('"socks5://203.0.113.10:1080"'), name
        for name in ("example.com", "two.one.example", "adx.test", "shop.test"):
            assert proxy.decide(f"{name}:443").endswith('@203.0.113.10:1080"'), name


def test_users(io, tmp_path):
    with Hop("socks5") as hop:
        path = example(tmp_path, "auth", {"203.0.113.10:1080": hop})
        with Dns({}) as dns, RulesProxy(path, "--auth-required", "--nameserver",
                                        dns.address_text, io=io) as proxy:
            alice = ("alice", "correct horse battery staple")
            bob = ("bob", "another password")
            for kind in ("socks5h", "http"):
                for user in (alice, bob):
                    with open_tunnel(proxy.address, ("site.example", 80), kind, user) as sock:
                        data.ping(sock)
            refused = [(("alice", "wrong"), "site.example"), (("mallory", "x"), "site.example"),
                       (alice, "localhost"), (alice, "LOCALHOST"), (alice, "printer.localdomain"),
                       (alice, "127.0.0.1"), (alice, "::ffff:127.0.0.1"), (bob, "admin.example")]
            for user, host in refused:
                expect_refusal(proxy.address, (host, 80), "socks5", BY_RULE, user)
            # By a way that has no passwords, as nobody of whom there is none.
            for user in (b"mallory", b"alice", b""):
                with net.connect(proxy.address) as sock:
                    sock.sendall(clients.socks4a_request("site.example", 80, user))
                    assert net.recv_exact(sock, 2) == b"\0\x5b", user
            stats = proxy.stats()
            assert 'authenticate failed: "mallory"' in stats
            assert '[admin] "admin.example:80"' in stats
            # Alice's request passes the rules; its name just has no address.
            with pytest.raises(clients.Refused):
                open_tunnel(proxy.address, ("admin.example", 80), "socks5h", alice)
            assert proxy.stats().count("[admin]") == 1
        path = example(tmp_path, "auth", {'"127.0.0.0/8", "192.0.2.0/24"': '"192.0.2.0/24"',
                                          "203.0.113.10:1080": hop})
        with RulesProxy(path, "--auth-required", io=io) as proxy:
            open_tunnel(proxy.address, ("site.example", 80), "socks5h", alice).close()
            expect_refusal(proxy.address, ("site.example", 80), "socks5h", BY_RULE, bob)


def test_everything_together(io, echo, tmp_path):
    api = f"127.0.0.1:{net.free_port()}"
    with Hop("socks5") as hop:
        path = example(tmp_path, "ruleset", {
            "127.0.0.1:9080": api, "127.0.0.1:5432": echo,
            'rule.proxy("socks5://203.0.113.10:1080", "http://198.51.100.20:8080")':
                f'rule.proxy("{hop.url()}")'})
        with RulesProxy(path, io=io, api=api) as proxy:
            with open_tunnel(proxy.address, ("api.neosocksd.internal", 80), "socks5h") as sock:
                sock.sendall(b"GET /healthy HTTP/1.1\r\nHost: localhost\r\n"
                             b"Connection: close\r\n\r\n")
                assert b" 200 " in net.recv_until(sock, b"\r\n")
            # The service has its hours.
            service = ("db.internal", 5432)
            now = datetime.datetime.now()
            soon = now + datetime.timedelta(minutes=5)
            if all(time.weekday() >= 5 or not 9 <= time.hour < 18 for time in (now, soon)):
                expect_refusal(proxy.address, service, "socks5h", BY_RULE)
                expect_refusal(proxy.address, ("192.0.2.32", 5432), "socks5", BY_RULE)
                assert "Service             : closed" in proxy.stats()
            proxy.invoke("_G.ruleset.overtime = os.time() + 3600")
            for target in (service, ("DB.Internal", 5432), ("192.0.2.32", 5432),
                           ("2001:db8::32", 5432)):
                with open_tunnel(proxy.address, target, "socks5") as sock:
                    data.ping(sock)
            expect_refusal(proxy.address, ("other.internal", 80), "socks5h", BY_RULE)
            expect_refusal(proxy.address, ("127.0.0.1", 5432), "socks5", BY_RULE)
            with open_tunnel(proxy.address, ("somewhere.example", 443), "socks5h") as sock:
                data.ping(sock)
            stats = proxy.stats()
            assert "Service             : open" in stats
            assert "Rule Time           : P50=" in stats
            assert "> Recent Events" in stats
            # The library is replaced under it: what was inherited is new, what was set stays.
            library = (ROOT / "lua" / "libruleset.lua").read_bytes()
            before = int(proxy.call("num_requests"))
            proxy.post("/ruleset/update?module=libruleset", library)
            with open_tunnel(proxy.address, service, "socks5h") as sock:
                data.ping(sock)
            assert int(proxy.call("num_requests")) == before + 1


@pytest.mark.parametrize("target, client, accepted", [
    ("203.0.113.9:443", "192.168.1.5:1000", True),
    ("192.168.1.2:443", "192.168.1.5:1000", True),
    ("192.168.1.2:443", "192.168.50.5:1000", False),
    ("203.0.113.9:443", "192.168.50.5:1000", True),
    ("203.0.113.9:25", "192.168.1.5:1000", False),
    ("203.0.113.9:443", "192.168.1.9:1000", False),
    ("127.0.0.1:443", "192.168.1.5:1000", False),
    ("[fd00::1]:443", "[fd00:50::9]:1000", False),
    ("[fd00::1]:443", "[fd00:51::9]:1000", True),
    ("[::ffff:127.0.0.1]:443", "192.168.1.5:1000", False),
])
def test_transparent_rules(target, client, accepted):
    done = check(EXAMPLES / "transparent.lua", "--ask", target, "--from", client)
    assert done.returncode == (0 if accepted else 1), done.stdout + done.stderr


def test_boot_configuration(io, echo, tmp_path):
    path = example(tmp_path, "config", {'"127.0.0.1:1080"': '"127.0.0.1:0"',
                                        '"127.0.0.1:9080"': '"127.0.0.1:0"',
                                        "loglevel = 4": "loglevel = 6"})
    with RulesProxy(path, io=io, option="-c", api=None, listen=None) as proxy:
        with open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)
        expect_refusal(proxy.address, ("www.blocked.example", 80), "socks5h", BY_RULE)
    dumped = tmp_path / "dumped.lua"
    dumped.write_text(subprocess.run([binary(), "-c", path, "--dump-config"], cwd=ROOT / "lua",
                                     capture_output=True, text=True, check=True).stdout)
    with RulesProxy(dumped, io=io, option="-c", api=None, listen=None) as proxy:
        with open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)


def test_rpc_from_the_shell(io, tmp_path):
    def rpc(expression, url=None):
        return subprocess.run([EXAMPLES / "rpc.sh", url or proxy.api_url, expression],
                              capture_output=True, text=True, timeout=6 * net.DEADLINE, check=False)

    with RulesProxy(example(tmp_path, "ruleset_simple"), io=io) as proxy:
        done = rpc('rpc.echo("hi", 42)')
        assert (done.returncode, done.stdout) == (0, '"hi",42\n')
        done = rpc("await.sleep(0.01)")
        assert (done.returncode, done.stdout) == (0, "")
        done = rpc('error("boom", 0)')
        assert (done.returncode, done.stderr) == (1, '"boom"\n')
        done = rpc("==")
        assert done.returncode == 2 and "unexpected symbol" in done.stderr
        assert rpc("1", f"http://127.0.0.1:{net.free_port()}").returncode == 2


def test_editor_stub_is_not_loaded():
    done = check(EXAMPLES / "neosocksd.lua")
    assert done.returncode == 1
    assert "for editors only" in done.stdout + done.stderr

