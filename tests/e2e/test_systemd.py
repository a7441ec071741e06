"""The service manager's protocols, spoken with a manager of our own: notification, watchdog,
socket activation."""

import contextlib
import ctypes
import os
import signal
import socket
import struct
import sys
import time

import pytest

from support import clients, data, net
from support.process import Child
from support.proxy import Proxy, binary

SO_TIMESTAMPNS = 35


class Manager:
    """The receiving end of NOTIFY_SOCKET."""

    def __init__(self, name):
        self.name = str(name)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.name[1:] if self.name.startswith("@") else self.name)
        self.socket.settimeout(net.DEADLINE)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def env(self, **more):
        return {**os.environ, "NOTIFY_SOCKET": self.name, **more}

    def receive(self):
        """The next message as a dictionary."""
        return self.receive_stamped()[0]

    def receive_stamped(self):
        """The next message, and when it was sent, in seconds."""
        text, ((_, _, stamp),), *_ = self.socket.recvmsg(4096, socket.CMSG_SPACE(16))
        seconds, nanoseconds = struct.unpack("qq", stamp)
        return (dict(line.split("=", 1) for line in text.decode().split("\n")),
                seconds + 1e-9 * nanoseconds)

    def is_silent(self, seconds):
        """Whether no message comes for so long."""
        self.socket.settimeout(seconds)
        try:
            self.receive()
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(net.DEADLINE)
        return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


@pytest.fixture(params=["file", "abstract"])
def manager(request, tmp_path):
    name = tmp_path / "notify" if request.param == "file" else f"@neosocksd-{os.getpid()}"
    with Manager(name) as found:
        yield found


@pytest.mark.parametrize("threads", ["1", "2"])
def test_says_when_it_is_ready_reloads_and_stops(io, manager, threads):
    with Proxy("--threads", threads, io=io, env=manager.env()) as proxy:
        ready = manager.receive()
        assert ready["READY"] == "1" and ready["MAINPID"] == str(proxy.pid) and ready["STATUS"]
        before = time.monotonic_ns() // 1000
        proxy.signal(signal.SIGHUP)
        reloading = manager.receive()
        assert reloading["RELOADING"] == "1"
        assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        assert manager.receive()["READY"] == "1", "whatever came of the reload"
        proxy.signal(signal.SIGTERM)
        assert manager.receive()["STOPPING"] == "1"
        proxy.expect_exit(0)


def test_is_ready_only_when_it_serves_as_the_new_user(io, echo, tmp_path):
    with Manager(f"@neosocksd-{os.getpid()}") as manager:
        proxy = Proxy("-u", "nobody:", io=io, env=manager.env(), ready=False)
        with proxy:
            assert manager.receive()["READY"] == "1"
            address = proxy.wait_log(r"listen: (\S+):(\d+)$").groups()
            with clients.open_tunnel((address[0], int(address[1])), echo.address) as sock:
                data.ping(sock)


def test_a_manager_that_is_gone_is_no_obstacle(io, echo, tmp_path):
    env = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "nobody")}
    with Proxy(io=io, env=env) as proxy:
        proxy.wait_log(r"W .*service manager: No such file or directory")
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)


@pytest.mark.threads
@pytest.mark.parametrize("threads", ["1", "3"])
def test_watchdog_pings_twice_in_its_time(io, manager, threads):
    env = manager.env(WATCHDOG_USEC="400000")
    with Proxy("--threads", threads, io=io, env=env):
        with net.Stopwatch() as watch:
            message, started = manager.receive_stamped()
            assert "READY" in message
            for _ in range(5):
                message, sent = manager.receive_stamped()
                assert message == {"WATCHDOG": "1"}
            took = sent - started
            assert took > 0.9 and watch.elapsed() < 2 * net.SCALE, f"five pings in {took:.2f} s"


def test_no_watchdog_that_was_meant_for_another_process(io, manager):
    with Proxy(io=io, env=manager.env(WATCHDOG_USEC="50000", WATCHDOG_PID="1")):
        assert "READY" in manager.receive()
        assert manager.is_silent(0.3)


def test_a_worker_that_hangs_stops_the_pings(io, manager):
    """One thread is held by a tracer, as if it looped; pings come again when it is let go."""
    with Proxy("--threads", "2", io=io, env=manager.env(WATCHDOG_USEC="200000")) as proxy:
        assert "READY" in manager.receive()
        assert manager.receive() == {"WATCHDOG": "1"}
        with stopped_thread(next(t.tid for t in proxy.tasks() if t.name == "worker-1")):
            # Those that were sent or due already still arrive.
            net.wait_for(lambda: manager.is_silent(0.5), "the pings to stop")
        for _ in range(3):
            assert manager.receive() == {"WATCHDOG": "1"}


