"""-d, --pidfile, the descriptor limit."""

import contextlib
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess

import pytest

from support import clients, data, net, seccomp
from support.proxy import Proxy, binary

LISTEN = re.compile(r"listen: (\S+):(\d+)$", re.MULTILINE)


def run(*args, **options):
    """The original process, until it ends: (status, what it wrote)."""
    done = subprocess.run([str(word) for word in (binary(), *args)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=6 * net.DEADLINE, **options)
    return done.returncode, done.stdout


class Daemon:
    """Started with -d; ended with SIGTERM, and surely."""

    def __init__(self, *args, io, wrapper=(), **options):
        command = [*wrapper, binary(), "-d", "--loglevel", "6", "--io", io, "-l", "127.0.0.1:0",
                   *args]
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=6 * net.DEADLINE, **options)
        self.output = done.stdout
        assert done.returncode == 0, self.output
        self.pid = int(re.search(r"daemon process has started with pid (\d+)$", self.output,
                                 re.MULTILINE).group(1))
        host, port = LISTEN.search(self.output).groups()
        self.address = (host, int(port))

    def proc(self, name):
        return pathlib.Path(f"/proc/{self.pid}/{name}")

    def status(self, field):
        return re.search(rf"^{field}:[ \t]*(.*)$", self.proc("status").read_text(), re.M).group(1)

    def gone(self):
        try:
            return self.status("State").startswith("Z")
        except (FileNotFoundError, ProcessLookupError):
            return True

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)
        net.wait_for(self.gone, "the daemon to end")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.gone():
            return
        try:
            self.stop()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


@pytest.mark.threads
def test_serves_when_the_original_has_exited(io, echo, tmp_path):
    with Daemon(io=io, cwd=tmp_path) as daemon:
        with clients.open_tunnel(daemon.address, echo.address) as sock:
            data.ping(sock)
        assert [os.readlink(daemon.proc(f"fd/{n}")) for n in (0, 1, 2)] == ["/dev/null"] * 3
        assert os.readlink(daemon.proc("cwd")) == str(tmp_path)
        assert daemon.status("Umask") == "0022"
        fields = daemon.proc("stat").read_text().rsplit(")", 1)[1].split()
        assert int(fields[3]) not in (daemon.pid, os.getsid(0)), "a session of its own, not led"
        assert fields[4] == "0", "no terminal"
        daemon.stop()
        assert net.refused(daemon.address)


def test_logs_to_syslog(io, tmp_path):
    """We are the syslog daemon: the machine's own, or that of a mount namespace whose /dev has our
    socket as `log`."""
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        log.settimeout(net.DEADLINE)
        wrapper = []
        if os.path.lexists("/dev/log"):
            dev = tmp_path / "dev"
            dev.mkdir()
            (dev / "null").touch()
            log.bind(str(dev / "log"))
            wrapper = ["unshare", "-m", "sh", "-c",
                       f"mount --make-rprivate / && mount --bind /dev/null {dev}/null &&"
                       f" mount --rbind {dev} /dev && exec \"$@\"", "sh"]
        else:  # no daemon, as in a container or chroot, where / may be no mount to make private
            log.bind("/dev/log")
            stack.callback(os.unlink, "/dev/log")
        def heard(pid):
            """The next line of this process: the machine's other daemons may speak here, too."""
            while f"[{pid}]: " not in (line := log.recv(4096).decode()):
                pass
            return line

        with Daemon(io=io, wrapper=wrapper) as daemon:
            line = heard(daemon.pid)
            # Facility user, severity notice: 8 + 5.
            assert re.match(rf"<13>\w{{3}} [ \d]\d \d\d:\d\d:\d\d neosocksd\[{daemon.pid}\]: "
                            r"I process\.cc:\d+ server start$", line.rstrip("\0")), line
            assert "server start" not in daemon.output
            daemon.stop()
            assert "server shutdown gracefully" in heard(daemon.pid)


def test_logs_where_it_is_told_to(io):
    """Which, but for syslog, is nowhere once it is a daemon; but it does not fall back."""
    with Daemon("--log", "stderr", io=io) as daemon:
        assert not any("dev-log" in os.readlink(path) for path in daemon.proc("fd").iterdir())


def test_a_failure_is_told_by_the_original(io, tmp_path):
    sock, address = net.dead_port()
    with sock:
        for args, message in (
                (("-l", f"127.0.0.1:{address[1]}"), "bind error: Address already in use"),
                (("-l", "127.0.0.1:0", "-u", "no-such-user"),
                 "passwd: name `no-such-user' does not exist"),
                (("-l", "127.0.0.1:0", "--pidfile", tmp_path), "Is a directory")):
            status, output = run("-d", "--io", io, *args)
            assert status == 1 and message in output, output


def test_a_daemon_that_dies_before_it_is_ready_is_status_1(io):
    """Without the right to change its user it gets as far as the background."""
    unprivileged = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    done = subprocess.run([*unprivileged, str(binary()), "-d", "--io", io, "-l", "127.0.0.1:0",
                           "-u", "1"], capture_output=True, text=True, timeout=6 * net.DEADLINE)
    assert done.returncode == 1, done.stdout
    assert "E " in done.stdout and "setuid: Operation not permitted" in done.stdout
    assert "failed to drop privileges: `1'" in done.stdout
    assert re.search(r"^F .*daemon process \d+ ended with status 1 before it was ready$",
                     done.stdout, re.MULTILINE), done.stdout


