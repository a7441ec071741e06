"""/stats, /metrics and /healthy: labels and units as scrapers know them, numbers that are right."""

import json
import re
import subprocess

import pytest

from support import clients, data, net, servers
from support.api import Api, inflated
from support.http_origin import OK, read_response
from support.process import Child, program
from support.proxy import Proxy

RULESET = """
return {
    resolve = function(addr) if addr:match("^no") then return nil end return addr end,
    route = function(addr) return addr end,
    stats = function(dt, q) return ("dt=%s q=%s\\n"):format(math.type(dt), tostring(q)) end,
    metrics = function() return "# TYPE mine gauge\\nmine 1\\n" end,
    healthy = function() return sick end,
}
"""
LINES = """\
Server Time         : \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d[+-]\\d{4}
Uptime              : [\\d.]+(ms|s|µs)
Num Sessions        : 0 \\(\\+0\\)
Conn Accepts        : 0 \\(\\+0\\)
Requests            : 0 \\(\\+0\\)
API Requests        : 0 \\(\\+1\\)
Name Resolves       : 0 \\(\\+0\\)
Traffic             : Up 0, Down 0
"""
ALLOCATED = r"Ruleset Allocated   : [\d.]+KiB \([\d.]+k? objects\)\n"
BANNER = r"neosocksd \S+\n  https://github\.com/hexian000/neosocksd\n\n"
RATES = """\
Accept Rate         : 0.0/s \\(\\+0.0/s\\)
Request Rate        : 0.0/s
API Request Rate    : [\\d.]+/s
Bandwidth           : Up 0/s, Down 0/s
Server Load         : """


def start(io, tmp_path=None, *args):
    if tmp_path:
        (tmp_path / "r.lua").write_text(RULESET)
        args += ("-r", tmp_path / "r.lua")
    return Proxy("--api", "127.0.0.1:0", "--threads", "2", *args, io=io)


def test_text_is_that_of_1_4_2(io):
    with start(io) as proxy:
        answer = Api(proxy).get("/stats")
    assert re.fullmatch(BANNER + LINES, answer.body.decode()), answer.body.decode()
    assert [name for name, _ in answer.fields] == [
        "Date", "Connection", "Content-Type", "X-Content-Type-Options", "Cache-Control",
        "Content-Length"]
    assert answer.get("Content-Type") == ["text/plain; charset=utf-8"]
    assert answer.get("X-Content-Type-Options") == ["nosniff"]
    assert answer.get("Cache-Control") == ["no-store"]


def test_post_adds_rates_and_the_rulesets_text(io, tmp_path):
    with start(io, tmp_path) as proxy:
        api = Api(proxy)
        answer = api.post("/stats?q=a+b%3D")
        body = answer.body.decode()
        lines = LINES + ALLOCATED + RATES
        assert re.fullmatch(BANNER + lines + r"\(unknown\)\ndt=float q=a b=\n", body), body
        assert not answer.get("Cache-Control")
        again = api.post("/stats?nobanner=1").body.decode()
        assert re.search(r"Server Load         : [\d.]+%\ndt=float q=nil\n$", again), again
        assert again.startswith("Server Time")


def test_post_as_json(io, tmp_path):
    with start(io, tmp_path) as proxy:
        api = Api(proxy)
        api.get("/healthy")
        said = json.loads(api.post("/stats?q=x", b"", "Accept: application/json").body)
        assert round(said["rates"]["api_requests"] * said["rates"]["seconds"]) == 2
        assert said["sessions"]["established"] == 0
        assert said["rates"]["api_requests"] > 0 == said["rates"]["up_bytes"]
        assert said["ruleset_stats"] == "dt=float q=x\n"
        # The rates are since that request: only the next one is in them.
        again = json.loads(api.post("/stats", b"", "Accept: application/json").body)
        assert round(again["rates"]["api_requests"] * again["rates"]["seconds"]) == 1
        assert again["uptime_seconds"] >= said["uptime_seconds"] + again["rates"]["seconds"] - 1e-6
        only = api.post("/stats?server=0", b"", "Accept: application/json").body
        assert json.loads(only) == {"ruleset_stats": "dt=float q=nil\n"}


