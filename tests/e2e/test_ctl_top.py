"""`neosocksd ctl top`: into a pipe, and on a terminal, which it leaves as it has found it."""

import os
import re
import signal

import pytest

from support import clients, data, net
from support.api import Api
from support.ctl import Screen, ctl
from support.proxy import Proxy


@pytest.fixture
def proxy(io):
    with Proxy("--api", "127.0.0.1:0", io=io) as running:
        yield running


@pytest.fixture
def api(proxy):
    return Api(proxy)


def test_into_a_pipe(proxy, api, echo):
    with clients.open_tunnel(proxy.address, echo.address) as sock:
        data.ping(sock)
        text = ctl(api, "top", "--count", "2", "--interval", "0.2")
        client = "{}:{}".format(*sock.getsockname())
    assert "\033" not in text
    first, second = re.split(r"(?m)^(?=neosocksd )", text)[1:]
    for page in (first, second):
        lines = page.splitlines()
        assert lines[1].startswith("Sessions  1 (+0), peak 1; accepts ")
        assert client in page
    assert float(re.search(r"API ([\d.]+)/s", second).group(1)) > 0


def test_nobody_there():
    held, (_, port) = net.dead_port()
    address = f"127.0.0.1:{port}"
    assert "cannot connect" in ctl(address, "top", status=3)
    with Screen("top", api=address) as screen:
        assert screen.process.wait(net.DEADLINE) == 3
        screen.wait("cannot connect")
        assert b"\033[?1049h" not in screen.output
    held.close()


def test_on_a_terminal(proxy, api, echo):
    with Screen("top", "--interval", "0.2", api=api) as screen:
        screen.wait("q quits")
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            mark = len(screen.output)
            data.ping(sock, b"x" * 5000)
            screen.wait("{}:{}".format(*sock.getsockname()), mark)
            screen.wait(r"\d/s", mark)
        net.wait_for(lambda: screen.lines()[1].startswith("Sessions  0 (+0), peak 1"),
                     "its end to be shown")
        assert len(screen.lines()) == 24
        screen.type(b"xyzq")
        assert screen.wait_exit() == 0
        assert screen.is_restored()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_and_restores_the_terminal(api, number):
    with Screen("top", api=api) as screen:
        screen.wait("q quits")
        screen.process.send_signal(number)
        assert screen.wait_exit() == -number
        assert screen.is_restored()


def test_control_c_ends_it(api):
    with Screen("top", api=api) as screen:
        screen.wait("q quits")
        screen.type(b"\x03")
        assert screen.wait_exit() == -signal.SIGINT
        assert screen.is_restored()


def test_control_z_gives_the_terminal_back_for_a_while(api):
    with Screen("top", api=api) as screen:
        screen.wait("q quits")
        screen.type(b"\x1a")
        net.wait_for(lambda: os.waitpid(screen.process.pid, os.WUNTRACED | os.WNOHANG)[0],
                     "it to stop")
        screen.wait(r"\x1b\[\?1049l")
        assert screen.is_restored()
        mark = len(screen.output)
        screen.process.send_signal(signal.SIGCONT)
        screen.wait("q quits", mark)
        screen.type(b"q")
        assert screen.wait_exit() == 0


def test_another_size(api):
    with Screen("top", "--interval", "60", api=api) as screen:
        screen.wait("q quits")
        mark = len(screen.output)
        screen.resize(10, 40)
        screen.wait("q quits", mark)
        lines = screen.lines()
        assert len(lines) == 10 and max(map(len, lines)) <= 40
        screen.type(b"q")
        assert screen.wait_exit() == 0


def test_a_server_that_goes_away_and_comes_back(io):
    address = f"127.0.0.1:{net.free_port()}"  # nobody else gets it in between
    with Proxy("--api", address, io=io) as proxy:
        api = Api(proxy)
        screen = Screen("top", "--interval", "0.2", api=api)
        with screen:
            screen.wait("q quits")
            proxy.stop()
            screen.wait("Connection refused")
            mark = len(screen.output)
            with Proxy("--api", address, io=io):
                screen.wait("q quits", mark)
                screen.type(b"q")
                assert screen.wait_exit() == 0


def test_a_server_that_hangs_does_not_hold_up_a_key(proxy, api):
    with Screen("top", "--interval", "0.1", api=api) as screen:
        screen.wait("q quits")
        proxy.signal(signal.SIGSTOP)
        try:
            screen.type(b"q")
            assert screen.wait_exit() == 0
        finally:
            proxy.signal(signal.SIGCONT)
        assert screen.is_restored()


def test_no_colours(api):
    with Screen("top", api=api, NO_COLOR="1") as screen:
        screen.wait("q quits")
        assert not re.search(rb"\x1b\[\d+m", screen.output)
    with Screen("top", "--count", "1", api=api, TERM="dumb") as screen:
        assert screen.process.wait(net.DEADLINE) == 0
        screen.wait("Sessions ")
        assert b"\033" not in screen.output
    with Screen("sessions", api=api) as screen:
        assert screen.process.wait(net.DEADLINE) == 0
        screen.wait(r"\x1b\[1mID ")
