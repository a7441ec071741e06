"""`neosocksd ctl` as a user runs it.

    done = ctl(api, "stats")                 # against an Api (support/api.py)
    with Screen("top", api=api) as screen:   # in a pseudo-terminal
        screen.wait("q quits")
"""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading

from support import net
from support.proxy import binary

# What a user's own settings would change.
UNSET = ("NEOSOCKSD_API", "NEOSOCKSD_API_TOKEN_FILE", "NO_COLOR")


def environment(**more):
    env = {name: value for name, value in os.environ.items() if name not in UNSET}
    return {**env, "TERM": "xterm", "LC_ALL": "C.UTF-8", **more}


def place(api):
    return api if isinstance(api, str) else "{}:{}".format(*api.address)


def ctl(api, *words, stdin="", status=0, **more):
    """Runs it; its standard output, after a look at its status. `status` None: the whole result."""
    command = [binary(), "ctl", *map(str, words)]
    if api:
        command += ["--api", place(api)]
    done = subprocess.run(command, input=stdin, env=environment(**more), capture_output=True,
                          text=True, timeout=net.DEADLINE * 2, check=False)
    assert "Sanitizer" not in done.stderr, done.stderr
    if status is None:
        return done
    assert done.returncode == status, done
    return done.stdout if status == 0 else done.stderr


class Screen:
    """A pseudo-terminal with `neosocksd ctl` on it, in a session of its own."""

    def __init__(self, *words, api, rows=24, columns=100, **more):
        self.output = b""
        self._master, slave = pty.openpty()
        self.resize(rows, columns)
        self.found = termios.tcgetattr(slave)
        self._slave = slave  # kept open: its settings are looked at when the program has ended
        command = [binary(), "ctl", *words, "--api", place(api)]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                                        env=environment(**more), preexec_fn=self._own_session)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @staticmethod
    def _own_session():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def _read(self):
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if not data:
                return
            self.output += data

    def resize(self, rows, columns):
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self._master, keys)

    def lines(self):
        """The last whole picture, without its colours: the one that comes may do so in pieces."""
        pictures = self.output.decode("utf-8", "replace").split("\033[H")[1:]
        whole = [picture for picture in pictures if "q quits" in picture]
        text = re.sub(r"\033\[[0-9;?]*[a-zA-Z]", "", whole[-1])
        return [line.rstrip() for line in text.split("\r\n")]

    def wait(self, pattern, after=0):
        """Until it has been shown, anywhere behind the first `after` bytes."""
        expression = re.compile(pattern.encode())
        net.wait_for(lambda: expression.search(self.output[after:]), f"{pattern!r} on the screen")

    def wait_exit(self):
        status = self.process.wait(net.DEADLINE)
        net.wait_for(lambda: self.output.count(b"\033[?1049h") == self.output.count(b"\033[?1049l"),
                     "the screen that was found")
        return status

    def is_restored(self):
        """Settings, cursor and screen are those that were found."""
        assert b"\033[?25h" in self.output[self.output.rindex(b"\033[?25l"):]
        return termios.tcgetattr(self._slave) == self.found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._slave)
        # Or its next read could be of another file that has got the number of this one.
        self._reader.join(net.DEADLINE)
        os.close(self._master)
