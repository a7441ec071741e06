"""Tests of the comparison itself: that the ratios mean what the tables say, that trouble shows, and
that the load generator finds what a backend does. Run with pytest; needs no proxy and no root.
"""

import json
import os
import socket
import string
import subprocess
import sys
import time
import xml.dom.minidom

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import balance  # noqa: E402
import chart  # noqa: E402
import compare  # noqa: E402
import document  # noqa: E402
import growth  # noqa: E402
import peers  # noqa: E402
import report  # noqa: E402
import results as results_module  # noqa: E402
import runner  # noqa: E402
import scenarios  # noqa: E402
import sets  # noqa: E402

META = {"noise_limit_pct": 15, "cpu": "CPU", "cpus": 2, "kernel": "6.1", "congestion": "cubic",
        "date": "2026-01-01 00:00:00", "rounds": 3, "duration": 3, "warmup": 1,
        "all_cores": False, "proxy_cpu": 0, "load_cpu": 1}


def run(peer, cpu, scenario="cps-socks5", **more):
    return {"label": peer, "scenario": scenario, "protocol": "socks5", "conns": 64, "errors": 0,
            "foreign_pct": 0, "cpu_us_per_session": cpu, "sessions_per_s": 1000.0,
            "lat_p50_us": 100.0, "lat_p99_us": 200.0, **more}


def results_of(*runs):
    made = results_module.Results(META)
    made.runs = list(runs)
    return made


def test_a_ratio_is_ours_over_theirs_for_each_backend():
    medians = results_of(run("neosocksd-uring", 10.0), run("neosocksd-epoll", 15.0),
                         run("danted", 20.0)).medians()
    figure = scenarios.cost("cps-socks5")
    assert report.ratios(medians, "cps-socks5", "danted", figure) == [0.5, 0.75]
    summary = report.summary_table(medians, ["cps-socks5"], ["neosocksd-uring", "danted"])
    assert "0.50 / 0.75" in summary


def test_a_missing_backend_leaves_a_gap():
    medians = results_of(run("neosocksd-epoll", 15.0), run("danted", 20.0)).medians()
    values = report.ratios(medians, "cps-socks5", "danted", scenarios.cost("cps-socks5"))
    assert report.show_ratios(values) == "– / 0.75"


def test_memory_that_does_not_grow_makes_no_ratio():
    assert report.ratio(400, 4, least=64) is None
    assert report.ratio(0, 400) is None


def test_noisy_runs_are_left_out_of_a_median_when_most_are_quiet():
    runs = [run("danted", 10.0), run("danted", 11.0), run("danted", 99.0, foreign_pct=80)]
    assert results_module.median_of(runs, 15)["cpu_us_per_session"] == 10.5
    noisy = [run("danted", 10.0), *(run("danted", 20.0, foreign_pct=80) for _ in range(2))]
    median = results_module.median_of(noisy, 15)
    assert median["cpu_us_per_session"] == 20.0 and median["foreign_max_pct"] == 80


def test_errors_and_missing_tunnels_mark_a_ratio_and_keep_it_out_of_the_chart():
    results = results_of(run("neosocksd-uring", 10.0), run("danted", 20.0, errors=3),
                         run("microsocks", 20.0, tunnels=60), run("good", 20.0))
    names = ["neosocksd-uring", "danted", "microsocks", "good"]
    text = report.render(results, ["cps-socks5"], names)
    assert text.count("0.50 / –†") == 2 and "not a fair comparison" in text
    assert chart.panels_of(results) == [("cps-socks5", [("good", [0.5, None])])]


def median(**more):
    return {"errors": 0, "conns": 64, **more}


def test_a_goal_is_met_or_missed_by_each_engine():
    medians = {("cps-socks5", "neosocksd-uring"): median(cpu_us_per_session=52.0),
               ("cps-socks5", "neosocksd-epoll"): median(cpu_us_per_session=53.0),
               ("cps-socks5", "microsocks"): median(cpu_us_per_session=100.0)}
    text = report.reach_table(medians)
    assert len(text.split("\n")) == 3  # what was not measured is no row
    assert "0.52 |  0.53 | met / missed" in text


