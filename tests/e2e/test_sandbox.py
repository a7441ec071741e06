"""--sandbox: what is given up, for every thread and every child, and that the rest still works.

All other tests run in the sandbox, too: it is on by default. Calls are tried from inside, by a C
module of a ruleset, and by a program that a ruleset starts. These tests run as root, so that
nothing but the sandbox refuses.
"""

import errno
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

from support import clients, data, net, seccomp
from support.process import program
from support.proxy import Proxy
from support.rules import RulesProxy

REFUSED, MISSING, FAMILY = -errno.EPERM, -errno.ENOSYS, -errno.EAFNOSUPPORT
X86 = os.uname().machine == "x86_64"
# x86_64, and what most other machines agree on.
CALLS = {
    "socket": (41, 198), "execve": (59, 221), "kill": (62, 129), "unshare": (272, 97),
    "mount": (165, 40), "ptrace": (101, 117), "bpf": (321, 280), "keyctl": (250, 219),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "setns": (308, 268),
    "process_vm_readv": (310, 270), "init_module": (175, 105), "chroot": (161, 51),
    "clone": (56, 220), "clone3": (435, 435), "mmap": (9, 222), "mprotect": (10, 226),
    "openat": (257, 56), "ioctl": (16, 29), "setuid": (105, 146), "getpid": (39, 172),
    "personality": (135, 92),
    "seccomp": (317, 277), "reboot": (169, 142), "io_uring_setup": (425, 425),
}
NUMBERS = {name: numbers[0 if X86 else 1] for name, numbers in CALLS.items()}

# What both profiles refuse: call, arguments, answer.
DANGEROUS = [
    ("unshare", (0x04000000,), REFUSED),  # CLONE_NEWUTS
    ("unshare", (0,), REFUSED),
    ("setns", (0, 0), REFUSED),
    ("mount", (0, 0, 0, 0, 0), REFUSED),
    ("chroot", (0,), REFUSED),
    ("ptrace", (0, 0, 0, 0), REFUSED),
    ("process_vm_readv", (1, 0, 0, 0, 0, 0), REFUSED),
    ("bpf", (0, 0, 0), REFUSED),
    ("keyctl", (0, 0), REFUSED),
    ("perf_event_open", (0, 0, 0, 0, 0), REFUSED),
    ("userfaultfd", (0,), REFUSED),
    ("init_module", (0, 0, 0), REFUSED),
    ("reboot", (0, 0, 0, 0), REFUSED),
    ("clone", (0x10000000 | signal.SIGCHLD, 0, 0, 0, 0), REFUSED),  # CLONE_NEWUSER
    ("clone3", (0, 0), MISSING),
    ("socket", (17, 3, 0), FAMILY),  # AF_PACKET
    ("socket", (38, 5, 0), FAMILY),  # AF_ALG
    ("personality", (0x0040000,), REFUSED),  # ADDR_NO_RANDOMIZE
    ("ioctl", (0, 0x5412, 0), REFUSED),  # TIOCSTI
]
# And what only the closed one refuses.
CLOSED = [
    ("execve", (0, 0, 0), REFUSED),
    ("clone", (signal.SIGCHLD, 0, 0, 0, 0), REFUSED),
    ("kill", (1, 0), REFUSED),
    ("mmap", (0, 4096, 7, 0x22, -1, 0), REFUSED),  # writable and executable
    ("mprotect", (0, 0, 5), REFUSED),
    ("setuid", (0,), REFUSED),
    ("clone", (0x10100, 0, 0, 0, 0), REFUSED),  # a thread
    ("seccomp", (0, 0, 0), REFUSED),
]

MODULE = r"""
#include <errno.h>
#include <unistd.h>
typedef struct lua_State lua_State;
extern long long lua_tointegerx(lua_State *, int, int *);
extern void lua_pushinteger(lua_State *, long long);
extern void lua_pushcclosure(lua_State *, int (*)(lua_State *), int);
static int call(lua_State *lua) {
    long a[7];
    for (int i = 0; i < 7; i++) a[i] = lua_tointegerx(lua, i + 1, 0);
    long result = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
    lua_pushinteger(lua, result < 0 ? -errno : result);
    return 1;
}
int luaopen_probe(lua_State *lua) {
    lua_pushcclosure(lua, call, 0);
    return 1;
}
"""


