"""Calls of becoming a daemon fail: the command that starts it never waits for what will not come,
and its status says whether somebody serves."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess

import pytest

from support import net
from support.api import request
from support.http_origin import read_response
from support.proxy import REPORT, binary

from .control import Control, where
from .plausible import FAULTS

SAMPLE = 20


class Daemon:
    def __init__(self, directory, io):
        self.directory, self.io = directory, io
        self.api, self.pid_file = directory / "api.sock", directory / "pid"

    def start(self, control):
        """Status and words of the command; it has ended."""
        command = [binary(), "-l", "127.0.0.1:0", "--io", self.io, "--threads", "1", "-d",
                   "--api", f"unix:{self.api}", "--pidfile", self.pid_file, "--log", "stdout"]
        # A file: what the daemon keeps open would keep a pipe from ending.
        with open(self.directory / "out", "w+") as out:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                  env=control.env(), timeout=net.DEADLINE, check=False)
            out.seek(0)
            return done.returncode, out.read()

    def healthy(self):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(net.DEADLINE)
            sock.connect(str(self.api))
            sock.sendall(request("GET", "/healthy", None, "Connection: close"))
            return read_response(sock).status == 200

    def processes(self):
        """Those that have our name on their command line."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if str(self.api).encode() in path.read_bytes():
                    found.append(int(path.parent.name))
        return found

    def stop(self):
        # Those that became the daemon may still be on their way out.
        pid, = net.wait_for(lambda: len(found := self.processes()) == 1 and found, "one daemon")
        os.kill(pid, signal.SIGTERM)
        net.wait_for(lambda: not self.processes(), "the daemon to end")

    def kill(self):
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def sites(self):
        control = Control(self.directory / "faults")
        status, text = self.start(control)
        assert status == 0, text
        found = control.sites()
        self.stop()
        return found


def attempt(daemon, site, fault, nth):
    control = Control(daemon.directory / "faults")
    control.arm(site, fault, nth)
    status, text = daemon.start(control)
    assert not REPORT.search(text), text
    if status == 0:
        assert daemon.healthy()
        daemon.stop()
        return
    assert status == 1 and not fault.harmless, f"status {status}:\n{text}"
    assert "F " in text, f"no word about it:\n{text}"
    net.wait_for(lambda: daemon.processes() == [], "its end: it serves nevertheless")


@pytest.mark.parametrize("call", ["fork", "pipe2", "read", "waitpid", "open", "close", "others"])
def test_becoming_a_daemon(io, tmp_path, sample, call):
    daemon = Daemon(tmp_path, io)
    alone = {"fork", "pipe2", "read", "waitpid", "open", "close"}
    sites = [site for site in daemon.sites() if site.call != "write" and
             (site.call == call or call == "others" and site.call not in alone)]
    # A pipe has no errors to read.
    cases = [(site, fault, nth) for site in sites for fault in FAULTS[site.call]
             for nth in sorted({0, site.passages - 1}) if fault.harmless or call != "read"]
    assert cases
    for site, fault, nth in sample(cases, SAMPLE if call == "others" else 4):
        try:
            attempt(daemon, site, fault, nth)
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            daemon.kill()
            error.add_note(f"{site.call} {fault} at passage {nth}: {where(site)}")
            raise
