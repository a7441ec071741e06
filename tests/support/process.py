"""A child process whose output is captured line by line and can be waited for.

Each child leads its own session, so that stopping it takes its own children along and nothing else.
It dies with the test run, even when that is killed.

What is asked about the output (text, mark, count_log) is answered when everything has been read
that the program had written before: a line that it wrote before it answered a client is there when
the client has its answer.
"""

import ctypes
import fcntl
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import threading
import time

from support.net import DEADLINE

# Where Debian puts daemons, which an ordinary user's PATH does not name.
SEARCH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/lib/squid"

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def program(name, package):
    """Path of an installed program; a missing one fails the test and names the package."""
    path = shutil.which(name, path=SEARCH)
    if not path:
        raise AssertionError(f"{name} is not installed: apt-get install {package}")
    return path


class Child:
    def __init__(self, argv, env=None, cwd=None, preexec=None, pass_fds=()):
        self.argv = [str(word) for word in argv]
        self.lines = []  # (stream, text) in order of arrival
        self._changed = threading.Condition()
        self._open = set()  # descriptors of output that may still come

        def before_exec():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if preexec:
                preexec()

        self.process = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, env=env, cwd=cwd, preexec_fn=before_exec, pass_fds=pass_fds)
        self.pid = self.process.pid
        self._readers = [
            threading.Thread(target=self._read, args=(stream, name), daemon=True)
            for stream, name in ((self.process.stdout, "out"), (self.process.stderr, "err"))]
        self._open.update((self.process.stdout.fileno(), self.process.stderr.fileno()))
        for reader in self._readers:
            reader.start()

    def _read(self, stream, name):
        fd = stream.fileno()
        ready = select.poll()
        ready.register(fd, select.POLLIN)
        rest = b""
        while fd in self._open:
            ready.poll()
            # What has left the pipe is among the lines before anybody can look.
            with self._changed:
                chunk = os.read(fd, 1 << 16)
                *lines, rest = (rest + chunk).split(b"\n")
                if not chunk:
                    self._open.discard(fd)
                    stream.close()
                    lines = [rest] if rest else []
                self.lines += [(name, line.decode("utf-8", "backslashreplace")) for line in lines]
                self._changed.notify_all()

    def _catch_up(self):
        """With the lock held: waits for what the program has written so far."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            waiting = (struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]
                       for fd in self._open)
            if not any(waiting):
                return
            self._changed.wait(0.1)

    def running(self):
        return self.process.poll() is None

    def text(self, stream=None):
        with self._changed:
            self._catch_up()
            return "\n".join(t for name, t in self.lines if stream in (None, name))

    def tail(self, count=60):
        with self._changed:
            return "\n".join(f"    {name}| {text}" for name, text in self.lines[-count:])

    def mark(self):
        """A place in the log; wait_log(after=mark) looks only behind it."""
        with self._changed:
            self._catch_up()
            return len(self.lines)

    def wait_log(self, pattern, after=0, deadline=None):
        """The first line (from `after` on) that matches; fails when it does not come."""
        expression = re.compile(pattern)
        end = time.monotonic() + (DEADLINE if deadline is None else deadline)
        index = after
        with self._changed:
            while True:
                left = end - time.monotonic()
                if left <= 0:
                    self._catch_up()  # the last look is behind the deadline
                while index < len(self.lines):
                    if found := expression.search(self.lines[index][1]):
                        return found
                    index += 1
                over = not any(reader.is_alive() for reader in self._readers)
                if over or left <= 0:
                    break
                self._changed.wait(min(left, 0.2))
        why = "the program ended" if over else "deadline passed"
        raise AssertionError(f"no log line matches {pattern!r} ({why}); log:\n{self.tail()}")

    def count_log(self, pattern, after=0):
        expression = re.compile(pattern)
        with self._changed:
            self._catch_up()
            return sum(1 for _, text in self.lines[after:] if expression.search(text))

    def signal(self, number):
        os.kill(self.pid, number)

    def wait_exit(self, deadline=None):
        """Exit status (negative: signal), with all output read."""
        try:
            status = self.process.wait(DEADLINE if deadline is None else deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.argv[0]} does not end; log:\n{self.tail()}") from None
        for reader in self._readers:
            reader.join(DEADLINE)
        return status

    def kill(self):
        """Ends the child and whatever it started, at once."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
