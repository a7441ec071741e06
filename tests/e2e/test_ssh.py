"""ssh with nc as ProxyCommand: a server that speaks first, and a long interactive stream."""

import pytest

from support.process import program
from support.proxy import Proxy


def netcat(version, proxy):
    nc = program("nc.openbsd", "netcat-openbsd")
    return f"{nc} -X {version} -x 127.0.0.1:{proxy.port} %h %p"


@pytest.mark.parametrize("version", ["5", "4", "connect"])
def test_copies_both_ways(io, version, sshd, rng):
    payload = rng.randbytes(3 << 20)
    with Proxy(io=io) as proxy:
        assert sshd.run(netcat(version, proxy), "cat", payload) == payload


@pytest.mark.parametrize("version", ["5", "connect"])
def test_reaches_a_host_by_name(io, version, sshd):
    with Proxy(io=io) as proxy:
        assert sshd.run(netcat(version, proxy), "echo here", host="localhost") == b"here\n"
