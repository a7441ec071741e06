"""-u: in all its forms, for all threads, and for good. These tests run as root."""

import grp
import os
import pathlib
import pwd
import re
import subprocess

import pytest

from support import clients, data, net
from support.proxy import Proxy, binary

NOBODY = pwd.getpwnam("nobody")
# A group that is nobody's own.
GROUP = next(g for g in grp.getgrall() if g.gr_gid not in (0, NOBODY.pw_gid))


def status(tid, field):
    text = pathlib.Path(f"/proc/{tid}/status").read_text()
    return re.search(rf"^{field}:[ \t]*(.*)$", text, re.MULTILINE).group(1)


def threads(proxy):
    """Ids of our threads; a sanitizer may have one of its own, which is older than the program."""
    return [t.tid for t in proxy.tasks() if t.tid == proxy.pid or t.name.startswith("worker-")]


def ids(proxy):
    """(uid, gid) of every thread: the same for all, or the test fails."""
    seen = {(status(tid, "Uid"), status(tid, "Gid")) for tid in threads(proxy)}
    (uids, gids), = seen
    assert len(set(uids.split())) == len(set(gids.split())) == 1, "real, effective, saved, fs"
    return int(uids.split()[0]), int(gids.split()[0])


@pytest.mark.parametrize("ident, wanted", [
    ("nobody", (NOBODY.pw_uid, 0)),
    ("nobody:", (NOBODY.pw_uid, NOBODY.pw_gid)),
    (f"nobody:{GROUP.gr_name}", (NOBODY.pw_uid, GROUP.gr_gid)),
    (f":{GROUP.gr_name}", (0, GROUP.gr_gid)),
    (str(NOBODY.pw_uid), (NOBODY.pw_uid, 0)),
    (f"{NOBODY.pw_uid}:", (NOBODY.pw_uid, NOBODY.pw_gid)),
    ("12345:54321", (12345, 54321)),
    (":54321", (0, 54321)),
], ids=["user", "user:", "user:group", ":group", "uid", "uid:", "uid:gid", ":gid"])
def test_forms(io, echo, ident, wanted):
    with Proxy("-u", ident, "--threads", "2", io=io) as proxy:
        assert ids(proxy) == wanted
        assert status(proxy.pid, "Groups") == "", "supplementary groups"
        assert (proxy.count_log("stays in group 0") == 1) == (wanted[1] == 0)
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)


@pytest.mark.threads
def test_no_thread_keeps_or_regains_anything(io):
    with Proxy("-u", "nobody:", "--threads", "3", io=io) as proxy:
        assert len(threads(proxy)) == 4
        for tid in threads(proxy):
            for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                assert int(status(tid, name), 16) == 0, name
            assert status(tid, "NoNewPrivs") == "1"


def test_without_it_nothing_is_dropped(io):
    with Proxy("--sandbox", "off", io=io) as proxy:
        assert status(proxy.pid, "NoNewPrivs") == "0"
        assert status(proxy.pid, "CapEff") == status(os.getpid(), "CapEff")


def test_binds_before_it_drops(io, echo):
    """A privileged port."""
    port = next(port for port in range(1023, 512, -1) if net.refused(("127.0.0.1", port)))
    with Proxy("-u", "nobody:", io=io, listen=f"127.0.0.1:{port}") as proxy:
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)


def run(*args, prefix=()):
    done = subprocess.run([*prefix, str(binary()), "-l", "127.0.0.1:0", *args],
                          capture_output=True, text=True, timeout=6 * net.DEADLINE)
    return done.returncode, done.stdout


@pytest.mark.parametrize("ident, reason", [
    ("no-such-user", "passwd: name `no-such-user' does not exist"),
    ("nobody:no-such-group", "group: name `no-such-group' does not exist"),
    (":no-such-group", "group: name `no-such-group' does not exist"),
    ("4000000000:", "passwd: user `4000000000' does not exist"),
    (":", None),
    ("", None),
    ("x" * 1024, None),
], ids=lambda value: str(value)[:16] or "empty")
def test_unknown_and_empty_idents_are_fatal(io, ident, reason):
    code, output = run("--io", io, "-u", ident)
    assert code == 1
    lines = output.splitlines()
    assert re.search(rf"^F \S+ \S+ failed to parse user ident: `{re.escape(ident)}'$", lines[-1])
    assert len(lines) == (3 if reason else 2)
    if reason:
        assert lines[1].startswith("E ") and lines[1].endswith(" " + reason)


def test_a_drop_that_fails_is_fatal(io):
    setpriv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    for ident, operation in (("1", "setuid"), (":1", "setgid")):
        code, output = run("--io", io, "-u", ident, prefix=setpriv)
        assert code == 1
        assert re.search(rf"^E \S+ \S+ {operation}: Operation not permitted$", output, re.M), output
        assert re.search(rf"^F \S+ \S+ failed to drop privileges: `{ident}'$", output, re.M), output
        assert "server start" not in output


def test_groups_that_cannot_be_cleared_are_fatal(io):
    setpriv = ["setpriv", "--reuid=65534", "--regid=65534", f"--groups={GROUP.gr_gid}", "--"]
    code, output = run("--io", io, "-u", "65534", prefix=setpriv)
    assert code == 1 and "setgroups: Operation not permitted" in output
