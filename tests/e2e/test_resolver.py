"""Names: families, failures, time to live, several addresses, answers beyond one datagram."""

import contextlib
import threading
import time

import pytest

from support import clients, data, net
from support.clients import UNREACHABLE
from support.dns import AAAA, SERVFAIL, A, Dns, Name
from support.proxy import Proxy
from support.servers import Blackhole, Listener, Server, echo

T = 60


@contextlib.contextmanager
def resolving(zone, *args, io):
    with Dns(zone) as dns, Proxy("--nameserver", dns.address_text, "--threads", "1", *args,
                                 io=io) as proxy:
        yield dns, proxy


def reach(proxy, name, port, kind="socks5"):
    with clients.open_tunnel(proxy.address, (name, port), kind) as sock:
        data.ping(sock)


@pytest.mark.parametrize("kind", ["socks4a", "socks5", "http"])
def test_asks_the_given_server(io, echo, kind):
    with resolving({"a.test": Name(["127.0.0.1"])}, io=io) as (dns, proxy):
        reach(proxy, "a.test", echo.port, kind)
        assert dns.asked("a.test", A) == 1 and dns.asked("a.test", AAAA) == 1


def test_a_bad_list_is_told_once_and_the_system_asked(io):
    with Proxy("--nameserver", "foo", "--threads", "4", io=io) as proxy:
        assert proxy.count_log("failed to set nameserver") == 1
        proxy.wait_log("^E .*failed to set nameserver `foo': Misformatted string$")


@pytest.mark.parametrize("option,kind,address", [("-4", A, "127.0.0.1"), ("-6", AAAA, "::1")])
def test_family_option_restricts(io, option, kind, address):
    zone = {"both.test": Name(["127.0.0.1"], ["::1"])}
    with Server(echo, address) as server, resolving(zone, option, io=io) as (dns, proxy):
        reach(proxy, "both.test", server.port)
        assert dns.asked("both.test", kind) == 1 and dns.asked("both.test") == 1


@pytest.mark.parametrize("option,zone", [
    ("-6", Name(v4=["127.0.0.1"])), ("-4", Name(v6=["::1"]))])
def test_family_option_is_hard(io, echo, option, zone):
    with resolving({"one.test": zone}, option, io=io) as (_, proxy):
        clients.expect_refusal(proxy.address, ("one.test", echo.port), "socks5", 4)


def test_family_option_leaves_literal_addresses_alone(io, echo):
    with resolving({}, "-6", io=io) as (_, proxy):
        reach(proxy, "127.0.0.1", echo.port)


@pytest.mark.parametrize("kind", ["socks4a", "socks5", "http"])
@pytest.mark.parametrize("name", [None, Name(rcode=SERVFAIL), Name()],
                         ids=["NXDOMAIN", "SERVFAIL", "no data"])
def test_failure_is_told_at_once(io, kind, name):
    zone = {"bad.test": name} if name else {}
    with resolving(zone, "-t", str(T), io=io) as (_, proxy):
        clients.expect_refusal(proxy.address, ("bad.test", 80), kind, UNREACHABLE[kind])
        proxy.wait_log(r"bad\.test")


def test_second_address_is_tried_when_the_first_refuses(io, echo):
    """In both orders, as a resolver may sort them."""
    zone = {"a.test": Name(["127.0.0.2", "127.0.0.1"]), "b.test": Name(["127.0.0.1", "127.0.0.2"])}
    with resolving(zone, io=io) as (_, proxy):
        reach(proxy, "a.test", echo.port)
        reach(proxy, "b.test", echo.port)


def test_second_address_is_tried_when_the_first_is_silent(io, echo):
    """Staggered attempts, long before the time-out."""
    zone = {"a.test": Name(["127.0.0.2", "127.0.0.1"]), "b.test": Name(["127.0.0.1", "127.0.0.2"])}
    with Blackhole("127.0.0.2", echo.port), resolving(zone, "-t", str(T), io=io) as (_, proxy):
        reach(proxy, "a.test", echo.port)
        reach(proxy, "b.test", echo.port)


