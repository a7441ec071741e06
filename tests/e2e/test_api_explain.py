"""/ruleset/explain: what the rules would do, said without doing it."""

import json
import urllib.parse

import pytest

from support import clients, data, net
from support.api import Api
from support.dns import Dns, Name
from support.proxy import ROOT, Proxy

RULES = """
local seen = 0
local ruleset = {}
function ruleset.resolve(addr, user, password, request)
    print("asked for", addr, user, password)
    if addr == "refused.test:80" then return nil end
    if addr == "error.test:80" then error("no such luck") end
    if addr == "chain.test:80" then return addr, "socks5://u:secret@hop.test:1080" end
    if addr == "self.test:80" then return "127.0.0.1:1" end
    if addr == "forward.test:80" then
        local ok = await.forward("first.test:80")
        print("forwarded", ok)
        return
    end
    if addr == "never.test:80" then await.sleep(3600) end
    if addr == "slow.test:80" then
        await.sleep(0.05)
        print("slept")
        coroutine.wrap(function() print("inside") end)()
    end
    if addr == "flood.test:80" then
        for i = 1, 300 do print(i) end
    end
    if addr == "who.test:80" then
        print(request.client, request.listener, request.protocol, request.command,
              neosocksd.explaining())
    end
    seen = seen + 1
    return addr
end
function ruleset.route(addr) return addr end
ruleset.route6 = ruleset.route
return ruleset
"""


@pytest.fixture(params=[1, 2], ids=["alone", "two workers"])
def proxy(request, io, tmp_path):
    (tmp_path / "r.lua").write_text(RULES)
    names = {name: Name(["127.0.0.9"]) for name in ("hop.test", "plain.test", "slow.test")}
    with Dns(names | {"inside.test": Name(["127.0.0.1"])}) as dns, Proxy(
            "--api", "127.0.0.1:0", "-r", tmp_path / "r.lua", "--threads", request.param,
            "--nameserver", dns.address_text, io=io) as child:
        yield child


def explain(proxy, addr, **parameters):
    answer = Api(proxy).get("/ruleset/explain?" + urllib.parse.urlencode(
        {"addr": addr, **parameters}))
    assert answer.status == 200, answer
    assert answer.get("Content-Type") == ["application/json"]
    return json.loads(answer.body)


def test_a_connection_with_its_address(proxy):
    got = explain(proxy, "plain.test:80", user="u", password="p")
    assert got.pop("seconds") < net.DEADLINE
    assert got == {
        "callback": "resolve", "addr": "plain.test:80", "verdict": "connect",
        "target": "plain.test:80", "as_asked": True, "chain": [],
        "first_hop": {"host": "plain.test:80", "addresses": [
            {"address": "127.0.0.9:80", "policy": "allowed"}]},
        "forwards": [], "tags": [], "log": ["asked for\tplain.test:80\tu\tp"]}
    assert "asked for" not in proxy.text()


def test_a_real_request_prints_to_the_output_as_ever(proxy, echo):
    with clients.open_tunnel(proxy.address, ("localhost", echo.port), "socks5h") as sock:
        data.ping(sock)
    proxy.wait_log(r"asked for\tlocalhost")


def test_a_rejection(proxy):
    got = explain(proxy, "refused.test:80")
    assert (got["verdict"], got["reason"]) == ("reject", "rejected by ruleset")
    assert "target" not in got and "first_hop" not in got


def test_an_error_with_its_traceback(proxy):
    got = explain(proxy, "error.test:80")
    assert (got["verdict"], got["reason"]) == ("reject", "ruleset error")
    assert "no such luck" in got["log"][1] and "stack traceback:" in got["log"][2]
    assert "no such luck" not in proxy.text()


def test_a_chain_is_looked_up_and_hides_its_password(proxy):
    got = explain(proxy, "chain.test:80")
    assert got["chain"] == ["socks5://hop.test:1080"]
    assert got["first_hop"] == {"host": "hop.test:1080", "addresses": [
        {"address": "127.0.0.9:1080", "policy": "allowed"}]}


