"""Under each attack the process lives, memory and log stay bounded, every honest session comes
through; and afterwards all is as it was."""

import pytest

from attacks import attacks
from support import net
from support.proxy import Proxy, sanitizer

SESSIONS, SECONDS = 12, 1.5


@pytest.mark.parametrize("attack", attacks.ATTACKS, ids=lambda attack: attack.name)
def test_honest_clients_come_through(io, tmp_path, echo, attack):
    with attacks.ready(attack, tmp_path) as args:
        with Proxy("--threads", "2", *args, io=io, loglevel=4, nofile=attack.nofile) as proxy:
            assert attacks.measure(proxy, echo.address, 3).failed == 0
            memory, sockets = proxy.rss(), proxy.fd_count("socket")
            with attack.run(proxy, attack.small):
                felt = attacks.measure(proxy, echo.address, SESSIONS, SECONDS)
                grown = proxy.rss() - memory
            assert felt.failed == 0, felt
            if not sanitizer():
                assert grown < attack.mib << 20, f"memory grew by {grown >> 20} MiB"
            # 500 of a kind, and there are a few kinds.
            assert len(proxy.lines) < 2500, proxy.tail(20)
            net.wait_for(lambda: proxy.fd_count("socket") <= sockets + 8, lambda:
                         f"sockets to be closed: {proxy.fd_count('socket')}, were {sockets}",
                         3 * net.DEADLINE)
            assert attacks.measure(proxy, echo.address, 3).failed == 0
