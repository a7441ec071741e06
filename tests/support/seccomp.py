"""A seccomp filter for a child process: one system call fails, or kills; or all but some fail.

    subprocess.run(..., preexec_fn=seccomp.refuse("io_uring_setup", errno.EPERM))
"""

import ctypes
import os
import re
import struct
import subprocess

from support.process import program

LIBC = ctypes.CDLL(None, use_errno=True)
NUMBERS = {  # system call -> machine -> number
    "setresuid": {"x86_64": 117, "aarch64": 147},
    "seccomp": {"x86_64": 317, "aarch64": 277},
    "io_uring_setup": {"x86_64": 425, "aarch64": 425},
}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
KILL_PROCESS, ERRNO, ALLOW = 0x80000000, 0x00050000, 0x7fff0000


def _install(code, unprivileged):
    filters = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *row) for row in code))
    program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(filters))

    def before_exec():
        if unprivileged:
            LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program)

    before_exec.keep = (filters, program)
    return before_exec


def _one(call, action):
    number = NUMBERS[call][os.uname().machine]
    return [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, action), (0x06, 0, 0, ALLOW)]


def kill(call):
    """Whoever makes the call is killed."""
    return _install(_one(call, KILL_PROCESS), False)


def refuse(call, error):
    """The call fails with `error`."""
    return _install(_one(call, ERRNO | error), True)


def allow_only(numbers, error):
    """All other calls fail with `error`."""
    code = [(0x20, 0, 0, 0)]
    for number in numbers:
        code += [(0x15, 0, 1, number), (0x06, 0, 0, ALLOW)]
    return _install([*code, (0x06, 0, 0, ERRNO | error)], False)


def numbers():
    """Every system call's name -> number, by the compiler's headers."""
    text = subprocess.run([program("clang-19", "clang-19"), "-E", "-dM", "-include",
                           "sys/syscall.h", "-x", "c", "/dev/null"],
                          capture_output=True, text=True, check=True).stdout
    return {name: int(number)
            for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", text, re.MULTILINE)}