def test_an_own_listener_is_refused_to_clients_and_not_to_rules(proxy):
    own = explain(proxy, f"127.0.0.1:{proxy.port}")
    assert own["callback"] == "route"
    assert own["first_hop"]["addresses"][0]["policy"] == "own listener"
    named = explain(proxy, f"inside.test:{proxy.port}")
    assert named["first_hop"]["addresses"][0]["policy"] == "own listener"
    assert explain(proxy, "self.test:80")["as_asked"] is False


def test_a_name_without_an_address(proxy):
    got = explain(proxy, "nowhere.test:80")
    assert got["verdict"] == "connect"
    assert got["first_hop"]["addresses"] == [] and "resolve" in got["first_hop"]["error"]


def test_forward_is_noted_and_connects_nothing(proxy):
    got = explain(proxy, "forward.test:80")
    assert got["verdict"] == "connected by await.forward"
    assert got["forwards"] == [{"target": "first.test:80", "chain": []}]
    assert got["target"] == "first.test:80" and got["as_asked"] is False


def test_waits_are_waited_for_and_coroutines_belong_to_it(proxy):
    got = explain(proxy, "slow.test:80")
    assert got["seconds"] >= 0.05
    assert got["log"][1:] == ["slept", "inside"]


def test_lines_are_bounded(proxy):
    got = explain(proxy, "flood.test:80")
    assert len(got["log"]) == 200 and got["log_lost"] == 101


def test_the_rules_hear_who_asks(proxy):
    assert explain(proxy, "who.test:80")["log"][-1] == "127.0.0.1:0\tnil\tsocks5\tconnect\ttrue"
    got = explain(proxy, "who.test:80", client="192.0.2.1:5", listener="x", protocol="http",
                  command="http_forward")
    assert got["log"][-1] == "192.0.2.1:5\tx\thttp\thttp_forward\ttrue"
    assert explain(proxy, "127.0.0.1:80", protocol="http")["callback"] == "resolve"


@pytest.mark.parametrize("query", ["", "addr=x", "addr=x:1&protocol=ftp", "addr=x:1&who=me"])
def test_what_is_not_understood_is_refused(proxy, query):
    assert Api(proxy).get("/ruleset/explain?" + query).status == 400


def test_methods_and_missing_rules(io, proxy):
    assert Api(proxy).post("/ruleset/explain?addr=x:1").get("Allow") == ["GET"]
    with Proxy("--api", "127.0.0.1:0", io=io) as plain:
        assert Api(plain).get("/ruleset/explain?addr=x:1").status == 500


def test_tags_of_the_library_are_found_at_every_log_level(io, tmp_path):
    (tmp_path / "r.lua").write_text("""
local ruleset = require("libruleset")
_G.redirect_name = {{match.domain({".example"}), rule.direct(), "the example"}}
_G.route_default = {rule.direct(), "the rest"}
return ruleset
""")
    with Proxy("--api", "127.0.0.1:0", "-r", tmp_path / "r.lua", io=io, loglevel=5,
               cwd=ROOT / "lua") as proxy:
        assert explain(proxy, "a.example:80")["tags"] == ["the example"]
        assert explain(proxy, "192.0.2.1:80")["tags"] == ["the rest"]


def test_rules_that_do_not_decide_in_time(io, tmp_path):
    (tmp_path / "r.lua").write_text(RULES)
    with Proxy("--api", "127.0.0.1:0", "-r", tmp_path / "r.lua", "-t", "5", io=io) as proxy:
        answer = Api(proxy).get("/ruleset/explain?addr=never.test:80")
    assert answer.status == 504
    assert answer.body == b"explain: the rules have not decided within the timeout"


@pytest.mark.parametrize("client", ["garbage", "example.org:80", "unix:uid=root"])
def test_a_client_that_is_none(proxy, client):
    answer = Api(proxy).get("/ruleset/explain?addr=who.test:80&client=" + client)
    assert answer.status == 400
    assert answer.body.decode() == (
        f"explain: bad client `{client}': ADDRESS:PORT or unix:uid=NUMBER\n")
