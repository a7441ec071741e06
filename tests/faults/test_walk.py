"""Every system call of every scenario fails once, and nobody but the session that is hit feels it.

    NEOSOCKSD_FAULTS_ALL=1 pytest tests/faults       # all of it; scripts/faults does that
    pytest tests/faults -k 'walk and udp'            # a seeded sample of one scenario
"""

import re

import pytest

from support import net
from support.proxy import ROOT

from .control import CALL_NAMES
from .plausible import FAULTS, wrapped
from .scenarios import SCENARIOS
from .walk import OUTCOMES

SAMPLE = 6  # of each scenario's 50 to 400 cases
# Calls of the sources that can not fail, or whose failure nobody could see.
HARMLESS = {
    "getpid", "gettid", "getppid", "geteuid", "getgid", "getgroups", "kill", "raise", "_exit",
    "umask", "sigemptyset", "sigaddset", "sigprocmask", "pthread_sigmask", "timer_delete",
    "freeaddrinfo", "gai_strerror", "strsignal", "setenv", "unsetenv", "tzset", "localtime_r",
    "clock_gettime", "getrusage", "isatty", "syslog", "inflate", "deflate", "wait",
}
# Of becoming a daemon or another user, and of the program's other half: they end it with words,
# which tests/e2e/test_daemon.py, test_user.py and test_ctl.py see.
ELSEWHERE = {
    "setsid", "dup3", "prctl", "setresuid", "setresgid", "setgroups", "getpwnam_r", "getpwuid_r",
    "getgrnam_r", "chown", "fchown", "tcgetattr", "tcsetattr", "ioctl", "clock_nanosleep",
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_walk(io, walks, sample, name):
    walk = walks(io)
    before = walk.count
    for case in sample(walk.cases(name), SAMPLE):
        walk.try_to_fail(case)
    print(f"{name}: {walk.count - before} faults, {walk.missed} not reached")
    if walk.failed:
        failed, walk.failed = walk.failed, []
        for _, error in failed:
            print(f"{error}\n" + "\n".join(error.__notes__), end="\n\n")
        raise failed[0][1]


@pytest.mark.parametrize("family", ["plain", "workers", "rules", "splice", "socks5 hop"])
@pytest.mark.parametrize("permille", [20, 150])
def test_a_storm_of_harmless_faults_is_not_felt(io, walks, rng, family, permille):
    world = walks(io).world
    control = world.place(family).control
    names = [name for name, (where, _) in SCENARIOS.items()
             if where == family and not name.startswith("rotate")]
    fired = 0
    for name in names * 3:
        control.storm(rng.getrandbits(63), permille, harmless_only=True)
        try:
            walks(io).converse(name)
        except BaseException:
            print(*control.log(), sep="\n")
            raise
        finally:
            control.calm()
        fired += control.fired()
    assert fired > 0 or permille < 100  # a mild one may miss a short conversation
    world.place(family).measure()


@pytest.mark.parametrize("family", ["plain", "workers", "rules", "splice", "forward"])
def test_a_storm_of_any_fault_is_survived(io, walks, rng, family):
    world = walks(io).world
    place = world.place(family)
    names = [name for name, (where, _) in SCENARIOS.items() if where == family]
    walks(io).converse(names[0])
    place.measure()
    for round_number in range(10):
        place.control.storm(rng.getrandbits(63), 10 * (round_number + 1), harmless_only=False)
        for name in names:
            try:
                SCENARIOS[name][1](world, place)
            except TimeoutError:
                print(name, *place.control.log(), sep="\n")
                raise
            except OUTCOMES:
                pass
        place.control.calm()
        assert place.proxy.running(), place.proxy.tail()
    net.wait_for(place.idle, "the gauges to return to zero")
    for name in names:
        walks(io).converse(name)
    net.wait_for(lambda: place.descriptors() <= place.resting,
                 lambda: f"descriptors to be closed: {place.proxy.fds()}")


def test_the_walk_sees_the_calls_of_the_engine(io, walks):
    """If a change of the engine went past the hooks, the walk would shrink without a word."""
    calls = {site.call for name in ("bulk (splice)", "udp (plain)", "bind (plain)")
             for site in walks(io).sites(name)}
    own = {"uring recv", "uring connect", "uring poll", "uring submit", "uring get_sqe"} \
        if io == "uring" else {"epoll_ctl", "epoll_wait", "recv", "connect"}
    missing = (own | {"socket", "close"}) - calls
    assert not missing, f"seen: {sorted(calls)}"


def test_every_call_of_the_sources_is_wrapped():
    called = set()
    for path in (ROOT / "src").rglob("*.cc"):
        if not path.stem.endswith(("_test", "_fixture")):
            called |= set(re.findall(r"(?<![\w>:])::([a-z_0-9]+)\(", path.read_text()))
    assert sorted(called - set(wrapped()) - HARMLESS - ELSEWHERE) == []


def test_every_wrapped_call_has_faults():
    assert set(wrapped()) <= set(FAULTS) and len(CALL_NAMES) < 128
    assert all(name.startswith("uring ") for name in set(FAULTS) - set(wrapped()))
