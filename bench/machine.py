"""The machine the measurements run on: private network namespaces, which CPU does what, and whether
anyone else is using it.

A fresh network namespace for every measurement means its own loopback: no port is taken, no
connection of the run before lingers in TIME_WAIT, and nothing can leave the machine.
"""

import ctypes
import os
import resource
import signal
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1

# The same for every proxy: some size their tables by it.
NOFILE = min(65535, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def child_setup(cpu=None, nofile=None):
    """Between fork and exec: dies with this script, on its CPU, with its descriptor limit."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if nofile:
        resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})


def run_quietly(*command):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env=os.environ | {"PATH": path})


def enter_fresh_netns(congestion):
    """Moves this process into a new network namespace that has nothing but loopback."""
    if LIBC.unshare(CLONE_NEWNET) != 0:
        raise SystemExit(
            f"A private network namespace for each measurement: "
            f"{os.strerror(ctypes.get_errno())}.\n"
            "Run this as root (it needs CAP_SYS_ADMIN), or with --no-netns to measure in the "
            "network namespace we are in.")
    up = run_quietly("ip", "link", "set", "lo", "up")
    if up.returncode:
        raise SystemExit(f"ip link set lo up (package iproute2): {up.stderr.strip()}")
    if congestion:
        # On the routes, because not every container may write the sysctl.
        for net in ("127.0.0.0/8", "127.0.0.1"):
            route = run_quietly("ip", "route", "change", "local", net, "dev", "lo", "table",
                                "local", "proto", "kernel", "scope", "host", "src", "127.0.0.1",
                                "congctl", congestion)
            if route.returncode:
                raise SystemExit(f"congestion control {congestion}: {route.stderr.strip()}")


def siblings(cpu):
    """The CPUs that share a core with this one."""
    try:
        with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as f:
            text = f.read().strip()
    except OSError:
        return {cpu}
    found = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        found |= set(range(int(low), int(high or low) + 1))
    return found


def choose_cpus():
    """(CPU of the proxy, CPU of generator and backend): on different cores where there are any."""
    allowed = sorted(os.sched_getaffinity(0))
    proxy = allowed[0]
    others = [c for c in allowed if c not in siblings(proxy)] or allowed[1:] or [proxy]
    return proxy, others[0]


def busy_seconds():
    with open("/proc/stat") as f:
        ticks = [int(x) for x in f.readline().split()[1:]]
    return (sum(ticks[:8]) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def busy_percent(seconds):
    before, start = busy_seconds(), time.monotonic()
    time.sleep(seconds)
    return 100 * (busy_seconds() - before) / (time.monotonic() - start)


def wait_until_quiet(limit_percent, patience):
    """Waits until less than this share of one CPU is busy, or patience (seconds) is over."""
    deadline = time.monotonic() + patience
    while True:
        busy = busy_percent(0.2)
        if busy <= limit_percent or time.monotonic() > deadline:
            return busy
        time.sleep(0.5)


def cpu_model():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith(("model name", "Model")):
                return line.split(":", 1)[1].strip()
    return os.uname().machine


def describe():
    return {
        "date": time.strftime("%F %T"),
        "kernel": os.uname().release,
        "cpus": len(os.sched_getaffinity(0)),
        "cpu": cpu_model(),
        "nofile": NOFILE,
    }
