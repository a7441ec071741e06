"""--tproxy and --redirect between network namespaces, by the rules of docs/transparent.md."""

import contextlib
import re
import socket

import pytest

from support import data, net
from support.data import Background
from support.netns import CLIENT, GATEWAY, SERVER, Network
from support.process import program
from support.proxy import ROOT, Proxy
from support.servers import Server, echo

ADDRESSES = {"v4": "198.51.100.2", "v6": "2001:db8:2::2"}
WAYS = ["nft-tproxy", "iptables-tproxy", "nft-redirect", "iptables-redirect"]


def documented(block):
    """The lines of a ```block of the page."""
    text = (ROOT / "docs" / "transparent.md").read_text()
    return re.search(rf"^```{block}\n(.*?)^```", text, re.MULTILINE | re.DOTALL).group(1)


def apply_rules(network, way, server_port, proxy_port):
    def local(text):
        """As documented, but for the ports, which are this test's own."""
        for port in ("1081", "1082"):
            text = text.replace(port, str(proxy_port))
        return text.replace("80, 443", str(server_port)).replace("80,443", str(server_port))

    if "tproxy" in way:
        for line in documented("route").splitlines():
            network.exec(GATEWAY, *line.split())
    rules = local(documented(way))
    if way.startswith("nft"):
        network.exec(GATEWAY, program("nft", "nftables"), "-f", "-", text=rules)
        return
    for line in rules.splitlines():
        words = line.split()[1:]
        for command in ("iptables", "ip6tables"):
            network.exec(GATEWAY, program(command, "iptables"), *words)


@contextlib.contextmanager
def gateway(io, way, *options):
    """The network with the proxy in its middle; no packet is routed past the proxy."""
    mode = "--tproxy" if "tproxy" in way else "--redirect"
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network())
        with network.inside(SERVER):
            server = stack.enter_context(Server(echo, "::"))
        with network.inside(GATEWAY):
            proxy = stack.enter_context(Proxy(mode, *options, io=io, listen="[::]:0"))
        apply_rules(network, way, server.port, proxy.port)
        yield network, proxy, server


def dial(network, family, port):
    with network.inside(CLIENT):
        return net.connect((ADDRESSES[family], port))


@pytest.mark.parametrize("family", ADDRESSES)
@pytest.mark.parametrize("way", WAYS)
def test_carries_a_connection_where_it_was_going(io, way, family, rng):
    with gateway(io, way) as (network, proxy, server):
        payload = rng.randbytes(1_000_000)
        with dial(network, family, server.port) as sock:
            back = Background(data.expect_stream, sock, payload, False)
            data.send_stream(sock, payload, False)
            back.join()
        target = f"[{ADDRESSES[family]}]" if family == "v6" else ADDRESSES[family]
        proxy.wait_log(rf"-> `{re.escape(target)}:{server.port}': closed, up=1000000 down=1000000")


@pytest.mark.parametrize("way", ["nft-tproxy", "nft-redirect"])
def test_two_hundred_at_once_leave_nothing_behind(io, way):
    with gateway(io, way) as (network, proxy, server):
        idle = proxy.fd_count("socket")
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(dial(network, family, server.port))
                     for _ in range(100) for family in ADDRESSES]
            for sock in socks:
                data.ping(sock)
        net.wait_for(lambda: proxy.fd_count("socket") == idle, "all sockets to be closed")


@pytest.mark.parametrize("family,address", [("v4", "192.0.2.1"), ("v6", "2001:db8:1::1")])
@pytest.mark.parametrize("way", ["nft-tproxy", "nft-redirect"])
def test_refuses_a_connection_made_straight_to_the_listener(io, way, family, address):
    """It would dial itself, and that connection itself again, until descriptors run out."""
    with gateway(io, way) as (network, proxy, _):
        with network.inside(CLIENT):
            sock = net.connect((address, proxy.port))
        with sock:
            net.expect_closed(sock)
        proxy.wait_log(r"listener of our own|not a redirected connection")


@pytest.mark.parametrize("family", ADDRESSES)
@pytest.mark.parametrize("way", ["nft-tproxy", "nft-redirect"])
def test_needs_no_privileges_once_it_listens(io, way, family):
    with gateway(io, way, "-u", "nobody:") as (network, _, server):
        with dial(network, family, server.port) as sock:
            data.ping(sock)


@pytest.mark.parametrize("way", ["nft-tproxy", "nft-redirect"])
def test_a_half_close_passes(io, way):
    with gateway(io, way) as (network, _, server):
        with dial(network, "v4", server.port) as sock:
            sock.sendall(b"last words")
            sock.shutdown(socket.SHUT_WR)
            assert net.recv_all(sock) == b"last words"


def test_tproxy_through_a_chain(io):
    """The hop, here the same kind of program in the server's namespace, dials for the gateway."""
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network())
        with network.inside(SERVER):
            server = stack.enter_context(Server(echo, "::"))
            hop = stack.enter_context(Proxy(io=io, listen="198.51.100.2:0"))
        with network.inside(GATEWAY):
            proxy = stack.enter_context(Proxy("--tproxy", "-x", f"socks5://198.51.100.2:{hop.port}",
                                              io=io, listen="[::]:0"))
        apply_rules(network, "nft-tproxy", server.port, proxy.port)
        with dial(network, "v4", server.port) as sock:
            data.ping(sock)
        hop.wait_log(rf"-> `198\.51\.100\.2:{server.port}': established")


def test_redirect_without_a_rule_refuses(io):
    with Proxy("--redirect", io=io) as proxy, net.connect(proxy.address) as sock:
        net.expect_closed(sock)
        proxy.wait_log(r"not a redirected connection|listener of our own")