def test_rules_without_stats_say_nothing(io, tmp_path):
    """lua.md, quirk 19: 1.4.2 put an error's text there."""
    (tmp_path / "none.lua").write_text("return {}")
    with start(io, None, "-r", tmp_path / "none.lua") as proxy:
        assert Api(proxy).post("/stats?server=0").body == b""
        assert proxy.count_log("ruleset.stats") == 0


def test_query_selects_what_is_reported(io, tmp_path):
    with start(io, tmp_path) as proxy:
        api = Api(proxy)
        assert api.get("/stats?server=0").get("Content-Length") == ["0"]
        assert api.post("/stats?server=off&q=1").body == b"dt=float q=1\n"
        assert api.get("/stats?nobanner=true").body.startswith(b"Server Time")
        assert api.get("/stats?nobanner").body.startswith(b"neosocksd")
        assert api.get("/stats?x=y&&").status == 200
        assert inflated(api.get("/stats?server=1", "Accept-Encoding: deflate")).startswith(b"neos")


def test_requests_are_counted_once(io, tmp_path, echo):
    with start(io, tmp_path) as proxy:
        api = Api(proxy)
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)
            assert api.stat("Num Sessions") == "1 (+0)"
            assert api.stat("Requests") == "1 (+0)"
        clients.expect_refusal(proxy.address, ("no.test", 80), "socks5", 1)
        net.wait_for(lambda: api.stat("Num Sessions") == "0 (+0)", "the sessions to end")
        assert api.stat("Requests") == "1 (+1)"
        assert api.stat("Conn Accepts") == "2 (+0)"
        metrics = read_metrics(api)
        assert metrics['outcomes_total{outcome="established"}'] == 1
        assert metrics["rejects_ruleset_total"] == 1
        assert metrics["session_seconds_count"] == 1 == metrics["setup_seconds_count"]
        assert metrics["connect_latency_seconds_count"] == 1
        assert metrics["uplink_bytes_total"] == metrics["downlink_bytes_total"] > 0
        assert metrics['protocol_bytes_total{direction="rx",module="proxy_server"}'] > 10
        assert metrics['protocol_bytes_total{direction="tx",module="proxy_server"}'] > 10
        each = [metrics[f'worker_requests_total{{worker="{i}"}}'] for i in range(2)]
        assert sum(each) == 2


def test_plain_http_requests_are_counted_once(io, tmp_path):
    """Three on one connection, and one that fails: not as sessions besides."""
    with start(io, tmp_path) as proxy, servers.Listener() as origin:
        api = Api(proxy)
        with net.connect(proxy.address) as sock:
            for _ in range(3):
                sock.sendall(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
                with origin.accept() as upstream:
                    net.recv_until(upstream, b"\r\n\r\n")
                    upstream.sendall(OK)
                    assert read_response(sock).body == b"ok"
            sock.sendall(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n\r\n" % origin.port)
            with origin.accept() as upstream:
                net.recv_until(upstream, b"\r\n\r\n")
                upstream.sendall(b"no HTTP at all\r\n\r\n")
                assert read_response(sock).status == 502
        net.wait_for(lambda: api.stat("Num Sessions") == "0 (+0)", "the session to end")
        metrics = read_metrics(api)
        assert metrics["requests_total"] == 4
        assert metrics["requests_success_total"] == metrics["http_forwarded_total"] == 3
        assert metrics["http_failed_total"] == 1
        assert metrics['outcomes_total{outcome="established"}'] == 0


def test_json_says_the_same(io, tmp_path, echo):
    with start(io, tmp_path) as proxy:
        api = Api(proxy)
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)
            # A worker counts what it has sent a moment after it has arrived.
            net.wait_for(lambda: api.stat("Traffic") == "Up 4B, Down 4B", "the bytes to be counted")
            answer = api.get("/stats", "Accept: text/html, application/json;q=0.9")
        assert answer.get("Content-Type") == ["application/json"]
        stats = json.loads(answer.body)
        assert stats["sessions"] == {"established": 1, "half_open": 0, "peak": 1}
        assert stats["requests"]["succeeded"] == 1
        assert stats["outcomes"]["established"] == 1
        assert stats["traffic"] == {"up_bytes": 4, "down_bytes": 4}
        assert [worker["engine"] for worker in stats["workers"]] == [io, io]
        assert stats["ruleset"]["objects"] > 100
        assert api.get("/stats", "Accept: */*").get("Content-Type") == ["text/plain; charset=utf-8"]


def read_metrics(api):
    lines = api.get("/metrics").body.decode().splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name.removeprefix("neosocksd_"): float(value) for name, value in pairs}


