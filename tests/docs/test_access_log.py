"""What docs/operations.md says of the access log: its commands run on a real one, its example is
one, its table names every field; and logrotate does with our configuration what it promises."""

import os
import re
import subprocess

import pytest

from support import clients, data, net
from support.access_log import FIELDS, AccessLog, parse
from support.process import program
from support.proxy import ROOT, Proxy

PAGE = (ROOT / "docs" / "operations.md").read_text()
SECTION = PAGE.split("\n## Access log\n")[1].split("\n## ")[0]
BLOCKS = re.findall(r"^```(sh)?\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, block in BLOCKS if kind for line in block.splitlines()
            if not line.startswith("neosocksd")]
CONFIGURATION = ROOT / "packaging" / "logrotate" / "neosocksd"


def shell(command, **places):
    """The command's output, with the places of the document made ours."""
    for name, place in places.items():
        assert name == "pid" or "/var/log/neosocksd/access.log" in command
        command = command.replace({"log": "/var/log/neosocksd/access.log",
                                   "pid": "/run/neosocksd.pid"}[name], str(place))
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True,
                          text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), command
    return done.stdout


def use(proxy, echo):
    """A tunnel and a refusal."""
    with clients.open_tunnel(proxy.address, echo.address) as sock:
        data.ping(sock)
    holder, dead = net.dead_port()
    with holder:
        clients.expect_refusal(proxy.address, dead, "socks5", 5)
    return "{}:{}".format(*dead)


@pytest.mark.parametrize("form", ["text", "json"])
def test_commands_that_read_it(io, echo, tmp_path, form):
    log = AccessLog(tmp_path / "access.log", form)
    with Proxy(*log.args(), io=io) as proxy:
        dead = use(proxy, echo)
        log.records(2)
    readers = [line for line in COMMANDS if line.startswith("jq" if form == "json"
                                                            else ("grep", "awk"))]
    assert len(readers) == (1 if form == "json" else 2)
    for command in readers:
        program(command.split()[0], command.split()[0])
        output = shell(command, log=log.path)
        assert dead in output
        if command.startswith("awk"):
            assert "4 {}:{}\n".format(*echo.address) in output
        else:
            assert len(output.splitlines()) == 1 and "connection_refused" in output


def test_commands_that_rotate_it(io, echo, tmp_path):
    log = AccessLog(tmp_path / "access.log")
    pid = tmp_path / "pid"
    with Proxy("--pidfile", pid, *log.args(), io=io) as proxy:
        use(proxy, echo)
        log.records(2)
        move, tell = [line for line in COMMANDS if line.startswith(("mv", "kill"))]
        shell(move, log=log.path)
        shell(tell, pid=pid)
        proxy.wait_log("opened again")
        use(proxy, echo)
        log.records(2)
    assert len((tmp_path / "access.log.1").read_text().splitlines()) == 2


def test_the_example_and_the_table_are_true():
    example, = (block for kind, block in BLOCKS if not kind)
    assert parse(example.strip())["target"] == "example.org:443"
    rows = re.findall(r"^\| ([^|]+) \|", SECTION, re.MULTILINE)
    named = re.findall(r"`(\w+)`", " ".join(rows))
    assert named == [*FIELDS, "datagrams_up", "datagrams_down", "datagrams_dropped", "method",
                     "path", "status"]


def test_logrotate(io, echo, tmp_path):
    directory = tmp_path / "neosocksd"
    directory.mkdir(mode=0o750)
    log = AccessLog(directory / "access.log")
    text = CONFIGURATION.read_text().replace("/var/log/neosocksd", str(directory))
    configuration = tmp_path / "logrotate.conf"
    with Proxy(*log.args(), io=io) as proxy:
        text, changes = re.subn(r"systemctl kill .*neosocksd\.service", f"kill -USR1 {proxy.pid}",
                                text)
        assert changes == 1
        configuration.write_text(text)
        os.chmod(configuration, 0o644)
        for turn in range(3):
            use(proxy, echo)
            log.records(2)
            mark = proxy.mark()
            subprocess.run([program("logrotate", "logrotate"), "--force", "--state",
                            tmp_path / "state", configuration], check=True)
            proxy.wait_log("opened again", after=mark)
            assert log.path.exists() and log.text() == "", turn
    assert sorted(path.name for path in directory.iterdir()) == [
        "access.log", "access.log.1", "access.log.2.gz", "access.log.3.gz"]
