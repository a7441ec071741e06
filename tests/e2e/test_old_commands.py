"""Command lines in use with 1.4.2 start here unchanged (but for the ports, which tests may not
choose)."""

import pytest

from support import clients, data, net
from support.proxy import Proxy

COMMANDS = {
    "chain": ["-l", "0.0.0.0:0", "-f", "192.0.2.2:12345",
              "-x", "socks5://user:pass@192.0.2.1:1080,http://192.0.2.2:8080"],
    "everything": ["--pipe", "-u", "nobody:", "--max-sessions", "10000", "--max-startups",
                   "60:30:100", "--proto-timeout", "-t", "15", "-l", ":0", "-f", ":"],
    "socks": ["-4", "-l", "0.0.0.0:0", "--nameserver", "127.0.0.1:1", "-t", "30", "--reuseport",
              "--no-fastopen", "--fastopen-connect", "-m", "4096", "--loglevel", "6"],
    "1.4.3": ["-l", "127.0.0.1:0", "-C", "--egress", "--bidir-timeout", "--log", "stdout"],
    "1.5": ["-l", "127.0.0.1:0", "--http", "127.0.0.1:0", "--no-conn-cache"],
    "ingress": ["-l", "127.0.0.1:0", "--ingress"],
    "http": ["--http", "-l", "[::]:0", "-6", "--bidir-timeout", "-i", "lo"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_starts(io, command):
    with Proxy(*COMMANDS[command], io=io, listen=None) as proxy:
        assert "\nF " not in "\n" + proxy.text() and "\nE " not in "\n" + proxy.text()


def test_forwarding_to_nowhere_fails_each_session(io):
    """`-f :` leaves the target to a ruleset; without one there is none."""
    with Proxy(*COMMANDS["everything"], io=io, listen=None) as proxy:
        with net.connect(("127.0.0.1", proxy.port)) as sock:
            net.expect_closed(sock)
        proxy.wait_log(r"^W .*-> `:0': connect `:0'")


def test_options_of_the_socks_line_serve(io, echo):
    with Proxy(*COMMANDS["socks"], io=io, listen=None) as proxy:
        with clients.open_tunnel(("127.0.0.1", proxy.port), echo.address) as sock:
            data.ping(sock)


def test_egress_lets_nobody_in_and_ingress_nobody_out(io, echo):
    with Proxy("--egress", io=io) as proxy:
        clients.expect_refusal(proxy.address, echo.address, "socks5", 2)
    with Proxy("--ingress", io=io) as proxy:
        clients.expect_refusal(proxy.address, ("198.51.100.1", 80), "socks5", 2)
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)
