"""Strangers who make the proxy complain: the log stays short, says what it left out, and what is
of another kind is still seen."""

import re

import pytest

from support import clients, net
from support.api import Api
from support.proxy import Proxy

FLOOD = 1500
BURST = 500  # limits::kLogBurst


@pytest.mark.threads
@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_flood_of_bad_requests_does_not_flood_the_log(io, threads):
    holder, dead = net.dead_port()
    with holder, Proxy("--api", "127.0.0.1:0", "--threads", threads, io=io, loglevel=4) as proxy:
        api = Api(proxy)
        for _ in range(FLOOD):
            with net.connect(proxy.address) as sock:
                sock.sendall(b"\xff nonsense\r\n\r\n")
                net.expect_closed(sock)
        # A failure of another kind is not hidden by the flood.
        clients.expect_refusal(proxy.address, dead, "socks5", 5)
        proxy.wait_log(r"W .*127\.0\.0\.1:\d+.*[Cc]onnection refused")
        figures = api.get("/metrics").body.decode()
        suppressed = int(re.search(r"^neosocksd_log_lines_suppressed_total (\d+)$", figures,
                                   re.MULTILINE).group(1))
        assert 0 < suppressed < FLOOD

        def told():
            return sum(map(int, re.findall(r"E .* (\d+) similar lines suppressed", proxy.text())))

        net.wait_for(lambda: told() == suppressed, lambda:
                     f"the log to tell of {suppressed} lines; it has told of {told()}")
        written = proxy.count_log(r"^E .*session\.cc:\d+ \[")
        assert BURST <= written == FLOOD - suppressed


def test_at_the_end_the_log_tells_what_it_left_out(io):
    with Proxy(io=io, loglevel=4) as proxy:
        for _ in range(2 * BURST):
            with net.connect(proxy.address) as sock:
                sock.sendall(b"\xff nonsense\r\n\r\n")
                net.expect_closed(sock)
        proxy.stop()
        written = proxy.count_log(r"^E .*session\.cc:\d+ \[")
        told = sum(map(int, re.findall(r"(\d+) similar lines suppressed", proxy.text())))
        assert written + told == 2 * BURST
