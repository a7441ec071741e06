"""Calls of the start and of the end fail: no start without words, no end that is not clean."""

import os
import signal
import socket
import threading

import pytest

from support import clients, data, net
from support.proxy import Proxy
from support.servers import Server, echo

from .control import Control, where
from .plausible import FAULTS

SAMPLE = 8
RULESET = """
local function same(address) return address end
return { resolve = same, route = same, route6 = same }
"""
FAMILIES = {
    "one thread": ["--threads", "1", "--access-log", "access.log", "--pidfile", "pid"],
    "boot script": ["--threads", "2", "-c", "boot.lua", "--reuseport"],
    "workers, rules": ["--threads", "2", "-r", "rules.lua", "--http", "unix:@{name}.sock",
                       "--api-token-file", "tokens"],
}


class Start:
    def __init__(self, directory, io, family):
        (directory / "rules.lua").write_text(RULESET)
        (directory / "boot.lua").write_text("return { ruleset = dofile('rules.lua') }\n")
        (directory / "tokens").write_text("admin 0123456789abcdef0123456789abcdef\n")
        (directory / "tokens").chmod(0o600)
        self.directory, self.io, self.family = directory, io, family
        self.target = Server(echo)
        # As a service manager that wants to be told.
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(f"\0{self.name()}.notify")
        self.notify.settimeout(None)
        self.listening = threading.Thread(target=self.listen, daemon=True)
        self.listening.start()

    def listen(self):
        while self.notify.recv(4096) != b"over":
            pass

    def close(self):
        self.target.close()
        with self.notify, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"over", self.notify.getsockname())
            self.listening.join(net.DEADLINE)  # it would keep the name

    def name(self):
        return f"faults-{os.getpid()}-{self.io}"

    def proxy(self, control):
        options = [word.format(name=self.name()) for word in FAMILIES[self.family]]
        env = control.env() | {"NOTIFY_SOCKET": f"@{self.name()}.notify"}
        return Proxy(*options, "--api", "127.0.0.1:0", io=self.io, ready=False, env=env,
                     cwd=self.directory)

    def control(self):
        return Control(self.directory / "faults")

    def serve(self, proxy):
        """One session, as of a client that read the log for the address."""
        proxy.listeners = proxy._listeners()
        with clients.open_tunnel(proxy.listeners[0], self.target.address) as sock:
            data.ping(sock)

    def sites(self, ending):
        """Those of the start, or those behind SIGTERM; a session is open then."""
        control = self.control()
        with self.proxy(control) as proxy:
            proxy.wait_log("server start")
            found = control.sites()
            self.serve(proxy)
            with clients.open_tunnel(proxy.listeners[0], self.target.address) as sock:
                data.ping(sock)
                control.forget()
                proxy.signal(signal.SIGTERM)
                proxy.expect_exit(0)
        return control.sites() if ending else found

    def cases(self, ending):
        for site in self.sites(ending):
            for fault in FAULTS[site.call]:
                for nth in sorted({0, site.passages - 1}):
                    yield site, fault, nth


@pytest.fixture(params=FAMILIES)
def start(request, io, tmp_path):
    made = Start(tmp_path, io, request.param)
    yield made
    made.close()


def started(proxy):
    """Whether it serves; False once it has ended instead."""
    net.wait_for(lambda: not proxy.running() or proxy.count_log("server start"),
                 lambda: f"a start or an end:\n{proxy.tail()}")
    return proxy.running()


def attempt(failed, case, call):
    try:
        call()
    except (AssertionError, OSError, clients.Refused) as error:
        site, fault, nth = case
        error.add_note(f"{site.call} {fault} at passage {nth}: {where(site)}")
        failed.append(error)


def finish(failed):
    for error in failed:
        print(str(error)[:3000], *error.__notes__, sep="\n", end="\n\n")
    if failed:
        raise failed[0]


def test_a_start_succeeds_or_fails_with_words(start, sample):
    failed = []
    for site, fault, nth in sample(start.cases(False), SAMPLE):
        if site.call == "write":  # the log itself, which is how we would know
            continue
        control = start.control()
        control.arm(site, fault, nth)

        def run(control=control, site=site, fault=fault):
            with start.proxy(control) as proxy:
                if started(proxy):
                    start.serve(proxy)
                    return
                proxy.expect_exit(1)
                absorbed = fault.harmless and site.call != "realloc"  # nothing to collect yet
                assert not absorbed, f"it does not start:\n{proxy.tail()}"
                assert proxy.count_log(r"^[EF] .*\w"), f"no word about it:\n{proxy.tail()}"

        attempt(failed, (site, fault, nth), run)
    finish(failed)


def test_an_end_is_clean(start, sample):
    failed = []
    for site, fault, nth in sample(start.cases(True), SAMPLE):
        control = start.control()

        def run(control=control, site=site, fault=fault, nth=nth):
            with start.proxy(control) as proxy:
                proxy.wait_log("server start")
                start.serve(proxy)
                with clients.open_tunnel(proxy.listeners[0], start.target.address) as sock:
                    data.ping(sock)
                    control.arm(site, fault, nth)
                    proxy.signal(signal.SIGTERM)
                    proxy.expect_exit(0)
                    net.expect_closed(sock)

        attempt(failed, (site, fault, nth), run)
    finish(failed)