def test_other_family_is_tried(io, echo):
    with resolving({"a.test": Name(["127.0.0.1"], ["::1"])}, io=io) as (_, proxy):
        reach(proxy, "a.test", echo.port)


def test_all_addresses_refuse(io):
    holder, (_, port) = net.dead_port()
    with holder, resolving({"a.test": Name(["127.0.0.1"], ["::1"])}, io=io) as (_, proxy):
        clients.expect_refusal(proxy.address, ("a.test", port), "socks5", 5)


def test_answers_are_kept_for_their_time_to_live(io, echo):
    zone = {"long.test": Name(["127.0.0.1"], ttl=300), "short.test": Name(["127.0.0.1"], ttl=1)}
    with resolving(zone, "-4", io=io) as (dns, proxy):
        for _ in range(5):
            reach(proxy, "long.test", echo.port)
        assert dns.asked("long.test") == 1
        started = time.monotonic()
        reach(proxy, "short.test", echo.port)

        def asked_again():
            reach(proxy, "short.test", echo.port)
            return dns.asked("short.test") > 1

        net.wait_for(asked_again, "the short-lived answer to expire")
        assert time.monotonic() - started > 0.5, "the answer was not kept at all"


def test_names_differ_in_case_only(io, echo):
    with resolving({"case.test": Name(["127.0.0.1"])}, "-4", io=io) as (dns, proxy):
        reach(proxy, "case.test", echo.port)
        reach(proxy, "CASE.Test", echo.port)


def test_thousands_of_addresses(io):
    """They come over TCP; any of them will do, and memory does not explode."""
    addresses = [f"127.{n >> 8}.{n & 255}.1" for n in range(1, 3001)]
    with Listener("0.0.0.0") as target, resolving({"many.test": Name(addresses)}, "-4",
                                                  io=io) as (dns, proxy):
        for _ in range(5):
            with clients.open_tunnel(proxy.address, ("many.test", target.port)) as sock, \
                    target.accept() as other:
                sock.sendall(b"x")
                assert other.recv(1) == b"x"
        assert dns.asked("many.test") <= 3


def test_thousands_of_dead_addresses_end_in_time(io):
    holder, (_, port) = net.dead_port("127.0.0.1")
    addresses = [f"127.{n >> 8}.{n & 255}.1" for n in range(1, 3001)]
    with holder, resolving({"many.test": Name(addresses)}, "-4", io=io) as (_, proxy):
        clients.expect_refusal(proxy.address, ("many.test", port), "socks5", 5)


def test_slow_name_holds_up_nobody_else(io, echo):
    answer = threading.Event()
    zone = {"slow.test": Name(["127.0.0.1"], hold=answer), "quick.test": Name(["127.0.0.1"])}
    with resolving(zone, "-4", io=io) as (dns, proxy):
        waiting = data.Background(reach, proxy, "slow.test", echo.port)
        dns.wait_asked("slow.test", net.DEADLINE)
        reach(proxy, "quick.test", echo.port)
        assert waiting.is_alive(), "the other name has not been answered"
        answer.set()
        waiting.join()


def test_many_names_at_once(io, echo):
    zone = {f"n{number}.test": Name(["127.0.0.1"], delay=0.2) for number in range(100)}
    with resolving(zone, "-4", io=io) as (_, proxy):
        for thread in [data.Background(reach, proxy, name, echo.port) for name in zone]:
            thread.join()


def test_first_hop_is_resolved_here_and_the_target_is_not(io):
    from support.hops import Hop
    with Hop("socks5") as hop, Dns({"hop.test": Name(["127.0.0.1"])}) as dns:
        with Proxy("-x", f"socks5://hop.test:{hop.port}", "--nameserver", dns.address_text,
                   io=io) as proxy:
            reach(proxy, "far.test", 80)
        assert dns.asked("hop.test") and not dns.asked("far.test")


def test_bad_name_server_option_does_not_stop_the_start(io, echo):
    with Proxy("--nameserver", "nonsense", io=io) as proxy:
        proxy.wait_log(r"^E .*failed to set nameserver `nonsense'")
        reach(proxy, "127.0.0.1", echo.port)
