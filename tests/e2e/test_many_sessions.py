"""Nearly ten thousand sessions: lists, filters and kills are quick, and relays do not notice."""

import json
import multiprocessing
import statistics
import time

import pytest

from support import clients, data, net
from support.api import Api
from support.proxy import Proxy, sanitizer
from support.servers import EchoProcess

SESSIONS = 9_900  # as many as 20,000 descriptors allow
SPECIAL = 10  # with a user


def ask(api, method, target):
    with net.Stopwatch() as watch:
        answer = api.ask(method, target)
        assert answer.status == 200, answer
        return json.loads(answer.body), watch.elapsed()


def ping_until_stopped(proxy, target, pipe):
    """A tunnel that is used all the time. Each message asks how long the echoes took since."""
    times = []
    with clients.open_tunnel(proxy, target, auth=("pinger", "x")) as sock:
        while True:
            begun = time.monotonic()
            data.ping(sock)
            times.append(1000 * (time.monotonic() - begun))
            if not pipe.poll():
                continue
            if pipe.recv() == "stop":
                return
            pipe.send(times)
            times = []


class Pinger:
    """In a process of its own, so that it measures the program and not the test."""

    def __init__(self, proxy, target):
        fork = multiprocessing.get_context("fork")
        self._pipe, other = fork.Pipe()
        self._process = fork.Process(target=ping_until_stopped, args=(proxy, target, other))
        self._process.start()

    def sample(self, action):
        """Milliseconds: median, 99th percentile and worst echo while action() runs."""
        for act in (lambda: None, action):
            act()
            self._pipe.send("times")
            times = sorted(self._pipe.recv())
        return statistics.median(times), times[len(times) * 99 // 100], times[-1]

    def stop(self):
        self._pipe.send("stop")
        self._process.join()


@pytest.fixture
def quiet_echo():
    """For the pinger alone: the other one has thousands of resets to look at."""
    with EchoProcess() as process:
        yield process


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_many_sessions(io, threads, echo_process, quiet_echo):
    with Proxy("--api", "127.0.0.1:0", "--threads", threads, io=io, loglevel=5) as proxy:
        api, socks = Api(proxy), []
        pinger = Pinger(proxy.address, quiet_echo.address)
        try:
            for number in range(SESSIONS):
                auth = ("special", "x") if number % (SESSIONS // SPECIAL) == 0 else None
                socks.append(clients.open_tunnel(proxy.address, echo_process.address, auth=auth))
            quiet = pinger.sample(lambda: time.sleep(1))
            took = {"page of 100": [], "page of 1000": [], "filter": []}

            def look():
                for _ in range(5):
                    page, seconds = ask(api, "GET", "/sessions")
                    took["page of 100"].append(seconds)
                    assert page["matched"] == SESSIONS + 1 and len(page["sessions"]) == 100
                    page, seconds = ask(api, "GET", "/sessions?limit=1000")
                    took["page of 1000"].append(seconds)
                    assert len(page["sessions"]) == 1000
                    page, seconds = ask(api, "GET", "/sessions?user=special")
                    took["filter"].append(seconds)
                    assert page["matched"] == SPECIAL

            busy = pinger.sample(look)
            seen, after = 0, 0
            while after is not None:
                page, _ = ask(api, "GET", f"/sessions?limit=1000&after={after}")
                seen, after = seen + len(page["sessions"]), page["next"]
            assert seen == SESSIONS + 1
            killed, seconds = ask(api, "DELETE", "/sessions?user=special")
            took["kill 10"] = [seconds]
            assert killed["killed"] == SPECIAL
            net.expect_reset(socks[0])
            data.ping(socks[1])
            killing = []
            storm = pinger.sample(lambda: killing.append(ask(api, "DELETE", "/sessions?user=")))
            (killed, seconds), = killing
            took["kill all others"] = [seconds]
            assert killed["killed"] == SESSIONS - SPECIAL
            net.wait_for(lambda: ask(api, "GET", "/sessions")[0]["matched"] == 1, "the end of all")
            for what, times in took.items():
                print(f"{what}: {1000 * statistics.median(times):.1f} ms")
            for what, times in (("quiet", quiet), ("listing", busy), ("killing", storm)):
                print(f"echo, {what}: median {times[0]:.3f}, p99 {times[1]:.3f}, "
                      f"worst {times[2]:.3f} ms")
            if sanitizer() is None:
                assert max(took["page of 100"] + took["filter"]) < 1 * net.SCALE
                assert busy[0] < 5 * quiet[0] + 5, (quiet, busy)
        finally:
            pinger.stop()
            for sock in socks:
                sock.close()