def test_latency_is_compared_with_the_best_peer():
    medians = {("rr-1", "neosocksd-uring"): median(lat_p50_us=30, lat_p99_us=60),
               ("rr-1", "danted"): median(lat_p50_us=60, lat_p99_us=50),
               ("rr-1", "pen"): median(lat_p50_us=40, lat_p99_us=90),
               ("rr-1", "floor-epoll"): median(lat_p50_us=10, lat_p99_us=10)}
    text = report.reach_table(medians)
    p50, p99 = text.split("\n")[2:]
    assert "best: pen" in p50 and "0.75 |     – |    met / –" in p50
    assert "best: danted" in p99 and "1.20 |     – | missed / –" in p99


def test_rules_are_compared_with_the_same_engine_without():
    medians = {("cps-socks5", "neosocksd-uring"): median(cpu_us_per_session=10.0),
               ("cps-socks5", "rules-library-uring"): median(cpu_us_per_session=12.0),
               ("cps-socks5", "neosocksd-epoll"): median(cpu_us_per_session=20.0),
               ("cps-socks5", "rules-library-epoll"): median(cpu_us_per_session=30.0),
               ("start", "rules-library-uring"): median(rss_start_kib=9 * 1024)}
    assert "1.20 |  1.50 | met / missed" in report.reach_table(medians)
    assert "9.00 |     – |   missed / –" in report.reach_table(medians)


def test_the_floor_is_the_cheaper_of_the_two():
    medians = {("cps-socks5", "neosocksd-uring"): median(cpu_us_per_session=30.0),
               ("cps-socks5", peers.FLOOR[0]): median(cpu_us_per_session=25.0),
               ("cps-socks5", peers.FLOOR[-1]): median(cpu_us_per_session=20.0)}
    assert "1.50 / –" in report.floor_table(medians, ["cps-socks5"])
    peers_ = ["neosocksd-uring", "floor-epoll", "floor-uring"]
    assert report.summary_table(medians, ["cps-socks5"], peers_) == ""  # it is no peer


def test_the_chart_is_well_formed():
    results = results_of(run("neosocksd-uring", 10.0), run("neosocksd-epoll", 90.0),
                         run("danted", 20.0))
    xml.dom.minidom.parseString(chart.render(results))


def test_results_survive_saving(tmp_path):
    results = results_of(run("danted", 20.0, round=0))
    results.save(str(tmp_path / "r.json"))
    again = results_module.load(str(tmp_path / "r.json"))
    assert again.runs == results.runs and again.done() == {("cps-socks5", "danted", 0)}


def test_a_document_is_filled_where_there_are_figures(tmp_path):
    results_of(run("neosocksd-uring", 10.0), run("danted", 20.0)).save(
        str(tmp_path / "one-core.json"))
    (tmp_path / "growth.json").write_text(json.dumps({"runs": [
        run("neosocksd-uring", 30.0, mode="cps", table="rules", row="100", column="name")]}))
    page = tmp_path / "page.md"
    page.write_text("".join(f"<!-- measured: {name} -->\nold {name}\n<!-- end -->\n"
                            for name in ("ratio-one-core", "growth-rules", "sizes")))
    document.main(["--results", str(tmp_path), "--doc", str(page)])
    text = page.read_text()
    assert "0.50 / –" in text and "30.0" in text and "old sizes" in text
    assert "old ratio-one-core" not in text and text.count("<!-- end -->") == 3
    xml.dom.minidom.parse(str(tmp_path / "page.svg"))


def test_our_document_asks_for_every_table_there_is():
    with open(os.path.join(peers.ROOT, "docs/performance.md")) as f:
        asked = [match[2] for match in document.BLOCK.finditer(f.read())]
    assert sorted(asked) == sorted(document.BLOCKS)


