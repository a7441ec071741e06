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
