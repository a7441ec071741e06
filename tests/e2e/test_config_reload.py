"""SIGHUP with -c: what the running program takes over, and what it says of the rest."""

import signal
import socket

import pytest

from support import clients, data, net
from support.api import Api
from support.dns import Dns, Name
from support.hops import Hop
from support.proxy import Proxy
from support.servers import Server

THREADS = pytest.mark.parametrize("threads", ["1", "3"])
RELOADED = "^I .*ruleset successfully reloaded"


@pytest.fixture
def boot(tmp_path):
    path = tmp_path / "boot.lua"

    def put(text):
        path.write_text(f"return {{{text}}}")
        return path
    return put


def reload(proxy, expected):
    mark = proxy.mark()
    proxy.signal(signal.SIGHUP)
    return proxy.wait_log(expected, mark)


def says_new(sock):
    sock.sendall(b"new!")
    net.recv_all(sock)


def soon(proxy, kind, target, what):
    """Workers are told by a message each: every one will have heard soon."""
    def heard():
        try:
            for _ in range(8):
                with clients.open_tunnel(proxy.address, target, kind) if kind else \
                        net.connect(proxy.address) as sock:
                    sock.sendall(b"ping")
                    if net.recv_exact(sock, 4) != what:
                        return False
        except clients.Refused:
            return False
        return True
    net.wait_for(heard, f"{what} of every worker")


@THREADS
def test_another_target_for_the_clients_to_come(io, boot, echo, threads):
    with Server(says_new) as new, \
            Proxy("-c", boot(f'forward = "{echo.host}:{echo.port}"'), "--threads", threads,
                  "--api", "127.0.0.1:0", io=io) as proxy:
        with net.connect(proxy.address) as old:
            data.ping(old)
            boot(f'forward = "{new.host}:{new.port}"')
            reload(proxy, RELOADED)
            soon(proxy, None, None, b"new!")
            data.ping(old)
            listed = Api(proxy).get("/sessions").body.decode()
            assert f"{echo.host}:{echo.port}" in listed


@THREADS
def test_another_chain(io, boot, echo, threads):
    with Hop("socks5") as first, Hop("http") as second, \
            Proxy("-c", boot(f'proxy = "{first.url()}"'), "--threads", threads, io=io) as proxy:
        with clients.open_tunnel(proxy.address, echo.address, "socks5") as old:
            data.ping(old)
            boot(f'proxy = "{second.url()}"')
            reload(proxy, RELOADED)
            net.wait_for(lambda: clients.open_tunnel(proxy.address, echo.address).close()
                         or len(second.messages) > 5, "the new chain")
            data.ping(old)
        # What the file does not say any more is as the command line says: no chain.
        boot("")
        reload(proxy, RELOADED)
        seen = len(echo.peers)
        net.wait_for(lambda: clients.open_tunnel(proxy.address, echo.address).close()
                     or len(echo.peers) > seen + 5, "no chain")


@THREADS
def test_the_chain_comes_first_in_what_a_ruleset_says(io, boot, echo, threads):
    rules = "ruleset = {resolve = function(address) return address end, " \
            "route = function(address) return address end}"
    with Hop("socks5") as first, Hop("http") as second, \
            Proxy("-c", boot(f'proxy = "{first.url()}", {rules}'), "--threads", threads,
                  io=io) as proxy:
        clients.open_tunnel(proxy.address, echo.address).close()
        assert len(first.messages) == 1
        boot(f'proxy = "{second.url()}", {rules}')
        reload(proxy, RELOADED)
        clients.open_tunnel(proxy.address, echo.address).close()
        assert len(first.messages) == 1 and len(second.messages) == 1