def test_workers_are_balanced_by_their_own_time():
    before, after = {"1": 5.0, "2": 1.0}, {"1": 5.5, "2": 2.0, "3": 0.1}
    assert balance.busiest_two(before, after) == [1.0, 0.5]
    assert "1 of 2" in balance.balance_table({"epoll": [0.79, 0.8]})


def test_lists_of_rules_have_the_size_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(growth, "ENTRIES", (1, 1000))
    growth.write_lists(str(tmp_path))
    for kind, last in (("address", "127.0.0.0/8"), ("name", growth.NAME)):
        for entries in growth.ENTRIES:
            lines = (tmp_path / f"{kind}-{entries}").read_text().split()
            assert len(set(lines)) == entries and lines[-1] == last


def test_every_cell_of_growth_has_its_program():
    known = growth.growth_peers("neosocksd", "/lists")
    assert all(cell.peer in known for cell in growth.all_cells())
    assert {cell.table for cell in growth.all_cells()} == set(growth.TITLES)


def test_the_static_build_finds_its_archives(tmp_path):
    subprocess.run(["cmake", "--preset", "static", "-B", str(tmp_path)], cwd=peers.ROOT,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True, timeout=60)
    rules = (tmp_path / "build.ninja").read_text()
    for archive in ("liburing.a", "libcares.a", "libz.a", "libmaxminddb.a", "liblua5.4-c++.a"):
        assert f"/{archive}" in rules
    assert "-static-pie" in rules and "libfmt" not in rules


def test_every_template_can_be_filled_in():
    values = dict.fromkeys(("port", "target", "thost", "tport", "tmp", "unique", "user", "workers",
                            "nofile", "mode"), "x")
    for peer in peers.all_peers("/bin/true", all_cores=True).values():
        for text in [*peer.commands.values(), *peer.files.values()]:
            string.Template(text).substitute(values)


def test_ours_is_pinned_to_one_thread_unless_all_cores_are_compared():
    def command(all_cores):
        return peers.all_peers("neosocksd", all_cores)["neosocksd-epoll"].commands["socks5"]
    assert command(False).endswith("--loglevel 2 --threads 1 --io epoll")
    assert command(True).endswith("--loglevel 2 --io epoll")


def test_a_prefix_selects_the_default_scenarios_of_a_group():
    assert scenarios.choose("idle,rr-1") == ["idle-3000", "idle-9000", "rr-1"]
    with pytest.raises(SystemExit):
        scenarios.choose("nonsense")


@pytest.fixture(scope="module")
def proxybench(tmp_path_factory):
    return runner.build_tool(str(tmp_path_factory.mktemp("build")), "proxybench")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def backend(proxybench):
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen([proxybench, "backend", "--listen", address],
                               stderr=subprocess.PIPE, text=True)
    process.stderr.readline()  # "listening"
    yield address, process.pid
    process.terminate()
    process.wait()
    process.stderr.close()


@pytest.mark.parametrize("mode,key", [("cps", "sessions_per_s"), ("rr", "rt_per_s"),
                                      ("up", "gbit_per_s"), ("down", "gbit_per_s"),
                                      ("idle", "tunnels")])
