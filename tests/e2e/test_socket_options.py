"""Options of sockets: source address, mark, interface, buffers, keepalive."""

import re
import subprocess

import pytest

from support import clients, data, net
from support.process import Child
from support.proxy import Proxy, binary
from support.servers import Listener


def ss(port, side):
    """What ss(8) says of established connections with this local or remote port."""
    return subprocess.run(["ss", "-Htnomie", "state", "established", f"{side} = :{port}"],
                          capture_output=True, text=True, check=True).stdout


def keepalive(*place):
    """The timer, if it is for that, and all of the line."""
    line = ss(*place)
    timer = re.search(r"timer:\(keepalive,(?:(\d+)min)?(?:([\d.]+)sec)?", line)
    return timer and (timer, line)


def fails(proxy, address, pattern):
    mark = proxy.mark()
    clients.expect_refusal(proxy.address, address, "socks5", 1)
    proxy.wait_log(pattern, after=mark)


def test_source_address(io, listener):
    with Proxy("--bind-address", "127.0.0.9,::1", io=io) as proxy:
        with clients.open_tunnel(proxy.address, listener.address), listener.accept() as target:
            assert target.getpeername()[0] == "127.0.0.9"


def test_one_source_address_serves_many_connections(io, echo):
    """To one target each local port is used once, to two twice: ports are chosen at connect."""
    with Proxy("--bind-address", "127.0.0.9", io=io) as proxy:
        for _ in range(50):
            with clients.open_tunnel(proxy.address, echo.address) as sock:
                data.ping(sock)


def test_a_family_without_a_source_address_is_out_of_reach(io):
    with Listener("::1") as target, Proxy("--bind-address", "127.0.0.1", io=io) as proxy:
        fails(proxy, target.address, r"W .*connect `\[::1\]:\d+': Cannot assign requested address "
                                     r"\(binding to source address 127\.0\.0\.1\)$")


def test_a_source_address_that_is_not_ours_is_a_warning(io, echo):
    """At the start, because it may come yet; until then connections fail."""
    with Proxy("--bind-address", "192.0.2.1", io=io) as proxy:
        proxy.wait_log(r"W .*--bind-address: Cannot assign requested address \(binding to source "
                       r"address 192\.0\.2\.1\); connections will fail until that changes$")
        fails(proxy, echo.address, r"W .*\(binding to source address 192\.0\.2\.1\)$")


def test_an_interface_that_is_not_there_is_a_warning(io, echo):
    with Proxy("-i", "no-such-if", io=io) as proxy:
        proxy.wait_log(r"W .*--netdev: No such device \(binding to interface `no-such-if'\); "
                       r"connections will fail until that changes$")
        fails(proxy, echo.address, r"W .*No such device \(binding to interface `no-such-if'\)$")


@pytest.mark.parametrize("user", [[], ["-u", "nobody:"]], ids=["root", "nobody"])
def test_mark(io, listener, user):
    """Also after the privileges are gone: the one capability for it is kept."""
    with Proxy("--fwmark", "0x2a", *user, "--threads", "2", io=io) as proxy:
        with clients.open_tunnel(proxy.address, listener.address):
            assert re.search(r"fwmark:0x2a\b", ss(listener.port, "dport"))
        if user:
            for task in proxy.tasks():
                with open(f"/proc/{task.tid}/status") as text:
                    kept = int(re.search(r"CapEff:\s*(\w+)", text.read()).group(1), 16)
                assert kept in (1 << 13, 1 << 12), "CAP_NET_RAW, or before Linux 5.17 CAP_NET_ADMIN"


def test_mark_without_the_capability_is_fatal(io):
    with Child(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", binary(),
                "--io", io, "-l", "127.0.0.1:0", "--fwmark", "1"]) as proxy:
        assert proxy.wait_exit() == 1
        proxy.wait_log(r"^F .*--fwmark: Operation not permitted \(setting mark 0x1\); "
                       r"CAP_NET_ADMIN is needed, or CAP_NET_RAW since Linux 5\.17$")


def test_a_transparent_listener_without_the_capability_is_fatal(io):
    with Child(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", binary(),
                "--io", io, "-l", "127.0.0.1:0", "--tproxy"]) as proxy:
        assert proxy.wait_exit() == 1
        proxy.wait_log(r"^E .*IP_TRANSPARENT: Operation not permitted$")
        proxy.wait_log(r"^F .*failed to start server$")


def test_buffers_on_both_sides(io, listener):
    """The kernel doubles them; both must be set before the connection exists."""
    with Proxy("--sndbuf", "16k", "--rcvbuf", "32768", io=io) as proxy:
        with clients.open_tunnel(proxy.address, listener.address):
            for line in (ss(listener.port, "dport"), ss(proxy.port, "sport")):
                memory = re.search(r"skmem:\(r\d+,rb(\d+),t\d+,tb(\d+)", line)
                assert memory.groups() == ("65536", "32768"), line


def test_buffers_beyond_the_system_limit_are_a_warning(io, echo):
    with Proxy("--rcvbuf", "512m", io=io) as proxy:
        proxy.wait_log(r"W .*--rcvbuf 536870912: the kernel grants \d+ bytes "
                       r"\(net\.core\.rmem_max\)$")
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)


@pytest.mark.parametrize("args, seconds", [([], 120), (["--keepalive", "77"], 77),
                                           (["--keepalive", "off"], None)],
                         ids=["default", "77", "off"])
def test_keepalive_on_both_sides(io, listener, args, seconds):
    with Proxy(*args, io=io) as proxy:
        with clients.open_tunnel(proxy.address, listener.address) as sock, \
                listener.accept() as target:
            sock.sendall(b"x")
            assert target.recv(1) == b"x"
            for place in ((listener.port, "dport"), (proxy.port, "sport")):
                if seconds is None:
                    assert "timer:(keepalive" not in ss(*place)
                    continue
                # Until what was sent is acknowledged there is another timer.
                timer, line = net.wait_for(lambda place=place: keepalive(*place), "a timer")
                left = 60 * int(timer.group(1) or 0) + float(timer.group(2) or 0)
                assert seconds - 10 < left <= seconds, line
