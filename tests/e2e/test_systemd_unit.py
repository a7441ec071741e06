"""The unit in packaging/systemd: it is well-formed, as tight as it was, and its system call filter
leaves us and our sandbox what we need. systemd itself does not run here: its tools say what the
unit means, and the test does the same to the program.
"""

import errno
import re
import shutil
import socket
import subprocess

import pytest

from support import clients, data, net, seccomp
from support.process import program
from support.proxy import ROOT, Proxy, binary

UNITS = ROOT / "packaging" / "systemd"
UNIT = UNITS / "neosocksd.service"
# Tenths of `systemd-analyze security`; 15 is what the unit has.
EXPOSURE = 15


def analyze(*words):
    return subprocess.run([program("systemd-analyze", "systemd"), "--no-pager", *words],
                          capture_output=True, text=True, check=False)


def settings(name):
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def test_systemd_understands_the_units(tmp_path):
    for unit in UNITS.iterdir():
        shutil.copy(unit, tmp_path)
    copy = tmp_path / UNIT.name
    copy.write_text(copy.read_text().replace("/usr/bin/neosocksd", str(binary())))
    done = analyze("verify", "--man=no", copy, tmp_path / "neosocksd.socket")
    complaints = [line for line in done.stderr.splitlines()
                  # Versions before 253, for which the unit has the line before.
                  if "neosocksd" in line and "service type, ignoring: notify-reload" not in line]
    assert complaints == []


def test_the_service_is_not_more_exposed_than_it_was():
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", UNIT)
    assert done.returncode == 0, done.stdout + done.stderr


def members(name):
    """The system calls of a set, or of one call's name."""
    if not name.startswith("@"):
        return {name}
    found = set()
    for line in analyze("syscall-filter", name).stdout.splitlines():
        if line.startswith("    ") and not line.lstrip().startswith("#"):
            found |= members(line.strip())
    return found


def allowed():
    """What the unit allows: lines in their order, each adding, or taking away with a tilde."""
    calls = members("@default")
    for line in settings("SystemCallFilter"):
        named = set().union(*(members(name) for name in line.removeprefix("~").split()))
        calls = calls - named if line.startswith("~") else calls | named
    return calls


@pytest.fixture(scope="module")
def confined():
    """A filter as systemd would install it, before the program starts."""
    names = allowed()
    numbers = [number for name, number in seccomp.numbers().items() if name in names]
    assert len(numbers) > 200
    assert settings("SystemCallErrorNumber") == ["EPERM"]
    return seccomp.allow_only(numbers, errno.EPERM)


def test_it_serves_in_the_unit(io, echo, tmp_path, confined):
    log, path = tmp_path / "access.log", tmp_path / "proxy.sock"
    with Proxy("--log", "stderr", "--http", f"unix:{path}", "--access-log", log,
               "--enable-socks5-udp", "--threads", "2", io=io, preexec=confined) as proxy:
        proxy.wait_log("sandbox: only system calls that serving needs")
        assert proxy.count_log("^W .*sandbox") == 0
        for kind in ("socks4a", "socks5", "http"):
            with clients.open_tunnel(proxy.address, echo.address, kind) as sock:
                data.ping(sock)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(net.DEADLINE)
            sock.connect(str(path))
            clients.request_tunnel("http", sock, *echo.address)
            data.ping(sock)
        proxy.stop()
        assert len(log.read_text().splitlines()) == 4


def test_rules_start_programs_in_the_unit(io, tmp_path, confined):
    rules = tmp_path / "rules.lua"
    rules.write_text("""neosocksd.async(print, function()
            print("EXECUTE", await.execute("echo one | tr a-z A-Z"))
        end)
        return {}""")
    with Proxy("-r", rules, io=io, preexec=confined) as proxy:
        proxy.wait_log("sandbox: dangerous system calls are refused")
        proxy.wait_log("^ONE$")
        proxy.wait_log("^EXECUTE\ttrue\texit\t0")