def test_the_generator_measures_a_backend(proxybench, backend, mode, key):
    address, pid = backend
    done = subprocess.run(
        [proxybench, "run", "--target", address, "--mode", mode, "--conns", "4", "--duration",
         "0.1", "--warmup", "0.05", "--backend-pid", str(pid), "--pid", str(pid)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30, check=True)
    result = json.loads(done.stdout)
    assert result["errors"] == 0 and result[key] > 0


def test_a_rate_is_kept(proxybench, backend):
    address, _ = backend
    done = subprocess.run(
        [proxybench, "run", "--target", address, "--mode", "cps", "--conns", "4", "--rate", "100",
         "--duration", "0.5", "--warmup", "0.1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30, check=True)
    result = json.loads(done.stdout)
    assert result["errors"] == 0 and 0 < result["sessions_per_s"] < 130


def test_an_operation_that_never_ends_is_an_error(proxybench):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        done = subprocess.run(
            [proxybench, "run", "--target", address, "--mode", "cps", "--conns", "2",
             "--duration", "0.1", "--warmup", "0.1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30, check=True)
    assert json.loads(done.stdout)["err_stalled"] == 2 and time.monotonic() - started < 10


@pytest.fixture(scope="module")
def floor(tmp_path_factory):
    return runner.build_tool(str(tmp_path_factory.mktemp("build")), "floor")


@pytest.mark.parametrize("engine,protocol,mode,key", [
    ("epoll", "socks5", "cps", "sessions_per_s"), ("epoll", "forward", "cps", "sessions_per_s"),
    ("epoll", "socks5", "rr", "rt_per_s"), ("epoll", "socks5", "down", "gbit_per_s"),
    ("epoll", "socks5", "up", "gbit_per_s"), ("uring", "socks5", "rr", "rt_per_s"),
    ("uring", "forward", "rr", "rt_per_s")])
def test_the_floor_relays(floor, proxybench, backend, engine, protocol, mode, key):
    target, _ = backend
    address = f"127.0.0.1:{free_port()}"
    command = [floor, engine, mode, address] + ([target] if protocol == "forward" else [])
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        if not runner.answers_within(int(address.rpartition(":")[2]), 10, process):
            assert engine == "uring"  # which not every kernel permits
            pytest.skip(process.stderr.read())
        done = subprocess.run(
            [proxybench, "run", "--proxy", f"{protocol}://{address}", "--target", target, "--mode",
             mode, "--conns", "4", "--duration", "0.1", "--warmup", "0.05"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30, check=True)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    result = json.loads(done.stdout)
    assert result["errors"] == 0 and result[key] > 0


def test_a_start_ends_when_a_greeting_is_answered(proxybench, tmp_path):
    port = free_port()
    program = tmp_path / "server.py"
    program.write_text(
        "import socket\n"
        f"with socket.create_server(('127.0.0.1', {port})) as server:\n"
        "    while True:\n"
        "        peer = server.accept()[0]\n"
        "        peer.send(b'\\5\\0' if peer.recv(3) == b'\\5\\1\\0' else b'no')\n")
    done = subprocess.run(
        [proxybench, "start", "--listen", f"127.0.0.1:{port}", "--greet", "yes", "--times", "2",
         "--", sys.executable, "-S", str(program)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=True)
    result = json.loads(done.stdout)
    assert result["starts"] == 2 and result["start_ms"] >= result["connected_ms"] > 0
    assert result["rss_start_kib"] > 1000


def test_a_program_that_does_not_start_is_no_result(proxybench):
    done = subprocess.run(
        [proxybench, "start", "--listen", f"127.0.0.1:{free_port()}", "--", "/bin/false"],
        stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 2 and "ended at once" in done.stderr


def test_addresses_beyond_loopback_are_refused(proxybench):
    done = subprocess.run([proxybench, "run", "--target", "192.0.2.1:80"],
                          stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 2 and "only 127.0.0.0/8" in done.stderr


def test_the_table_of_sets_divides_by_what_was_kept():
    measured = {"set": "domain", "given": 200, "kept": 100, "text_bytes": 1500, "bytes": 900,
                "heap_bytes": 950, "build_peak_bytes": 5000, "file_s": 0.25, "gzip_s": 0.5,
                "table_s": 0.25, "hit_ns": 300.4, "miss_ns": 200, "lua_ns": 400}
    mapped = dict.fromkeys(measured, 0) | {"set": "geoip", "kept": 7, "hit_ns": 216}
    text = sets.render([measured, mapped])
    lines = text.split("\n")[4:6]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["domain", "100", "15.0", "9.5", "50.0", "0.25", "0.50", "0.25", "300",
                        "200", "400"]
    assert cells[1] == ["geoip", "7", *["–"] * 6, "216", "–", "–"]