@THREADS
def test_other_name_servers(io, boot, threads):
    with Server(says_new, "127.0.0.2") as new, socket.socket() as dead, \
            Dns({"a.test": Name(["127.0.0.9"])}) as first, \
            Dns({"a.test": Name(["127.0.0.2"])}) as second, \
            Proxy("-c", boot(f'nameserver = "{first.address_text}"'), "--threads", threads,
                  io=io) as proxy:
        dead.bind(("127.0.0.9", new.port))  # nobody else will listen there
        for _ in range(8):
            clients.expect_refusal(proxy.address, ("a.test", new.port), "socks5", 5)
        boot(f'nameserver = "{second.address_text}"')
        reload(proxy, RELOADED)
        soon(proxy, "socks5h", ("a.test", new.port), b"new!")


def test_a_lookup_that_waits_is_asked_of_the_new_servers(io, boot, echo):
    with Dns({"a.test": Name(drop=True)}) as silent, \
            Dns({"a.test": Name(["127.0.0.1"])}) as second, \
            Proxy("-c", boot(f'nameserver = "{silent.address_text}"'), io=io) as proxy:
        with net.connect(proxy.address) as sock:
            sock.sendall(clients.socks5_greeting(0) +
                         clients.socks5_request("a.test", echo.port))
            net.wait_for(lambda: silent.queries, "a query")
            boot(f'nameserver = "{second.address_text}"')
            reload(proxy, RELOADED)
            assert net.recv_exact(sock, 2) == b"\5\0"
            assert clients.read_socks5_reply(sock).code == 0
            data.ping(sock)


@pytest.mark.parametrize("bad,reason", [
    ("timeout = 3", r"timeout is out of range \(5 - 86400\)"),
    ('nameserver = "foo"', "bad list of name servers: `foo'"),
    ('proxy = "ftp://a"', "unknown proxy scheme `ftp'"),
    ('forward = "a"', "invalid address: `a'")])
def test_a_bad_setting_changes_nothing(io, boot, echo, bad, reason):
    rules = "ruleset = {route = function(address) %s end}"
    with Proxy("-c", boot(rules % "return address"), io=io) as proxy:
        boot(f"loglevel = 2, {bad}, {rules % ''}")
        reload(proxy, f"^W .*failed to reload ruleset: .*{reason}")
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)
        proxy.wait_log("^D .*established")


def test_what_needs_a_restart_is_named(io, boot):
    with Proxy("-c", boot("timeout = 7"), io=io) as proxy:
        boot('timeout = 8, listen = "127.0.0.1:1", forward = "a:1", loglevel = 5')
        reload(proxy, "^W .*changes of `listen', `forward', `timeout' need a restart$")
        mark = proxy.mark()
        boot("timeout = 7")
        reload(proxy, RELOADED)
        assert proxy.count_log("need a restart", mark) == 0


def test_a_first_ruleset_needs_a_restart(io, boot, echo):
    """The sandbox, the API and the listeners were made for a program without rules."""
    with Proxy("-c", boot("timeout = 7"), io=io) as proxy:
        boot("timeout = 7, ruleset = { resolve = function() return nil end }")
        reload(proxy, "^W .*the first ruleset of `.*boot.lua' needs a restart$")
        with clients.open_tunnel(proxy.address, (echo.host, echo.port)) as sock:
            sock.sendall(b"ping")
            assert net.recv_exact(sock, 4) == b"ping"


def test_reloads_while_it_drains(io, boot, echo):
    with Proxy("-c", boot(""), "--drain", "60", "--threads", "2", io=io) as proxy:
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            proxy.signal(signal.SIGTERM)
            proxy.wait_log("server shutdown gracefully")
            boot('proxy = "http://a:1"')
            reload(proxy, RELOADED)
            data.ping(sock)
        proxy.expect_exit()


def test_many_reloads_in_a_row(io, boot, echo):
    with Proxy("-c", boot(""), "--threads", "2", io=io) as proxy:
        clients.open_tunnel(proxy.address, echo.address).close()
        for round_ in range(20):
            boot(f'nameserver = "127.0.0.{round_ + 1}:1", proxy = "http://h{round_}:1"')
            reload(proxy, RELOADED)
        boot("")
        reload(proxy, RELOADED)
        soon(proxy, "socks5", echo.address, b"ping")
