"""Nodes that find each other and relay: real programs, the shipped Lua, real requests.

What takes time or needs peers of other generations in numbers is in test_agent_sim.py; here the
engine's part is at stake: routines, RPC through proxies, rules on every hop, reloading.
"""

import contextlib
import http.client
import re
import subprocess

import pytest

from support import data
from support.clients import Refused, open_tunnel
from support.net import DEADLINE, wait_for
from support.proxy import ROOT, Proxy, binary

COMMON = f"""
package.path = "{ROOT}/lua/?.lua;" .. package.path
_G.libruleset = require("libruleset")
_G.agent = require("agent")
agent.BOOTSTRAP_DELAY, agent.PROBE_INTERVAL_MIN, agent.PROBE_INTERVAL_MAX = 0.05, 0.1, 0.2
agent.verbose = true
local own = {{
    match.host("NAME.internal"), function() return "127.0.0.1:ECHO" end
}}
local function to_api() return agent.api_endpoint end
"""
RULES = {
    "rules": """
_G.redirect_name = {
    { match.exact("api.neosocksd.internal:80"), to_api },
    own, { match.agent(), rule.agent() }, { match.domain(".internal"), rule.reject() },
}
""",
    "chain": """
agent.relay_cost = 1
_G.redirect_name = { { composite.subchain(agent, "chain") }, own }
""",
    # Answers as 1.4.2 does, and knows one way: to the peer of its only connection.
    "1.4.2": """
agent.stop()
_G.redirect_name = {
    { match.exact("api.neosocksd.internal:80"), to_api }, own,
    { match.pattern("%.relay%.neosocksd%.internal:"), function(addr)
        return addr:gsub("%.relay%.neosocksd", ""), agent.conns[1][1]
    end },
}
function rpc.sync(name, theirs)
    for peer, entry in pairs(theirs) do
        assert(math.type(entry.timestamp) == "integer" and not entry.conns and not entry.version)
        _G.peerdb[peer] = entry
    end
    _G.peerdb["NAME"] = { timestamp = os.time(), hosts = { "NAME" } }
    return "NAME", _G.peerdb
end
function rpc.probe(name, ttl)
    if type(name) ~= "string" or math.type(ttl) ~= "integer" then error("invalid argument") end
    if name == "NAME" then return { name } end
    if ttl < 2 then error("ttl expired in transit") end
    local target = { "api.neosocksd.internal:80", agent.conns[1][1] }
    local ok, route = await.rpcall(target, "probe", name, ttl - 1)
    if not ok then error(route) end
    route[#route + 1] = "NAME"
    return route
end
""",
}
END = """
return setmetatable({ stats = function() return agent.stats() end },
    { __index = function(_, key) return _G.libruleset[key] end })
"""
RPC = "application/x-neosocksd-rpc; version=1"


class Node(Proxy):
    """A node named `name`, which serves NAME.internal: an echo. Connections come by connect()."""

    def __init__(self, name, echo, directory, io, style="rules"):
        text = (COMMON + RULES[style] + END).replace("NAME", name).replace("ECHO", str(echo.port))
        path = directory / f"{name}.lua"
        path.write_text(text)
        super().__init__("-r", path, "--api", "127.0.0.1:0", io=io)
        self.name = name
        host, port = self.wait_log(r"api listen: (\S+):(\d+)$").groups()
        self.api = (host, int(port))
        self.invoke(f'agent.peername, agent.hosts = "{name}", {{ "{name}" }}\n'
                    f'agent.api_endpoint = "{host}:{port}"')

    def post(self, path, body=""):
        link = http.client.HTTPConnection(*self.api, timeout=DEADLINE)
        with contextlib.closing(link):
            link.request("POST", path, body, {"Content-Type": RPC})
            response = link.getresponse()
            text = response.read().decode()
            assert response.status == 200, text
            return text

    def invoke(self, code):
        self.post("/ruleset/invoke", code)

    def holds(self, condition):
        return self.post("/ruleset/rpcall", f"return {condition}") == "return true,true"

    def connect(self, *others):
        chains = ", ".join(f'{{ "socks5://127.0.0.1:{other.port}" }}' for other in others)
        self.invoke(f"agent.conns = {{ {chains} }}")

    def peers(self):
        return self.post("/stats").partition("> Peers")[2]

    def wait_peer(self, pattern):
        wait_for(lambda: re.search(pattern, self.peers()), f"{pattern} in the peers of {self.name}")

    def reach(self, host):
        with open_tunnel(self.address, (host, 80), "socks5h") as sock:
            data.ping(sock, host.encode())


