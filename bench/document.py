"""Fills the tables of docs/performance.md, and draws its chart, from what was measured.

A table stands between two comments, <!-- measured: NAME --> and <!-- end -->. What make bench,
bench/growth, bench/balance, bench/sets and scripts/sizes kept in build/bench is looked up there; a
table whose figures are missing stays as it is, and is named.
"""

import argparse
import json
import os
import re
import sys

import balance
import chart
import growth
import peers as peers_module
import report
import results as results_module
import scenarios as scenarios_module
import sets

BLOCK = re.compile(r"(<!-- measured: ([\w-]+) -->\n).*?(<!-- end -->)", re.S)


class Measured:
    """What there is, read when it is asked for; None if it is missing."""

    def __init__(self, directory, prefix):
        self.base = os.path.join(directory, prefix)
        self.cache = {}

    def load(self, name, reader):
        if name not in self.cache:
            path = f"{self.base}{name}.json"
            self.cache[name] = reader(path) if os.path.exists(path) else None
        return self.cache[name]

    def comparison(self, name):
        return self.load(name, results_module.load)

    def json(self, name):
        def read(path):
            with open(path) as f:
                return json.load(f)
        return self.load(name, read)


def with_legend(text, noise):
    return text and "\n\n".join(filter(None, [text, report.legend(text, noise)]))


def of_comparison(name, make):
    """A block made of one comparison by make(medians, scenarios, peers)."""
    def block(measured):
        results = measured.comparison(name)
        if not results:
            return None
        medians = results.medians()
        scenarios = [s for s in scenarios_module.SCENARIOS if any(s == key for key, _ in medians)]
        known = peers_module.all_peers("neosocksd", results.meta["all_cores"])
        labels = dict.fromkeys(peer for _, peer in medians)
        peers = [p for p in known if p in labels] + [p for p in labels if p not in known]
        return with_legend(make(medians, scenarios, peers), results.meta["noise_limit_pct"])
    return block


def introduction(name):
    def block(measured):
        results = measured.comparison(name)
        return results and report.introduction(results.meta)
    return block


def growth_table(name):
    def block(measured):
        data = measured.json("growth")
        return data and growth.tables(data["runs"]).get(name)
    return block


def balance_block(measured):
    data = measured.json("balance")
    return data and balance.balance_table(data["ratios"])


def sets_block(measured):
    data = measured.json("sets")
    return data and report.table(sets.HEAD, [sets.row(run) for run in data])


def sizes_block(measured):
    data = measured.json("sizes")
    return data and report.table(
        ["build", "stripped, bytes", "as .gz"],
        [[size["name"], f"{size['bytes']:,}", f"{size['gzip_bytes']:,}"] for size in data])


def chart_block(measured):
    results = measured.comparison("one-core")
    return results and chart.panels_of(results) and "![CPU, ours ÷ theirs](performance.svg)"


BLOCKS = {
    "machine": introduction("one-core"),
    "goals": of_comparison("one-core", lambda medians, *_: report.reach_table(medians)),
    "chart": chart_block,
    "cost-one-core": of_comparison("one-core", report.cost_table),
    "ratio-one-core": of_comparison("one-core", report.summary_table),
    "latency": of_comparison("one-core", report.latency_table),
    "rules": of_comparison("one-core", lambda m, scenarios, _: report.rules_table(m, scenarios)),
    "memory": of_comparison("one-core", report.memory_table),
    "start": of_comparison("one-core", lambda m, _, peers: report.start_table(m, peers)),
    "floor": of_comparison("one-core", lambda m, scenarios, _: report.floor_table(m, scenarios)),
    "machine-all-cores": introduction("all-cores"),
    "cost-all-cores": of_comparison("all-cores", report.cost_table),
    "ratio-all-cores": of_comparison("all-cores", report.summary_table),
    "balance": balance_block,
    "sets": sets_block,
    "sizes": sizes_block,
} | {f"growth-{name}": growth_table(name) for name in growth.TITLES}


def fill(text, measured):
    """The document with its tables, and the names of those that stayed as they were."""
    missing = []

    def replace(match):
        if match[2] not in BLOCKS:
            raise SystemExit(f"no such table: {match[2]} (known: {', '.join(BLOCKS)})")
        made = BLOCKS[match[2]](measured)
        if not made:
            missing.append(match[2])
            return match[0]
        return f"{match[1]}\n{made}\n\n{match[3]}"

    return BLOCK.sub(replace, text), missing


def main(argv=None):
    ap = argparse.ArgumentParser(prog="bench/document", description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    root = peers_module.ROOT
    ap.add_argument("--results", metavar="DIRECTORY", default=os.path.join(root, "build/bench"),
                    help="default: build/bench")
    ap.add_argument("--prefix", default="", help="of the files' names: quick- for a quick run")
    ap.add_argument("--doc", metavar="FILE", default=os.path.join(root, "docs/performance.md"))
    args = ap.parse_args(argv)
    measured = Measured(args.results, args.prefix)
    with open(args.doc) as f:
        text, missing = fill(f.read(), measured)
    if (results := measured.comparison("one-core")) and chart.panels_of(results):
        chart.write(results, os.path.splitext(args.doc)[0] + ".svg")
    with open(args.doc, "w") as f:
        f.write(text)
    for name in missing:
        print(f"document: nothing measured for: {name}", file=sys.stderr)


if __name__ == "__main__":
    main()
