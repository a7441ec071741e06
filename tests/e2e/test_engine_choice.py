"""--io: what `auto` takes, what it falls back to, and what the log says of it."""

import contextlib
import errno
import os
import re

import pytest

from support import clients, data, net, seccomp
from support.process import Child
from support.proxy import binary

REASONS = {errno.EPERM: "io_uring is forbidden here (seccomp or kernel.io_uring_disabled)",
           errno.ENOSYS: "this kernel has no io_uring",
           errno.EINVAL: "this kernel is too old for our use of io_uring (6.1 is needed)",
           errno.ENOMEM: "no locked memory is left for io_uring (RLIMIT_MEMLOCK)"}


@contextlib.contextmanager
def started(*options, preexec=None):
    with Child([binary(), "-l", "127.0.0.1:0", "--loglevel", "5", *options],
               preexec=preexec) as child:
        yield child


def serves(child, echo):
    port = int(child.wait_log(r"listen: 127\.0\.0\.1:(\d+)$").group(1))
    child.wait_log("server start")
    with clients.open_tunnel(("127.0.0.1", port), echo.address) as sock:
        data.ping(sock)


def test_auto_takes_io_uring_where_it_works(echo):
    with started() as child:
        serves(child, echo)
        taken = re.findall(r"^I .* io: (\w+)", child.text(), re.MULTILINE)
        # Who runs the tests for epoll only may have no io_uring.
        wanted = {"uring", "epoll"} if os.environ.get("NEOSOCKSD_IO") == "epoll" else {"uring"}
        assert taken and set(taken) <= wanted


@pytest.mark.parametrize("error", REASONS, ids=errno.errorcode.get)
def test_auto_falls_back_and_says_why(echo, error):
    with started(preexec=seccomp.refuse("io_uring_setup", error)) as child:
        serves(child, echo)
        assert f"io: epoll, because {REASONS[error]}" in child.text()


@pytest.mark.parametrize("error", REASONS, ids=errno.errorcode.get)
def test_uring_by_name_does_not_fall_back(error):
    with started("--io", "uring", preexec=seccomp.refuse("io_uring_setup", error)) as child:
        assert child.wait_exit() == 1
        assert re.search(rf"^F .*--io uring: {re.escape(REASONS[error])}; use --io epoll or "
                         r"--io auto$", child.text(), re.MULTILINE), child.text()
        assert "server start" not in child.text()


def test_epoll_by_name_makes_no_ring(echo):
    with started("--io", "epoll", preexec=seccomp.kill("io_uring_setup")) as child:
        serves(child, echo)
        assert net.wait_for(lambda: "io: epoll" in child.text(), "the engine to be named")
