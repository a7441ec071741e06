"""Fixtures and guards for all tests: the engine under test, a clock for each test, a seed."""

import os
import pathlib
import random
import resource
import signal
import socket
import tempfile

import pytest

from support import net, peers, servers, ssh
from support.proxy import instrumented

ENGINES = ["epoll", "uring"]
LIMIT_S = 120 * net.SCALE


def pytest_configure(config):
    # The tests hold both ends of thousands of tunnels.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    socket.setdefaulttimeout(net.DEADLINE)
    # A run that is told to stop still takes its peers down.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated"))
    # A background job of a shell ignores it, and so would every program that we start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What the control thread and the command line do: the engine carries a few bytes for them.
CONTROL = tuple(f"test_{about}" for about in (
    "access_log", "agent", "api", "config", "ctl", "daemon", "documents", "examples", "log", "lua",
    "old_commands", "options", "process", "rpc", "ruleset", "systemd", "user"))


def pytest_generate_tests(metafunc):
    """NEOSOCKSD_IO: run on this engine only; NEOSOCKSD_CONTROL_IO: the tests of control only."""
    if "io" not in metafunc.fixturenames:
        return
    wanted = os.environ.get("NEOSOCKSD_IO")
    if not wanted and metafunc.definition.path.name.startswith(CONTROL):
        wanted = os.environ.get("NEOSOCKSD_CONTROL_IO")
    assert wanted in (None, "", *ENGINES), f"the engine `{wanted}' is none: epoll or uring"
    metafunc.parametrize("io", [wanted] if wanted else ENGINES)


# What a sanitizer's build is not, nor one that measures coverage: hardened, and confined.
RELEASED_ONLY = {"test_hardening.py", "test_sandbox.py", "test_systemd_unit.py"}


def pytest_ignore_collect(collection_path):
    return True if collection_path.name in RELEASED_ONLY and instrumented() else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test that hangs fails with the line where it hangs."""

    def expire(*_):
        raise AssertionError(f"the test takes longer than {LIMIT_S:.0f} s")

    previous = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


@pytest.fixture
def rng():
    """Random numbers whose seed is printed when the test fails; set NEOSOCKSD_SEED to repeat."""
    seed = int(os.environ.get("NEOSOCKSD_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"NEOSOCKSD_SEED={seed}")
    return random.Random(seed)


@pytest.fixture(scope="session")
def workdir():
    """For peers that drop privileges: a directory everybody may write to."""
    with tempfile.TemporaryDirectory(prefix="neosocksd-tests-") as name:
        os.chmod(name, 0o777)
        yield pathlib.Path(name)


# Peers live as long as the test run: starting squid takes a second.

def _peer(make):
    def run(workdir):
        with make(workdir) as peer:
            yield peer

    return pytest.fixture(scope="session")(run)


microsocks = _peer(lambda _: peers.microsocks())
microsocks_auth = _peer(lambda _: peers.microsocks(auth=True))
danted = _peer(peers.danted)
squid = _peer(peers.squid)
squid_auth = _peer(lambda directory: peers.squid(directory, auth=True))
tinyproxy = _peer(peers.tinyproxy)
tinyproxy_auth = _peer(lambda directory: peers.tinyproxy(directory, auth=True))
# danted and tinyproxy refuse to be their own next hop: chains name a further instance.
danted_2, danted_3 = _peer(peers.danted), _peer(peers.danted)
tinyproxy_2, tinyproxy_3 = _peer(peers.tinyproxy), _peer(peers.tinyproxy)
echo_process = _peer(lambda _: servers.EchoProcess())


@pytest.fixture
def echo():
    with servers.Server(servers.echo) as server:
        yield server


@pytest.fixture
def listener():
    with servers.Listener() as target:
        yield target


@pytest.fixture(scope="session")
def sshd(workdir):
    daemon = ssh.Sshd(workdir / "sshd")
    yield daemon
    daemon.close()
