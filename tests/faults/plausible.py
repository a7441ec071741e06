"""Which faults each call can have, and which of them nobody may notice.

A *harmless* fault is one that the program has to make up for: the conversation succeeds as if
nothing had been. Any other may end the session that is hit, with an outcome, and only that.
"""

import errno
import functools
import pathlib
import re

FAIL, SHORTEN, AGAIN, LATE, SPURIOUS = 1, 2, 3, 4, 5
KINDS = {FAIL: "fails", SHORTEN: "is short", AGAIN: "EAGAIN", LATE: "late", SPURIOUS: "spurious"}


class Fault:
    def __init__(self, kind, error=0, harmless=False):
        self.kind, self.error, self.harmless = kind, error, harmless

    def __str__(self):
        return errno.errorcode[self.error] if self.kind == FAIL else KINDS[self.kind]


def harmless(*names):
    return [Fault(*(name, 0) if isinstance(name, int) else (FAIL, getattr(errno, name)),
                  harmless=True) for name in names]


def felt(*names):
    return [Fault(FAIL, getattr(errno, name)) for name in names]


NO_DESCRIPTOR = felt("EMFILE", "ENFILE", "ENOMEM")
FILES = felt("EMFILE", "ENOMEM", "EACCES", "EINTR")

FAULTS = {
    "socket": felt("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"),
    "bind": felt("EADDRINUSE", "EADDRNOTAVAIL", "ENOMEM"),
    "listen": felt("EADDRINUSE"),
    "accept4": harmless("ECONNABORTED", "EINTR") + felt("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"),
    "getsockopt": felt("ENOBUFS"),
    "setsockopt": felt("ENOMEM"),
    "getsockname": felt("ENOBUFS"),
    "getpeername": felt("ENOTCONN"),
    "shutdown": felt("ENOTCONN"),
    "pipe2": felt("EMFILE", "ENFILE", "ENOMEM"),
    "eventfd": NO_DESCRIPTOR,
    "signalfd": NO_DESCRIPTOR,
    "epoll_create1": NO_DESCRIPTOR,
    "timer_create": felt("EAGAIN", "ENOMEM"),
    "timer_settime": felt("EINVAL"),
    "poll": felt("EINTR", "ENOMEM"),
    "fstat": felt("ENOMEM", "EIO"),
    "stat": felt("ENOENT", "ENOMEM"),
    "lstat": felt("ENOENT", "ENOMEM"),
    "flock": felt("EINTR", "ENOLCK"),
    "ftruncate": felt("EIO", "EINTR"),
    "pwrite": felt("ENOSPC", "EIO"),
    "pread": felt("EIO"),
    "unlink": felt("ENOENT", "EACCES"),
    "chmod": felt("EPERM"),
    "fchownat": felt("EPERM"),
    "readlink": felt("ENOENT"),
    "fork": felt("EAGAIN", "ENOMEM"),
    "waitpid": harmless("EINTR"),
    "getrlimit": felt("EINVAL"),
    "setrlimit": felt("EPERM"),
    "sigaction": felt("EINVAL"),
    "sched_getaffinity": felt("EINVAL"),
    "connect": harmless("EINTR") + felt("ECONNREFUSED", "ENETUNREACH", "EADDRNOTAVAIL", "ENOBUFS",
                                        "EAGAIN"),
    "recv": harmless("EINTR", AGAIN, SHORTEN) + felt("ECONNRESET", "ENOMEM", "ETIMEDOUT"),
    "recvfrom": harmless(AGAIN) + felt("EINTR", "ECONNREFUSED", "ENOMEM"),
    "recvmmsg": harmless("EINTR", AGAIN, SHORTEN, "ECONNREFUSED") + felt("ENOMEM"),
    "read": harmless("EINTR", SHORTEN) + felt("EIO"),
    "send": harmless("EINTR", AGAIN, SHORTEN) + felt("EPIPE", "ECONNRESET", "ENOBUFS", "ENOMEM"),
    "sendto": felt("ENOBUFS", "ECONNREFUSED"),
    "sendmsg": harmless(AGAIN) + felt("EINTR", "ENOBUFS", "ENETUNREACH", "EPERM"),
    "sendmmsg": harmless("EINTR", AGAIN, SHORTEN, "ENOBUFS", "EPERM", "ECONNREFUSED"),
    "write": harmless("EINTR", SHORTEN) + felt("ENOSPC", "EIO"),
    "splice": harmless("EINTR", AGAIN, SHORTEN) + felt("ENOMEM", "ECONNRESET", "EPIPE"),
    "fcntl": felt("EPERM"),
    "open": FILES,
    "openat": FILES,
    "syscall": felt("EMFILE", "EPERM", "ENOSYS"),
    "close": harmless("EINTR", "EIO"),
    "epoll_ctl": felt("ENOMEM", "ENOSPC"),
    "epoll_wait": harmless("EINTR", LATE),
    # Lua collects its garbage, at a moment of our choice, and tries again.
    "realloc": harmless("ENOMEM"),
    "fopen": felt("EMFILE", "ENOMEM"),
    "getaddrinfo": felt("ENOMEM"),
    "posix_spawn": felt("EAGAIN", "ENOMEM"),
    "thread": felt("EAGAIN"),
    "io_uring_queue_init_params": felt("ENOMEM", "EMFILE", "EPERM"),
    "io_uring_register_buf_ring": felt("ENOMEM"),
    "io_uring_register_ring_fd": felt("EBUSY"),
    "uring recv": harmless(SHORTEN, LATE) + felt("ENOBUFS", "ECONNRESET", "ENOMEM", "EINTR"),
    "uring send": harmless(SHORTEN, LATE, "EAGAIN") + felt("EPIPE", "ECONNRESET", "ENOMEM"),
    "uring connect": harmless(LATE) + felt("ECONNREFUSED", "ENETUNREACH", "EADDRNOTAVAIL",
                                           "ENOMEM"),
    "uring poll": harmless(LATE, SPURIOUS) + felt("ENOMEM"),
    "uring accept": harmless(LATE, "ECONNABORTED", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"),
    "uring cancel": [],
    "uring other": [],
    "uring get_sqe": harmless("EBUSY"),
    "uring submit": harmless("EINTR", "EAGAIN", "EBUSY"),
}


@functools.cache
def wrapped():
    """The calls of calls.def, by the names that sites have."""
    text = pathlib.Path(__file__).with_name("calls.def").read_text()
    names = re.findall(r"^(?:PLAIN|SPECIAL)\((\w+)", text, re.MULTILINE)
    return ["thread" if name.startswith("_ZNSt6thread") else name for name in names]
