"""The documentation's examples run: what a reader pastes must work."""

import contextlib
import subprocess

import pytest

from support import api, clients, data, examples
from support.dns import Dns, Name
from support.peers import environment
from support.process import Child
from support.proxy import ROOT, Proxy, binary
from support.servers import Server, echo
from support.web import Web, certificate

BLOCKS = list(examples.blocks(ROOT))


def test_readme_has_examples(io):
    names = [block.name for block in BLOCKS]
    assert any(name.startswith("README.md:") for name in names), f"runnable blocks: {names}"


class World:
    """Local stand-ins for whatever an example talks to, and the program it started last."""

    def __init__(self, stack, io, directory):
        self.io = io
        self._stack = stack
        self._echo = stack.enter_context(Server(echo))
        self.web = stack.enter_context(Web())
        self.tls = stack.enter_context(Web(certificate(directory)))
        self._dns = stack.enter_context(Dns({"example.com": Name(["127.0.0.1"])}))
        self.proxy = None
        # What examples call their ruleset.
        self._rules = directory / "rules.lua"
        self._rules.write_text("local function asked(addr) return addr end\n"
                               "return { resolve = asked, route = asked, route6 = asked }\n")

    def _hop(self, scheme):
        """Another of us: its mixed port speaks every scheme. A fresh one for each hop, because
        none would dial itself."""
        return f"{scheme}://127.0.0.1:{self._stack.enter_context(Proxy(io=self.io)).port}"

    def _with_rules(self, words):
        return [str(self._rules) if word == "rules.lua" else word for word in words]

    def start(self, words):
        if {"-h", "--help", "--version"} & set(words):
            with Child([binary(), *words[1:]]) as child:
                assert child.wait_exit() in (0, 1)
            return
        if "--check" in words:
            with Child([binary(), *self._with_rules(words[1:])]) as child:
                assert child.wait_exit() == 0, child.tail()
            return
        args = examples.local_arguments(
            words, self._hop, f"127.0.0.1:{self._echo.port}", self._dns.address_text)
        args = self._with_rules(args)
        proxy = self._stack.enter_context(Proxy(*args, io=self.io, listen=None))
        self.proxy = proxy
        if {"-f", "--forward"} & set(args):
            return
        for host, port in proxy.listeners:
            kind = "http" if host == "127.0.0.2" or "--http" in args and len(
                proxy.listeners) == 1 else "socks5"
            with clients.open_tunnel((host, port), self._echo.address, kind) as sock:
                data.ping(sock)

    def curl(self, words):
        if self.proxy is None:
            self.proxy = self._stack.enter_context(Proxy(io=self.io))
        address = self.proxy.address
        for listener in self.proxy.listeners:
            if listener[0] == "127.0.0.2" and any("http" in w for w in words[1:3]):
                address = listener
        api_address = api.address(self.proxy) if "--api" in self.proxy.argv else None
        command = examples.local_curl(words, address, self.web, self.tls, api_address)
        done = subprocess.run(command, capture_output=True, env=environment(), timeout=60)
        assert done.returncode == 0, f"{command}: {done.stderr.decode()}"

    def ctl(self, words):
        place = "{}:{}".format(*api.address(self.proxy))
        done = subprocess.run([binary(), *self._with_rules(words[1:])], capture_output=True,
                              env=environment() | {"NEOSOCKSD_API": place}, timeout=60, check=False)
        assert done.returncode == 0, f"{words}: {done.stderr.decode()}"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_example(io, block, workdir):
    with contextlib.ExitStack() as stack:
        world = World(stack, io, workdir)
        for words in block.commands:
            if examples.program_of(words) == "curl":
                world.curl(words)
            elif words[1:2] == ["ctl"]:
                world.ctl(words)
            else:
                world.start(words)