@pytest.mark.parametrize("end", [None, "", "\\n"], ids=["no rules", "no newline", "newline"])
def test_metrics_pass_promtool(io, tmp_path, echo, end):
    promtool = program("promtool", "prometheus")
    rules = end is not None
    if rules:
        (tmp_path / "m.lua").write_text(
            'local ruleset = { metrics = function() return "# HELP mine A number.\\n'
            f'# TYPE mine gauge\\nmine 1{end}" end }}\n'
            "function ruleset.route(addr) return addr end\nreturn ruleset")
    with start(io, None, *(("-r", tmp_path / "m.lua") if rules else ())) as proxy:
        with clients.open_tunnel(proxy.address, echo.address) as sock:
            data.ping(sock)
        answer = Api(proxy).get("/metrics")
    assert answer.get("Content-Type") == ["text/plain; version=0.0.4; charset=utf-8"]
    assert answer.get("Cache-Control") == ["no-store"]
    assert answer.body.endswith(b"\nmine 1\n") == rules
    done = subprocess.run([promtool, "check", "metrics"], input=answer.body, capture_output=True)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    assert done.stdout + done.stderr == b""


def test_prometheus_scrapes(io, tmp_path, echo):
    prometheus = program("prometheus", "prometheus")
    with start(io) as proxy:
        api = Api(proxy)
        (tmp_path / "p.yml").write_text(
            "scrape_configs:\n  - job_name: proxy\n    scrape_interval: 1s\n    static_configs:\n"
            f"      - targets: ['127.0.0.1:{api.address[1]}']\n")
        port = net.free_port()
        with Child([prometheus, f"--config.file={tmp_path}/p.yml",
                    f"--storage.tsdb.path={tmp_path}/data",
                    f"--web.listen-address=127.0.0.1:{port}"]):
            asked = ("GET", f"http://127.0.0.1:{port}/api/v1/query?query=neosocksd_uptime_seconds")

            def result():
                try:
                    text = subprocess.run(["curl", "-s", asked[1]], capture_output=True).stdout
                    return json.loads(text)["data"]["result"]
                except (ValueError, KeyError):
                    return None

            found = net.wait_for(result, "a scrape", 60 * net.SCALE)
            assert float(found[0]["value"][1]) > 0


def test_healthy_tells_what_the_ruleset_says(io, tmp_path):
    with start(io, tmp_path) as proxy:
        api = Api(proxy)
        assert api.get("/healthy").status == 200
        assert api.invoke("_G.sick = 'no upstream'").status == 200
        answer = api.get("/healthy")
        assert (answer.status, answer.body) == (503, b"no upstream")
        assert answer.get("Content-Type") == ["text/plain; charset=utf-8"]
        assert api.invoke("_G.sick = ''").status == 200
        assert api.get("/healthy").status == 200


def test_healthy_is_not_while_sessions_drain(io, echo):
    with start(io, None, "--drain", "30") as proxy:
        api = Api(proxy)
        sock = clients.open_tunnel(proxy.address, echo.address)
        data.ping(sock)
        proxy.signal(15)
        proxy.wait_log("server shutdown gracefully")
        answer = api.get("/healthy")
        assert (answer.status, answer.body) == (503, b"the server is shutting down")
        assert api.stat("Num Sessions") == "1 (+0)"
        data.ping(sock)
        sock.close()
        proxy.expect_exit(0)


def test_an_idle_connection_does_not_hold_up_the_end(io):
    with start(io) as proxy:
        api = Api(proxy)
        with api.connect() as idle, api.connect() as half:
            half.sendall(b"POST /ruleset/invoke HTTP/1.1\r\n")
            idle.sendall(b"GET /healthy HTTP/1.1\r\n\r\n")
            net.recv_until(idle, b"\r\n\r\n")
            with net.Stopwatch() as watch:
                proxy.signal(15)
                proxy.expect_exit(0)
                assert watch.elapsed() < 4 * net.SCALE
            assert net.recv_all(idle) == b""
