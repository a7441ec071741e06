"""Chains of one, two and three hops over real proxies, in every mix."""

import itertools

import pytest

from support import clients, data
from support.proxy import Proxy

# microsocks and danted speak SOCKS5, squid and tinyproxy HTTP; "own" is another of us, by SOCKS4A.
PEERS = ["microsocks", "danted", "squid", "tinyproxy", "own"]
AUTH_PEERS = ["microsocks_auth", "squid_auth", "tinyproxy_auth"]


@pytest.fixture
def chain(request, io):
    """chain(names) -> value of -x; a fresh one of us for each "own"."""
    ours = []

    def build(names):
        urls = []
        for index, name in enumerate(names):
            again = names[:index].count(name)
            if name == "own":
                ours.append(Proxy(io=io))
                urls.append(f"socks4a://127.0.0.1:{ours[-1].port}")
            elif again and name in ("danted", "tinyproxy"):
                urls.append(request.getfixturevalue(f"{name}_{again + 1}").url())
            else:
                urls.append(request.getfixturevalue(name).url())
        return ",".join(urls)

    yield build
    for proxy in ours:
        with proxy:
            pass


def check_round_trip(proxy, target, rng, kind="socks5"):
    payload = rng.randbytes(100_000)
    with clients.open_tunnel(proxy.address, target, kind) as sock:
        back = data.Background(data.expect_stream, sock, payload, False)
        data.send_stream(sock, payload, False)
        back.join()


@pytest.mark.parametrize("name", PEERS + AUTH_PEERS)
@pytest.mark.parametrize("kind", ["socks5", "socks4a", "http"])
def test_one_hop(io, chain, echo, rng, name, kind):
    with Proxy("-x", chain([name]), io=io) as proxy:
        check_round_trip(proxy, echo.address, rng, kind)


@pytest.mark.parametrize("names", itertools.product(PEERS, repeat=2), ids="-".join)
def test_two_hops(io, chain, echo, rng, names):
    with Proxy("-x", chain(names), io=io) as proxy:
        check_round_trip(proxy, echo.address, rng)


@pytest.mark.parametrize("names", itertools.product(["danted", "tinyproxy", "own"], repeat=3),
                         ids="-".join)
def test_three_hops(io, chain, echo, rng, names):
    with Proxy("-x", chain(names), io=io) as proxy:
        check_round_trip(proxy, echo.address, rng)


@pytest.mark.parametrize("names", itertools.permutations(AUTH_PEERS, 2), ids="-".join)
def test_two_hops_that_want_credentials(io, chain, echo, rng, names):
    with Proxy("-x", chain(names), io=io) as proxy:
        check_round_trip(proxy, echo.address, rng)


def test_end_of_stream_travels_through_a_hop(io, chain, listener):
    """The answer comes after the client's end: a half-close crosses us twice.

    The other peers do not promise to pass on half-closes themselves.
    """
    with Proxy("-x", chain(["own"]), io=io) as proxy:
        with clients.open_tunnel(proxy.address, listener.address) as sock, \
                listener.accept() as target:
            data.send_stream(sock, b"question", True)
            data.expect_stream(target, b"question", True)
            data.send_stream(target, b"answer", True)
            data.expect_stream(sock, b"answer", True)


@pytest.mark.parametrize("name", PEERS)
def test_a_name_is_left_to_the_hop(io, chain, echo, rng, name):
    """We have no name server at all here: only the hop can know localhost."""
    with Proxy("-x", chain([name]), "--nameserver", "127.0.0.1:1", io=io) as proxy:
        check_round_trip(proxy, ("localhost", echo.port), rng)
