"""The access log as a file: rotation, disks that are full, paths that are wrong, users."""

import concurrent.futures
import os
import pwd
import signal
import stat
import threading

import pytest

from support import clients, data, net
from support.access_log import AccessLog, parse
from support.proxy import Proxy


@pytest.fixture
def log(tmp_path):
    return AccessLog(tmp_path / "access.log", "json")


def use(proxy, echo):
    """The client of a tunnel."""
    with clients.open_tunnel(proxy.address, echo.address) as sock:
        data.ping(sock)
        return "{}:{}".format(*sock.getsockname())


@pytest.mark.threads
@pytest.mark.parametrize("threads", ["1", "2"])
def test_rotation_under_load(io, echo, log, threads):
    """Every session is there once and whole, whichever file it is in."""
    seen = []
    rotations = 0
    with Proxy("--threads", threads, *log.args(), io=io, loglevel=5) as proxy:
        ending = threading.Event()

        def load():
            clients_ = []
            while not ending.is_set():
                clients_.append(use(proxy, echo))
            return clients_

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            loads = [pool.submit(load) for _ in range(4)]
            while rotations < 15:
                net.wait_for(log.path.exists, "the file of the next turn")
                log.path.rename(log.path.with_suffix(f".{rotations}"))
                mark = proxy.mark()
                proxy.signal(signal.SIGUSR1)
                proxy.wait_log("access log .* opened again", after=mark)
                rotations += 1
            ending.set()
            for future in loads:
                seen += future.result()
        proxy.stop()
    files = [log.path, *(log.path.with_suffix(f".{n}") for n in range(rotations))]
    records = []
    for path in files:
        text = path.read_text()
        assert text == "" or text.endswith("\n")
        records += [parse(line) for line in text.splitlines()]
    # A port may serve twice within the test.
    assert sorted(record["client"] for record in records) == sorted(seen)
    assert all(record["up"] == 4 and record["end"] for record in records)


def test_every_line_is_there_when_the_program_has_ended(io, echo, log):
    with Proxy("--threads", "2", *log.args(), io=io) as proxy:
        seen = [use(proxy, echo) for _ in range(200)]
        proxy.stop()
        assert sorted(record["client"] for record in log.records(200)) == sorted(seen)


def test_a_full_disk_is_reported_and_stops_nobody(io, echo):
    with Proxy("--access-log", "/dev/full", io=io) as proxy:
        use(proxy, echo)
        proxy.wait_log("access log `/dev/full': No space left on device")
        use(proxy, echo)
        proxy.stop()
        assert proxy.count_log("No space left") == 1
        proxy.wait_log("bytes of lines could not be written")


def test_standard_output(io, echo):
    with Proxy("--access-log", "-", "--log", "stderr", io=io) as proxy:
        client = use(proxy, echo)
        proxy.signal(signal.SIGUSR1)
        line = proxy.wait_log(rf"^\S+ duration=.* client={client} .*").group(0)
        parse(line)
        proxy.stop()
        assert proxy.text("out") == line


def refused(io, *args):
    with Proxy(*args, io=io, ready=False) as proxy:
        proxy.expect_exit(1)
        return proxy.text()


def test_a_path_that_can_not_be_written_ends_the_start(io, tmp_path):
    assert f"access log `{tmp_path}': Is a directory" in refused(io, "--access-log", tmp_path)
    nowhere = tmp_path / "none" / "log"
    text = refused(io, "--access-log", nowhere)
    assert "F " in text and f"access log `{nowhere}': No such file or directory" in text
    os.chmod(tmp_path, 0o1777)
    (tmp_path / "link").symlink_to("elsewhere")
    assert "is a symbolic link" in refused(io, "--access-log", tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_options_that_make_no_sense(io):
    assert "needs --access-log" in refused(io, "--access-log-format", "json")
    assert "no standard output" in refused(io, "-d", "--access-log", "-")
    assert "text, json" in refused(io, "--access-log-format", "xml")


def test_others_can_not_read_it(io, log):
    before = os.umask(0)
    try:
        with Proxy(*log.args(), io=io):
            assert stat.S_IMODE(log.path.stat().st_mode) == 0o640
    finally:
        os.umask(before)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_after_the_change_of_user(io, echo, tmp_path):
    """The file is the new user's, and the old one goes on where a new one may not be made."""
    directory = tmp_path / "log"
    directory.mkdir()
    for path in (directory, *directory.parents):
        if path.is_relative_to("/tmp") and path != path.parent and str(path) != "/tmp":
            os.chmod(path, 0o755)
    log = AccessLog(directory / "access.log")
    nobody = pwd.getpwnam("nobody")
    with Proxy("-u", "nobody:", *log.args(), io=io) as proxy:
        assert log.path.stat().st_uid == nobody.pw_uid
        proxy.signal(signal.SIGUSR1)
        proxy.wait_log("opened again")
        rotated = log.path.rename(directory / "old")
        proxy.signal(signal.SIGUSR1)
        proxy.wait_log("Permission denied; going on with the old file")
        client = use(proxy, echo)
        net.wait_for(lambda: client in rotated.read_text(), "the line in the old file")
        # What logrotate's "create" does.
        log.path.touch()
        os.chown(log.path, nobody.pw_uid, nobody.pw_gid)
        mark = proxy.mark()
        proxy.signal(signal.SIGUSR1)
        proxy.wait_log("opened again", after=mark)
        client = use(proxy, echo)
        assert log.one()["client"] == client


def test_a_daemon_writes_too(io, echo, log, tmp_path):
    pid_file = tmp_path / "pid"
    port = net.free_port()
    with Proxy("-d", "--pidfile", pid_file, *log.args(), io=io, listen=f"127.0.0.1:{port}",
               ready=False) as proxy:
        proxy.expect_exit(0)
        pid = int(pid_file.read_text())
        try:
            proxy.address = ("127.0.0.1", port)
            assert log.path.exists()
            client = use(proxy, echo)
            assert log.one()["client"] == client
        finally:
            os.kill(pid, signal.SIGTERM)
            net.wait_for(lambda: not pid_file.exists(), "the end of the daemon")
