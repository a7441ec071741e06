"""Measures how the cost grows: with tunnels, rates, clients at a time, rules, and workers.

One run a cell, on a quiet machine some minutes in all. The proxy has one core for itself, except
where workers are counted. Keeps its results in build/bench/growth.json and prints tables; see
bench/README.md.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import dataclass

import compare
import machine
import peers as peers_module
import report
import runner as runner_module
import scenarios as scenarios_module
from scenarios import ANY, Scenario

SOCKS = ("socks5", "direct")


@dataclass(frozen=True)
class Cell:
    table: str
    row: str
    column: str  # what the reader sees: a program, or what it does
    peer: str
    scenario: Scenario
    all_cores: bool = False


TITLES = {
    "tunnels": "CPU µs a round trip of 64 bytes, all tunnels busy",
    "tunnel-rate": "CPU µs a round trip, by round trips per second through 200 tunnels",
    "sessions": "CPU µs a SOCKS5 session, by clients at a time",
    "session-rate": "CPU µs a SOCKS5 session, by sessions per second",
    "rules": "CPU µs a session, by entries of the set that decides",
    "workers": "CPU (throughput), by workers; generator and backend on the same cores",
}

# Of the first column.
HEADS = {"tunnels": "tunnels", "tunnel-rate": "round trips/s", "sessions": "clients",
         "session-rate": "sessions/s", "rules": "entries", "workers": "workers"}

OURS = {name: name.rpartition("-")[2] for name in peers_module.OURS}
TUNNELS = (1, 10, 100, 1000, 4000, 9000)
TUNNEL_RATES = (1000, 5000, 20_000)
CLIENTS = (1, 8, 64, 512, 2000)
SESSION_RATES = (100, 1000, 4000)
ENTRIES = (1, 100, 10_000, 1_000_000)

# The set decides: what is not in it is refused, and the generator would notice.
BY_ADDRESS = """\
local ruleset = require("libruleset")
_G.route = { { inet.subnet_file("%s"), rule.direct() } }
_G.route_default = { rule.reject(), nil }
return ruleset
"""
BY_NAME = """\
local ruleset = require("libruleset")
_G.redirect_name = { { match.domain_file("%s"), rule.redirect("127.0.0.1:") } }
_G.route_default = { rule.reject(), nil }
return ruleset
"""
NAME = "bench.test"


def programs(extra):
    """(column, peer) of those that take part."""
    return [(OURS[name], name) for name in OURS] + [(name, name) for name in extra]


def cells_of_tunnels():
    for count in TUNNELS:
        scenario = Scenario("rr", ANY, f"--conns {count} --size 64 --setup-timeout 40")
        for column, peer in programs(["haproxy"]):
            yield Cell("tunnels", f"{count:,}", column, peer, scenario)
    for rate in TUNNEL_RATES:
        scenario = Scenario("rr", ANY, f"--conns 200 --size 64 --rate {rate}")
        for column, peer in programs(["haproxy"]):
            yield Cell("tunnel-rate", f"{rate:,}", column, peer, scenario)


def cells_of_sessions():
    for count in CLIENTS:
        for column, peer in programs(["microsocks"]):
            yield Cell("sessions", f"{count:,}", column, peer,
                       Scenario("cps", SOCKS, f"--conns {count}"))
    for rate in SESSION_RATES:
        for column, peer in programs(["microsocks"]):
            yield Cell("session-rate", f"{rate:,}", column, peer,
                       Scenario("cps", SOCKS, f"--conns 64 --rate {rate}"))


def cells_of_rules():
    by_name = Scenario("cps", SOCKS, f"--conns 64 --target-host {NAME}")
    by_address = Scenario("cps", SOCKS, "--conns 64")
    for column, peer in programs([]):
        yield Cell("rules", "no rules", f"address, {column}", peer, by_address)
        for entries in ENTRIES:
            for kind, scenario in (("address", by_address), ("name", by_name)):
                yield Cell("rules", f"{entries:,}", f"{kind}, {column}",
                           f"{kind}-{entries}-{column}", scenario)


def cells_of_workers():
    cpus = len(os.sched_getaffinity(0))
    for count in sorted({1, 2, cpus}):
        for unit, scenario in (("session", Scenario("cps", SOCKS, "--conns 64")),
                               ("round trip", Scenario("rr", ANY, "--conns 200 --size 64")),
                               ("GB", Scenario("down", ANY, "--conns 16 --size 131072"))):
            for column, _ in programs([]):
                yield Cell("workers", str(count), f"{unit}, {column}", f"{count}-{column}",
                           scenario, all_cores=True)


def all_cells():
    return [*cells_of_tunnels(), *cells_of_sessions(), *cells_of_rules(), *cells_of_workers()]


def write_lists(directory):
    """The lists that rules are made of, by kind and size. The entry that counts comes last."""
    for entries in ENTRIES:
        with open(os.path.join(directory, f"address-{entries}"), "w") as f:
            for i in range(entries - 1):
                # Scattered over 10.0.0.0/8, no two alike or adjacent for long.
                address = 0x0a000000 | i * 9_999_991 % (1 << 24)
                f.write(f"10.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}\n")
            f.write("127.0.0.0/8\n")
        with open(os.path.join(directory, f"name-{entries}"), "w") as f:
            for i in range(entries - 1):
                f.write(f"host{i * 7_919 % 1_000_003}.zone{i % 97}.example\n")
            f.write(NAME + "\n")


def growth_peers(binary, lists):
    peers = peers_module.all_peers(binary, all_cores=False)
    for engine in OURS.values():
        base = f"{binary} -l 127.0.0.1:$port --loglevel 2 --io {engine}"
        for kind, text in (("address", BY_ADDRESS), ("name", BY_NAME)):
            for entries in ENTRIES:
                peers[f"{kind}-{entries}-{engine}"] = peers_module.Peer(
                    commands={"socks5": f"{base} --threads 1 -r $tmp/rules.lua"}, program=binary,
                    files={"rules.lua": text % os.path.join(lists, f"{kind}-{entries}")})
        for count in sorted({1, 2, len(os.sched_getaffinity(0))}):
            peers[f"{count}-{engine}"] = peers_module.Peer(
                commands={"socks5": f"{base} --threads {count}"}, program=binary)
    return peers


def show(run):
    """A cell as the reader sees it."""
    if run is None:
        return report.NONE
    cost, throughput = scenarios_module.FIGURES[scenarios_module.kind(run["mode"])][:2]
    text = cost.show(run.get(cost.key))
    if run["table"] == "workers":
        unit = throughput.title.removeprefix("round trips").removeprefix("sessions").strip()
        text += f" ({throughput.show(run.get(throughput.key))} {unit})".replace(" /s", "/s")
    return text + (report.TROUBLE if report.trouble(run) else "")


def trouble_legend(text):
    return f"\n\n{report.TROUBLE} had errors, or did not hold all tunnels." \
        if report.TROUBLE in text else ""


def tables(runs):
    """name -> Markdown."""
    found = {}
    for name in TITLES:
        chosen = {(run["row"], run["column"]): run for run in runs if run["table"] == name}
        rows = list(dict.fromkeys(row for row, _ in chosen))
        columns = list(dict.fromkeys(column for _, column in chosen))
        if rows:
            body = [[row, *(show(chosen.get((row, column))) for column in columns)]
                    for row in rows]
            text = report.table([HEADS[name], *columns], body)
            found[name] = text + trouble_legend(text)
    return found


def render(runs):
    return "\n\n".join(f"## {TITLES[name]}\n\n{text}" for name, text in tables(runs).items())


def parse_arguments(argv):
    ap = argparse.ArgumentParser(prog="bench/growth", description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tables", help=f"comma-separated: {', '.join(TITLES)} (default: all)")
    ap.add_argument("--rows", help="comma-separated: only these rows, such as 1,100")
    ap.add_argument("--json", metavar="FILE", help="default: bench/growth.json in the build "
                    "directory, nowhere for a selection")
    args, rest = ap.parse_known_args(argv)
    for word in (args.tables or "").split(","):
        if word and word not in TITLES:
            ap.error(f"unknown table: {word}")
    # Everything else is as in bench/run: durations, the noise that is bearable, the binary.
    run = compare.parse_arguments(rest)
    if args.json is None and not args.tables and not args.rows:
        args.json = f"{run.kept}growth.json"
    return args, run


def chosen_cells(args, peers):
    wanted = args.tables.split(",") if args.tables else TITLES
    rows = args.rows.split(",") if args.rows else None
    return [cell for cell in all_cells()
            if cell.table in wanted and (not rows or cell.row.replace(",", "") in rows)
            and peers_module.installed(peers[cell.peer])]


def measure(args, run_args, peers, cells):
    runs = []
    runners = {}
    for all_cores in (False, True):
        layout = argparse.Namespace(**vars(run_args))
        layout.all_cores = all_cores
        layout.load_threads = run_args.load_threads or 1
        layout.duration, layout.warmup = min(run_args.duration, 1.5), min(run_args.warmup, 0.5)
        runners[all_cores] = layout, runner_module.Runner(layout, peers)
    for number, cell in enumerate(cells, 1):
        name = f"growth-{cell.table}-{cell.row}"
        scenarios_module.SCENARIOS[name] = cell.scenario
        layout, runner = runners[cell.all_cores]
        head = f"[{number}/{len(cells)}] {cell.table}, {cell.row}, {cell.column}"
        try:
            run = compare.quietest(layout, runner, cell.peer, name)
        except runner_module.Failed as error:
            compare.log(f"{head}: FAILED: {error}")
            continue
        runs.append(run | {"table": cell.table, "row": cell.row, "column": cell.column})
        compare.log(f"{head}: {compare.one_line(run)}")
    return runs


def main(argv=None):
    args, run_args = parse_arguments(argv)
    runner_module.build_tools(run_args.build_dir)
    if run_args.netns:
        machine.enter_fresh_netns(run_args.congestion)
    with tempfile.TemporaryDirectory(prefix="neosocksd-bench-") as lists:
        os.chmod(lists, 0o755)
        write_lists(lists)
        peers = growth_peers(run_args.binary, lists)
        runs = measure(args, run_args, peers, chosen_cells(args, peers))
    print(render(runs))
    if args.json:
        os.makedirs(os.path.dirname(os.path.abspath(args.json)), exist_ok=True)
        with open(args.json, "w") as f:
            json.dump({"meta": machine.describe(), "runs": runs}, f, indent=1)
        compare.log(f"kept in {args.json}")


if __name__ == "__main__":
    sys.exit(main())