def test_the_original_says_which_signal_killed_the_daemon(io, tmp_path):
    status, output = run("-d", "--io", io, "-l", "127.0.0.1:0", "-u", "65534",
                         preexec_fn=seccomp.kill("setresuid"))
    assert status == 1, output
    assert re.search(r"^F .*daemon process \d+ was killed by signal 31 \(Bad system call\) before "
                     r"it was ready$", output, re.MULTILINE), output


def test_pidfile_names_the_daemon_and_goes_with_it(io, tmp_path):
    path = tmp_path / "pid"
    with Daemon("--pidfile", "pid", io=io, cwd=tmp_path) as daemon:
        assert path.read_text() == f"{daemon.pid}\n"
        assert path.stat().st_mode & 0o777 == 0o644
        status, output = run("-l", "127.0.0.1:0", "--pidfile", path)
        assert status == 1
        assert f"pid file `{path}': an instance is running with pid {daemon.pid}" in output
        daemon.stop()
        assert not path.exists()


def test_pidfile_without_a_daemon(io, tmp_path):
    path = tmp_path / "pid"
    with Proxy("--pidfile", str(path), io=io) as proxy:
        assert path.read_text() == f"{proxy.pid}\n"
        proxy.stop()
        assert not path.exists()


def test_pidfile_of_a_killed_process_is_taken_over(io, tmp_path):
    path = tmp_path / "pid"
    with Proxy("--pidfile", str(path), io=io) as proxy:
        proxy.kill()
        proxy.ended = True
    assert path.exists()
    with Proxy("--pidfile", str(path), io=io) as proxy:
        assert path.read_text() == f"{proxy.pid}\n"


def test_pidfile_is_no_way_to_overwrite_another_file(io, tmp_path):
    victim, path = tmp_path / "victim", tmp_path / "pid"
    victim.write_text("precious")
    path.symlink_to(victim)
    status, output = run("-l", "127.0.0.1:0", "--io", io, "--pidfile", path)
    assert status == 1 and f"pid file `{path}': is a symbolic link" in output
    assert victim.read_text() == "precious"


def test_a_pidfile_that_cannot_be_removed_any_more_is_emptied(io, tmp_path):
    path = tmp_path / "pid"
    with Daemon("--pidfile", path, "-u", "nobody:", io=io) as daemon:
        assert path.read_text() == f"{daemon.pid}\n"
        daemon.stop()
        assert path.read_text() == ""
    with Daemon("--pidfile", path, "-u", "nobody:", io=io) as daemon:
        assert path.read_text() == f"{daemon.pid}\n"


def test_a_command_line_of_old_starts(io):
    with Daemon("--pipe", "-u", "nobody:", "--max-sessions", "10000", "--max-startups",
                "60:30:100", "--proto-timeout", "-t", "15", "-f", ":", io=io) as daemon:
        with net.connect(daemon.address) as sock:
            net.expect_closed(sock)
        assert not daemon.gone()


def test_raises_the_soft_descriptor_limit(io, echo):
    """And uses it: more tunnels than the soft limit has descriptors."""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (128, 2000))

    with Daemon("--threads", "1", io=io, preexec_fn=limit) as daemon, \
            contextlib.ExitStack() as stack:
        assert "descriptors: limit raised from 128 to 2000" in daemon.output
        assert re.search(r"Max open files\s+2000\s+2000", daemon.proc("limits").read_text())
        for _ in range(200):
            sock = stack.enter_context(clients.open_tunnel(daemon.address, echo.address))
            data.ping(sock)


def test_standard_descriptors_may_be_closed(io, echo, tmp_path):
    """Their numbers are not given to the access log, which the log would then be written into."""
    access = tmp_path / "access.log"
    port = net.free_port()
    command = [binary(), "--threads", "1", "--io", io, "--loglevel", "6", "--access-log", access,
               "-l", f"127.0.0.1:{port}"]
    with subprocess.Popen([str(word) for word in command],
                          preexec_fn=lambda: os.closerange(0, 3)) as process:
        try:
            def serves():
                with contextlib.suppress(ConnectionRefusedError):
                    with clients.open_tunnel(("127.0.0.1", port), echo.address) as sock:
                        data.ping(sock)
                        return True
            net.wait_for(serves, "the proxy to serve")
        finally:
            process.terminate()
    assert re.fullmatch(r".* protocol=socks5 .*\n", access.read_text())


def test_a_daemon_without_standard_descriptors(io, echo, tmp_path):
    pid_file = tmp_path / "pid"
    port = net.free_port()
    command = [binary(), "-d", "--threads", "1", "--io", io, "--pidfile", pid_file,
               "-l", f"127.0.0.1:{port}"]
    done = subprocess.run([str(word) for word in command], timeout=6 * net.DEADLINE,
                          preexec_fn=lambda: os.closerange(0, 3))
    assert done.returncode == 0
    pid = int(pid_file.read_text())
    try:
        with clients.open_tunnel(("127.0.0.1", port), echo.address) as sock:
            data.ping(sock)
    finally:
        os.kill(pid, signal.SIGTERM)
        net.wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the daemon to end")
