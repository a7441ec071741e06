"""The command line: what is refused, in which words; --help; engines."""

import re
import socket

import pytest

from support import clients, data
from support.proxy import Proxy, binary
from support.process import Child


def run(*args):
    """(exit status, stdout, stderr) of a run that ends by itself."""
    with Child([binary(), *args]) as child:
        status = child.wait_exit()
        return status, child.text("out"), child.text("err")


L = ["-l", "127.0.0.1:0"]
BAD = {
    "no listener": ([], "listen address is not specified"),
    "unknown": ([*L, "--foo"], "unknown argument: `--foo'"),
    "positional": ([*L, "foo"], "unknown argument: `foo'"),
    "no value": (["-l"], "option `-l' requires an argument"),
    "bad number": ([*L, "-t", "abc"], "argument error: -t `abc'"),
    "empty number": ([*L, "-m", ""], "argument error: -m `'"),
    "negative": ([*L, "-m", "-1"], "argument error: -m `-1'"),
    "short time-out": ([*L, "-t", "4"], "timeout is out of range (5 - 86400)"),
    "long time-out": ([*L, "-t", "86401"], "timeout is out of range (5 - 86400)"),
    "nan": ([*L, "-t", "nan"], "(5 - 86400)|argument error"),
    "startups order": ([*L, "--max-startups", "10:5:3"], "startup_limit_start is out of range"),
    "startups rate": ([*L, "--max-startups", "1:101:3"],
                      "startup_limit_rate is out of range|argument error"),
    "startups max": ([*L, "-m", "2", "--max-startups", "1:5:3"],
                     "startup_limit_full is out of range"),
    "modes": ([*L, "--http", "-f", "127.0.0.1:1"], "incompatible flags are specified"),
    "auth": ([*L, "--auth-required"], "ruleset must be enabled for authentication"),
    "auth forward": ([*L, "--auth-required", "-f", "a:1"],
                     "authentication is not supported in current mode"),
    "proxy scheme": ([*L, "-x", "bogus://a:1"], "unknown proxy scheme `bogus'"),
    "proxy userinfo": ([*L, "-x", "socks5://a%zz@b:1"], "invalid proxy userinfo"),
    "proxy port": ([*L, "-x", "socks5://b:x"], "unable to parse port number: `x'"),
    "forward": ([*L, "-f", "nowhere"], "invalid address: `nowhere'"),
    "listen": (["-l", "nowhere"], "unable to parse address: nowhere"),
    "listen port": (["-l", "127.0.0.1:99999"], "argument error|unable to parse address"),
    "io": ([*L, "--io", "poll"], "argument error: --io `poll'"),
    "threads": ([*L, "--threads", "0"], "argument error: --threads `0'"),
    "log": ([*L, "--log", "paper"], "argument error: --log `paper'"),
    "block": ([*L, "--block-outbound", "moon"], "argument error: --block-outbound `moon'"),
    "block both": ([*L, "--block-outbound", "local,global"], "argument error: --block-outbound"),
    "drain": ([*L, "--drain", "-1"], "argument error: --drain `-1'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_command_lines_end_with_status_1(io, name):
    args, words = BAD[name]
    status, out, err = run("--io", io, *args)
    assert status == 1, out + err
    assert any(word in out + err for word in words.split("|")), out + err


def test_bad_proxy_and_forward_say_where_it_went_wrong(io):
    for option, value in (("-x", "bogus://a:1"), ("-f", "nowhere")):
        _, out, _ = run("--io", io, *L, option, value)
        assert "unable to parse outbound configuration" in out


def test_configuration_errors_point_to_help(io):
    _, out, _ = run("--io", io, *L, "-t", "1")
    assert re.search(r"^F .*configuration check failed, try \".* --help\"", out, re.MULTILINE)
    assert run("--io", io, *L, "-t", "1", "--loglevel", "0")[1] == ""


def test_port_in_use(io):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, out, _ = run("--io", io, "-l", "127.0.0.1:%d" % taken.getsockname()[1])
    assert status == 1
    assert "bind error: Address already in use" in out and "failed to start server" in out


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(io, option):
    """On stderr, every option named; later arguments are not looked at."""
    status, out, err = run("--io", io, option, "--nonsense")
    assert status in (0, 1) and out == ""
    assert "usage:" in err
    for word in ("--listen", "--http", "--proxy", "--io", "--threads", "--timeout", "--drain",
                 "--block-outbound", "--max-sessions", "--max-startups", "--log", "--loglevel",
                 "--pipe", "--nameserver", "--forward", "--proto-timeout", "--no-mixed"):
        assert word in err, f"{word} is missing from the usage text"


def test_help_on_a_topic(io):
    status, out, err = run("--io", io, "--help", "limits")
    assert status == 1 and out == ""
    assert err.startswith("time-outs and limits:\n") and "--max-startups" in err
    assert "--listen" not in err
    # As for 1.4.2, what follows and is no topic is not looked at.
    assert "usage:" in run("--io", io, "--help", "limitless")[2]


def test_last_one_wins_and_double_dash_ends(io, echo):
    with Proxy("-t", "1", "-t", "60", "-4", "-6", "-4", "--", "--nonsense", io=io) as proxy:
        with clients.open_tunnel(proxy.address, ("localhost", echo.port)) as sock:
            data.ping(sock)


def test_auto_takes_an_engine_and_says_which(io, echo):
    """uring if it is permitted here, else epoll with the reason; `io` is what was asked before."""
    with Proxy("--io", "auto", io=io, loglevel=4) as proxy:
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)
    with Proxy("--io", "auto", "--loglevel", "5", io=io, loglevel=4) as proxy:
        line = proxy.wait_log(r"io: (uring|epoll)(.*)")
        assert line.group(1) == "uring" or line.group(2).strip(), "epoll without a reason"


def test_engine_line(io):
    """Proxy() itself checks that the engine is the one asked for."""
    with Proxy(io=io, loglevel=5) as proxy:
        proxy.wait_log(rf"^I .*io: {io}\b")


def test_reuseport_lets_two_share(io, echo):
    with Proxy("--reuseport", io=io) as first:
        with Proxy("--reuseport", io=io, listen=f"127.0.0.1:{first.port}") as second:
            for _ in range(20):
                with clients.open_tunnel(second.address, echo.address) as sock:
                    data.ping(sock)


def test_two_cannot_share_without_reuseport(io):
    with Proxy(io=io) as first:
        status, out, _ = run("--io", io, "-l", f"127.0.0.1:{first.port}")
        assert status == 1 and "Address already in use" in out