def status(tid, field):
    text = pathlib.Path(f"/proc/{tid}/status").read_text()
    return re.search(rf"^{field}:[ \t]*(.*)$", text, re.MULTILINE).group(1)


def ping(proxy, target):
    with clients.open_tunnel(proxy.address, target.address) as sock:
        data.ping(sock)


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    """A directory with a ruleset whose `call` makes a system call and gives its result, or
    -errno."""
    directory = tmp_path_factory.mktemp("probe")
    (directory / "probe.c").write_text(MODULE)
    subprocess.run([program("clang-19", "clang-19"), "-shared", "-fPIC", "-O1",
                    directory / "probe.c", "-o", directory / "probe.so"], check=True)
    (directory / "rules.lua").write_text(
        f"package.cpath = '{directory}/?.so' call = require('probe') return {{}}")
    return directory


def probing(probe, *args, io):
    return RulesProxy(probe / "rules.lua", *args, io=io, cwd=probe)


def answers(proxy, calls):
    """What each call comes to inside the program."""
    for name, arguments, _ in calls:
        words = ", ".join(str(word) for word in (NUMBERS[name], *arguments))
        proxy.invoke(f"print('ANSWER', call({words}))")
    return printed(proxy, len(calls))


def printed(proxy, count):
    net.wait_for(lambda: proxy.count_log("^ANSWER\t") >= count, f"{count} answers")
    return [int(found) for found in re.findall(r"^ANSWER\t(\S+)$", proxy.text(), re.MULTILINE)]


@pytest.mark.parametrize("args, said", [
    ((), "only system calls that serving needs; no program can be started, no file opened"),
    (("--sandbox", "on"), "only system calls that serving needs"),
    (("--access-log", "/dev/null"), "only system calls .*; no program can be started$"),
], ids=["auto", "on", "access log"])
def test_every_thread_is_confined_and_serves(io, echo, args, said):
    with Proxy("--threads", "3", *args, io=io) as proxy:
        proxy.wait_log(rf"^I .*sandbox: {said}")
        for task in proxy.tasks():
            assert status(task.tid, "Seccomp") == "2", task.name
            assert status(task.tid, "Seccomp_filters") == "2", task.name  # sealed
            assert status(task.tid, "NoNewPrivs") == "1", task.name
        ping(proxy, echo)


def test_off_is_off(io, echo):
    with Proxy("--sandbox", "off", io=io) as proxy:
        proxy.wait_log("^I .*sandbox: off$")
        assert status(proxy.pid, "Seccomp") == status(os.getpid(), "Seccomp")
        ping(proxy, echo)


@pytest.mark.parametrize("error", [errno.ENOSYS, errno.EPERM], ids=errno.errorcode.get)
def test_a_kernel_that_refuses_is_a_warning_or_fatal(io, echo, error):
    def started(mode):
        return Proxy("--sandbox", mode, io=io, ready=mode == "auto",
                     preexec=seccomp.refuse("seccomp", error))

    with started("auto") as proxy:
        reason = os.strerror(error)
        proxy.wait_log(rf"^W .*sandbox: off, because the system refuses it: seccomp: {reason}$")
        ping(proxy, echo)
    for mode in ("on", "strict"):
        with started(mode) as proxy:
            proxy.expect_exit(1)
            proxy.wait_log(rf"^F .*--sandbox: seccomp: {reason}; --sandbox auto would go on")
            assert proxy.count_log("server start") == 0


@pytest.mark.parametrize("user", [(), ("-u", "nobody:")], ids=["root", "nobody"])
def test_rules_cannot_make_dangerous_calls_themselves(io, probe, user):
    if user:
        for path in (probe, *probe.parents[:2]):
            os.chmod(path, 0o755)
    with probing(probe, *user, io=io) as proxy:
        proxy.wait_log("^I .*sandbox: dangerous system calls are refused, also to programs")
        assert answers(proxy, DANGEROUS) == [answer for _, _, answer in DANGEROUS]


