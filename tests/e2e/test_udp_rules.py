"""The rules decide about each target of a UDP association, as about connections."""

import pytest

from support.dns import Dns, Name
from support.proxy import Proxy
from support.udp import Association, UdpEcho

UDP = "--enable-socks5-udp"


@pytest.fixture
def ruleset(tmp_path):
    def write(text):
        path = tmp_path / "ruleset.lua"
        path.write_text(text)
        return path
    return write


@pytest.mark.parametrize("threads", ["1", "2"])
def test_each_target_is_decided(io, threads, ruleset):
    """A literal goes to `route`, a name to `resolve`; the answer may be another target, or none."""
    with UdpEcho() as good, UdpEcho() as other:
        rules = ruleset(f"""
            local ruleset = {{}}
            function ruleset.route(addr, user, password, request)
                print("route", addr, request.command, request.protocol)
                if addr == "127.0.0.1:{other.port}" then return nil end
                return addr
            end
            function ruleset.resolve(addr)
                print("resolve", addr)
                await.sleep(0.01)
                if addr == "rewritten.test:53" then return "127.0.0.1:{good.port}" end
                return await.forward("127.0.0.1:{good.port}")
            end
            return ruleset""")
        with Proxy(UDP, "-r", rules, "--threads", threads, io=io) as proxy:
            with Association(proxy.address) as association:
                for _ in range(3):
                    association.send(good.address, b"literal")
                    assert association.receive() == ("127.0.0.1", good.port, b"literal")
                association.send(other.address, b"rejected")
                association.send(("rewritten.test", 53), b"rewritten")
                assert association.receive() == ("127.0.0.1", good.port, b"rewritten")
                association.send(("forwarded.test", 53), b"forwarded")
                assert association.receive() == ("127.0.0.1", good.port, b"forwarded")
            proxy.wait_log(r"rejected=1")
        assert other.payloads == []
        asked = [line for line in proxy.text().splitlines() if line.startswith("route")]
        # Once each, not once a datagram.
        assert asked == [f"route\t127.0.0.1:{good.port}\tudp_associate\tsocks5",
                         f"route\t127.0.0.1:{other.port}\tudp_associate\tsocks5"]


def test_the_policy_stands_behind_the_rules(io, ruleset):
    """A target that the rules leave as it is remains the client's: no listener of ours."""
    rules = ruleset("""
        local ruleset = {}
        function ruleset.route(addr) return addr end
        function ruleset.resolve(addr) return addr end
        return ruleset""")
    with UdpEcho() as target, Dns({"name.test": Name(["127.0.0.1"])}) as dns:
        with Proxy(UDP, "-r", rules, "--nameserver", dns.address_text, io=io) as proxy:
            with Association(proxy.address) as association, Association(proxy.address) as second:
                association.send(second.relay, b"another association")
                association.send(("name.test", target.port), b"by name")
                assert association.receive() == ("127.0.0.1", target.port, b"by name")
            proxy.wait_log(r"blocked=1")