@contextlib.contextmanager
def stopped_thread(tid):
    """Stops one thread of another process: PTRACE_SEIZE and PTRACE_INTERRUPT. A tracer is a
    thread, so all of it happens in one."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    seize, interrupt, detach = 0x4206, 0x4207, 17
    for request in (seize, interrupt):
        assert libc.ptrace(request, tid, None, None) == 0, os.strerror(ctypes.get_errno())
    os.waitpid(tid, 0x40000000)  # __WALL
    try:
        yield
    finally:
        libc.ptrace(detach, tid, None, None)


# Socket activation.


# Moves the descriptors to where the protocol wants them, and becomes the program.
LAUNCHER = """
import fcntl, os, sys
copies = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split()]
for place, fd in enumerate(copies, 3):
    os.dup2(fd, place)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class Activated(Child):
    """The program, started as systemd starts it when a socket has a client."""

    def __init__(self, *args, io, sockets, names="", threads="2"):
        fds = [sock.fileno() for sock in sockets]
        env = {**os.environ, "LISTEN_FDS": str(len(fds)), "LISTEN_FDNAMES": names}
        super().__init__([sys.executable, "-c", LAUNCHER, " ".join(map(str, fds)), binary(),
                          "--io", io, "--threads", threads, "--loglevel", "6", *args],
                         env=env, pass_fds=fds)

    def stop(self):
        self.signal(signal.SIGTERM)
        assert self.wait_exit() == 0, self.tail()


@contextlib.contextmanager
def listening(count=1):
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in made:
            sock.bind(("127.0.0.1", 0))
            sock.listen(128)
        yield made


def works(sock, target, kind="socks5"):
    with clients.open_tunnel(sock.getsockname(), target, kind) as tunnel:
        data.ping(tunnel)


@pytest.mark.threads
@pytest.mark.parametrize("threads", ["1", "4"])
def test_takes_an_inherited_socket(io, echo, threads):
    with listening() as sockets:
        with Activated("-l", "systemd:", io=io, sockets=sockets, threads=threads) as proxy:
            port = sockets[0].getsockname()[1]
            proxy.wait_log(rf"I .*listen: systemd: \(127\.0\.0\.1:{port}\)$")
            proxy.wait_log("server start")
            for _ in range(20):
                works(sockets[0], echo.address)
            # Nor does the proxy connect to itself this way.
            clients.expect_refusal(sockets[0].getsockname(), sockets[0].getsockname(), "socks5", 2)
            proxy.stop()


def test_takes_sockets_by_name_and_order(io, echo):
    with listening(3) as sockets:
        with Activated("-l", "systemd:", "--http", "systemd:web", io=io, sockets=sockets,
                       names="any:web:spare") as proxy:
            proxy.wait_log(r"W .*sockets of the service manager that no listener takes are closed: "
                           r"spare$")
            proxy.wait_log("server start")
            works(sockets[0], echo.address, "socks5")
            works(sockets[1], echo.address, "http")
            proxy.stop()


def test_takes_an_inherited_unix_socket(io, echo, tmp_path):
    path = tmp_path / "proxy.sock"
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        sock.bind(str(path))
        sock.listen(16)
        with Activated("-l", "systemd:", io=io, sockets=[sock]) as proxy:
            proxy.wait_log("server start")
            client = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            client.settimeout(net.DEADLINE)
            client.connect(str(path))
            clients.request_tunnel("socks5", client, *echo.address)
            data.ping(client)
            proxy.stop()
        assert path.exists(), "it is the manager's to remove"


def test_says_which_socket_is_missing(io):
    with Proxy("--threads", "1", io=io, listen="systemd:", ready=False) as proxy:
        proxy.expect_exit(1)
        proxy.wait_log(r"E .*`systemd:': the service manager has passed no \(further\) socket")
        proxy.wait_log(r"F .*failed to start server")
    with listening() as sockets:
        with Activated("-l", "systemd:web", io=io, sockets=sockets, names="socks") as proxy:
            assert proxy.wait_exit() == 1
            proxy.wait_log(r"E .*`systemd:web': no socket of that name was passed, but: socks")


@pytest.mark.threads
def test_no_connection_is_lost_over_a_restart(io, echo):
    """The manager keeps the socket: clients that come between two instances wait."""
    with listening() as sockets, contextlib.ExitStack() as stack:
        with Activated("-l", "systemd:", io=io, sockets=sockets) as proxy:
            proxy.wait_log("server start")
            works(sockets[0], echo.address)
            proxy.stop()
        waiting = [stack.enter_context(net.connect(sockets[0].getsockname())) for _ in range(20)]
        with Activated("-l", "systemd:", io=io, sockets=sockets) as proxy:
            for sock in waiting:
                clients.request_tunnel("socks5", sock, *echo.address)
                data.ping(sock)
            proxy.stop()