def test_without_a_sandbox_they_are_not_refused(io, probe):
    """That the test above tests the sandbox: root may."""
    harmless = [("unshare", (0,), 0), ("unshare", (0x04000000,), 0), ("kill", (1, 0), 0)]
    with probing(probe, "--sandbox", "off", io=io) as proxy:
        assert answers(proxy, harmless) == [0, 0, 0]


def test_strict_refuses_programs_and_executable_memory(io, probe):
    calls = DANGEROUS + CLOSED
    with probing(probe, "--sandbox", "strict", io=io) as proxy:
        proxy.wait_log(r"^I .*sandbox: only system calls that serving needs; no program can be "
                       r"started$")
        assert answers(proxy, calls) == [answer for _, _, answer in calls]


def test_strict_rules_read_and_write_files_but_start_nothing(io, tmp_path):
    rules = tmp_path / "rules.lua"
    rules.write_text("return {}")
    with RulesProxy(rules, "--sandbox", "strict", io=io, cwd=tmp_path) as proxy:
        proxy.invoke("""
            local f = assert(io.open("a", "w"))
            f:write("text")
            f:close()
            assert(os.rename("a", "b"))
            for line in io.lines("b") do print("READ", line) end
            assert(os.remove("b"))
            local name = os.tmpname()
            assert(os.remove(name))
            print("EXECUTE", os.execute("true"))
            print("POPEN", pcall(io.popen, "true"))
            neosocksd.async(function(...) print("AWAIT", ...) end, await.execute, "true")""")
        proxy.wait_log("^READ\ttext$")
        proxy.wait_log("^EXECUTE\tnil\tOperation not permitted")
        proxy.wait_log("^POPEN\ttrue\tnil")  # libc makes ENOMEM of every failure
        proxy.wait_log("^AWAIT\t.*Operation not permitted")
        proxy.signal(signal.SIGHUP)
        proxy.wait_log("ruleset successfully reloaded")


CHILD = """
import ctypes, os, socket, subprocess, threading
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(number, *(ctypes.c_long(word) for word in arguments))
    return -ctypes.get_errno() if result < 0 else result
for number, *arguments in {calls}:
    print("ANSWER", call(number, *arguments), sep="\\t", flush=True)
# Everything that programs do every day.
thread = threading.Thread(target=lambda: print("THREAD", flush=True))
thread.start()
thread.join()
print("PIPE", subprocess.run("echo one | tr a-z A-Z | sort", shell=True, text=True,
                             capture_output=True).stdout.strip(), flush=True)
socket.create_connection({address}).close()
os.kill(os.getpid(), 0)
print("STATUS", open("/proc/self/status").read().split("Seccomp:")[1].split()[0], flush=True)
"""


@pytest.mark.parametrize("way", ["os.execute({})", "await.execute({})",
                                 "io.write(io.popen({}):read('a'))"],
                         ids=["os.execute", "await.execute", "io.popen"])
def test_programs_that_rules_start_work_but_inherit_it(io, tmp_path, echo, way):
    rules = tmp_path / "rules.lua"
    rules.write_text("return {}")
    child = tmp_path / "child.py"
    calls = [(NUMBERS[name], *arguments) for name, arguments, _ in DANGEROUS]
    child.write_text(CHILD.format(calls=calls, address=echo.address))
    with RulesProxy(rules, io=io, cwd=tmp_path) as proxy:
        command = f"'{sys.executable} {child}'"
        proxy.invoke("neosocksd.async(function(...) print('DONE', ...) end, "
                     f"function() {way.format(command)} end)")
        proxy.wait_log("^DONE\ttrue")
        assert printed(proxy, len(calls)) == [answer for _, _, answer in DANGEROUS]
        proxy.wait_log("^THREAD$")
        proxy.wait_log("^PIPE ONE$")
        proxy.wait_log("^STATUS 2$")


@pytest.mark.parametrize("args", [(), ("--sandbox", "strict")], ids=["open", "closed"])
def test_no_ring_is_made_any_more(io, probe, args):
    """Operations of a ring are seen by no filter: ours are told what they are for when they are
    made (uring_ring_test.cc), and there will be no others."""
    calls = [("io_uring_setup", (0, 0), MISSING)]
    with probing(probe, *args, io=io) as proxy:
        assert answers(proxy, calls) == [answer for _, _, answer in calls]