@pytest.fixture
def make(io, echo, tmp_path):
    with contextlib.ExitStack() as stack:
        yield lambda name, style="rules": stack.enter_context(
            Node(name, echo, tmp_path, io, style))


def line(make, *styles):
    """peer1 - peer2 - peer3, each connected to its neighbours."""
    nodes = [make(f"peer{i}", style) for i, style in enumerate(styles, 1)]
    for i, node in enumerate(nodes):
        node.connect(*nodes[max(0, i - 1):i], *nodes[i + 1:i + 2])
    return nodes


@pytest.mark.parametrize("style", ["rules", "chain"])
def test_a_pair(make, style):
    one, two = line(make, style, style)
    one.wait_peer(r'"peer2" +: \S+ \[1\] +\d+ms "peer2"')
    two.wait_peer(r'"peer1" +: \S+ \[1\] +\d+ms "peer1"')
    one.reach("peer2.internal")
    two.reach("peer1.internal")
    one.reach("PEER2.Internal")
    with pytest.raises(Refused):
        one.reach("nobody.internal")


@pytest.mark.parametrize("styles", [("rules", "rules", "rules"), ("chain", "chain", "chain"),
                                    ("rules", "1.4.2", "chain")], ids=["rules", "chain", "1.4.2"])
def test_a_relay_between_two(make, styles):
    one, two, three = line(make, *styles)
    if styles[1] == "1.4.2":  # it reaches its first connection only
        two.connect(three)
    one.wait_peer(r'"peer3" .*"peer2"->"peer3"')
    one.reach("peer3.internal")
    one.wait_log(r'agent: "peer3.internal:80" -> "peer3.relay.neosocksd.internal:80" \[1\]')
    if styles[1] != "1.4.2":
        three.wait_peer(r'"peer1" .*"peer2"->"peer1"')
        three.reach("peer1.internal")
        two.reach("peer3.internal")
        with pytest.raises(Refused):
            one.reach("x.nobody.relay.neosocksd.internal")


def test_a_lost_peer_comes_back(make, io, echo, tmp_path):
    one, two = line(make, "rules", "rules")
    one.wait_peer(r'"peer2" .*ms')
    two.stop()
    one.wait_log(r'conn lost: \[1\] "peer2"')
    with pytest.raises(Refused):
        one.reach("peer2.internal")
    again = make("peer2", "rules")
    one.connect(again)
    one.wait_peer(r'"peer2" .*ms')
    one.reach("peer2.internal")


def test_a_reload_in_full_work(make):
    one, two, three = line(make, "rules", "rules", "rules")
    one.wait_peer(r'"peer2"->"peer3"')
    three.wait_peer(r'"peer2"->"peer1"')
    two.post("/ruleset/update?module=agent", (ROOT / "lua" / "agent.lua").read_text())
    one.reach("peer3.internal")  # at once: what was known before is known
    two.invoke('agent.hosts = { "peer2", "fresh" }')
    wait_for(lambda: one.holds('agent.matches("fresh.internal:80")'), "news after the reload")
    three.reach("peer1.internal")


def documented():
    """The rulesets in docs/agent.md: blocks that begin with a comment `-- NAME.lua:`."""
    text = (ROOT / "docs" / "agent.md").read_text()
    return re.findall(r"^```lua\n(-- (\w+\.lua):.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", [name for _, name in documented()])
def test_documented_rulesets_load(name, tmp_path):
    text = next(text for text, found in documented() if found == name)
    library = f'package.path = "{ROOT}/lua/?.lua;" .. package.path\n'
    (tmp_path / name).write_text(library + text)
    check = subprocess.run([binary(), "-l", "127.0.0.1:0", "-r", tmp_path / name, "--check"],
                           capture_output=True, text=True, timeout=DEADLINE)
    assert check.returncode == 0, check.stdout + check.stderr
