"""Our program with a ruleset: the shipped examples, fitted to the test's own servers.

    path = example(tmp_path, "lb", {"192.0.2.11:80": server})
    with RulesProxy(path, io=io) as proxy:
        proxy.call('rpc.echo("hi")')

It runs in lua/, so that `require` finds the shipped library.
"""

from support.api import RPC_TYPE, Api
from support.proxy import ROOT, Proxy


def place(address):
    """"host:port" of an address, or of a server."""
    host, port = getattr(address, "address", address)[:2]
    return f"{host}:{port}"


def example(directory, name, replace=None):
    """A copy of examples/NAME.lua with each key of `replace` replaced by its value: a text, an
    address or a server. Each must occur."""
    text = (ROOT / "examples" / f"{name}.lua").read_text()
    for old, new in (replace or {}).items():
        assert old in text, f"examples/{name}.lua has no {old}"
        text = text.replace(old, new if isinstance(new, str) else place(new))
    path = directory / f"{name}.lua"
    path.write_text(text)
    return path


class RulesProxy(Proxy):
    def __init__(self, path, *args, io, api="127.0.0.1:0", option="-r", **others):
        others.setdefault("cwd", ROOT / "lua")
        if api:
            args += ("--api", api)
        super().__init__(option, path, *args, io=io, **others)
        if api:
            self.wait_log("api listen: ")
            self.api = Api(self)
            self.api_url = f"http://{place(self.api)}"

    def post(self, target, body=b"", *fields):
        response = self.api.post(target, body, *fields)
        assert response.status == 200, response.body
        return response.body.decode()

    def invoke(self, code, *fields):
        self.post("/ruleset/invoke", code if isinstance(code, bytes) else code.encode(), *fields)

    def call(self, expression):
        """What `return EXPRESSION` gives over there, as Lua text."""
        text = self.post("/ruleset/rpcall", f"return {expression}".encode(),
                         f"Content-Type: {RPC_TYPE}")
        assert text.startswith("return true,"), text
        return text.removeprefix("return true,")

    def decide(self, address, kind="resolve"):
        """The decision of the rule tables, such as '"a:80","socks5://p:1"'."""
        return self.call(f'libruleset.decide.{kind}("{address}")')

    def stats(self):
        return self.post("/stats")
