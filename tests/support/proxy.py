"""Our program as a child process.

    with Proxy("-t", "5", io=io) as proxy:
        connect(proxy.address)

The binary comes from NEOSOCKSD (default build/neosocksd). Leaving the block sends SIGTERM and
insists on exit status 0 and, for sanitizer builds, on a log without a report.
"""

import functools
import os
import pathlib
import re
import resource
import signal

from support import net
from support.process import Child

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPORT = re.compile(r"ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|SUMMARY: \w+Sanitizer"
                    r"|: runtime error: |terminate called|Assertion .* failed|FATAL ERROR")
TICKS = os.sysconf("SC_CLK_TCK")


def binary():
    path = pathlib.Path(os.environ.get("NEOSOCKSD") or ROOT / "build" / "neosocksd").resolve()
    if not os.access(path, os.X_OK):
        raise AssertionError(f"no program to test at {path}: build it, or set NEOSOCKSD")
    return path


@functools.cache
def sanitizer():
    """"address", "thread" or None: what the binary was built with (bounds on memory differ)."""
    image = binary().read_bytes()
    if b"__tsan_init" in image:
        return "thread"
    return "address" if b"__asan_init" in image else None


@functools.cache
def instrumented():
    """Whether the binary is made to be looked into: by a sanitizer, or for coverage."""
    return bool(sanitizer()) or b"__llvm_prf_cnts" in binary().read_bytes()


class Task:
    """One thread of the program: id, name and CPU ticks used so far."""

    def __init__(self, path):
        text = (path / "stat").read_text()
        self.tid = int(path.name)
        self.name = text[text.index("(") + 1:text.rindex(")")]
        fields = text[text.rindex(")") + 2:].split()
        self.ticks = int(fields[11]) + int(fields[12])


class Proxy(Child):
    def __init__(self, *args, io, listen="127.0.0.1:0", loglevel=6, nofile=None, ready=True,
                 env=None, cwd=None, preexec=None):
        command = [binary(), "--loglevel", loglevel, "--io", io]
        if listen:
            command += ["-l", listen]

        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))

        super().__init__(command + list(args), preexec=limit if nofile else preexec, env=env,
                         cwd=cwd)
        self.io = io
        self.ended = False
        if ready:
            try:
                self.wait_log(r"server start")
                self.listeners = self._listeners()
                self.address = self.listeners[0]
                self.port = self.address[1]
                if loglevel >= 5:
                    engine = self.wait_log(r"io: (uring|epoll)").group(1)
                    assert engine == io, f"asked for {io}, the program took {engine}"
            except BaseException:
                self.kill()
                raise

    def _listeners(self):
        found = []
        for host, port in re.findall(r"(?<!api )listen: (\S+):(\d+)$", self.text(), re.MULTILINE):
            assert port != "0", "the log names port zero instead of the real one"
            if (host.strip("[]"), int(port)) not in found:
                found.append((host.strip("[]"), int(port)))
        assert found, f"no `listen: ADDRESS' line; log:\n{self.tail()}"
        return found

    # What the kernel knows about the process.

    def fds(self):
        """Descriptor number -> what it is, e.g. "socket:[123]", "pipe:[45]"."""
        links = {}
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                links[int(name)] = os.readlink(f"/proc/{self.pid}/fd/{name}")
            except FileNotFoundError:
                pass
        return links

    def fd_count(self, kind=""):
        return sum(1 for link in self.fds().values() if link.startswith(kind))

    def rss(self):
        with open(f"/proc/{self.pid}/statm") as text:
            return int(text.read().split()[1]) * resource.getpagesize()

    def tasks(self):
        """The program's own threads, without the kernel's io_uring helpers."""
        tasks = []
        for path in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            try:
                task = Task(path)
            except FileNotFoundError:
                continue
            if not task.name.startswith(("iou-wrk", "iou-sqp")):
                tasks.append(task)
        return tasks

    def cpu_seconds(self):
        text = pathlib.Path(f"/proc/{self.pid}/stat").read_text()
        fields = text[text.rindex(")") + 2:].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    # The end.

    def check_output(self):
        if report := REPORT.search(self.text()):
            lines = self.text().splitlines()
            first = next(n for n, line in enumerate(lines) if report.group(0) in line)
            raise AssertionError("the program reports:\n" + "\n".join(lines[first:first + 80]))

    def expect_exit(self, status=0, deadline=None):
        """Waits for an end that the test has caused itself."""
        got = self.wait_exit(deadline)
        self.ended = True
        self.check_output()
        assert got == status, f"exit status {got}, expected {status}; log:\n{self.tail()}"

    def stop(self):
        if not self.ended:
            assert self.running(), f"the program is gone already; log:\n{self.tail()}"
            self.signal(signal.SIGTERM)
            self.expect_exit(0, 3 * net.DEADLINE)

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.stop()
            else:
                print(f"log of {' '.join(self.argv)}:\n{self.tail(100)}")
                self.check_output()
        finally:
            self.kill()
