"""Measures whether two heavy flows use two workers alike.

Two workers, one download through each of two tunnels; then the CPU time of both workers' threads in
the same second. They are balanced if the lazier one has at least 80 % of the busier one's. A flow
that shares its worker with the other shows as a ratio near zero. Twenty runs, each with a fresh
proxy: how the kernel spreads connections is chance, what we make of it must not be.
"""

import argparse
import json
import os
import sys
import time

import compare
import machine
import peers as peers_module
import report
import runner as runner_module
import scenarios as scenarios_module
from scenarios import ANY, Scenario

BALANCED = 0.8
SCENARIO = "balance"


def thread_seconds(pid):
    """CPU seconds by thread; the kernel counts nanoseconds here."""
    seconds = {}
    directory = f"/proc/{pid}/task"
    for thread in os.listdir(directory):
        with open(f"{directory}/{thread}/schedstat") as f:
            seconds[thread] = int(f.read().split()[0]) / 1e9
    return seconds


def busiest_two(before, after):
    spent = sorted((after[t] - before.get(t, 0) for t in after), reverse=True)
    return (spent + [0.0, 0.0])[:2]


class BalanceRunner(runner_module.Runner):
    """As in the comparison, and looks at the threads while the load runs."""

    def generate(self, command, directory=None, nofile=None):
        pid = int(command[command.index("--pid") + 1])
        generator = runner_module.Process(command, cpu=None)
        try:
            time.sleep(self.args.warmup + 0.2)
            before = thread_seconds(pid)
            time.sleep(self.args.duration)
            self.spent = busiest_two(before, thread_seconds(pid))
        finally:
            generator.stop()
        return {"errors": 0, "foreign_pct": 0, "steal_pct": 0}


def parse_arguments(argv):
    ap = argparse.ArgumentParser(prog="bench/balance", description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--times", type=int, default=20)
    ap.add_argument("--json", metavar="FILE",
                    help="default: bench/balance.json in the build directory")
    args, rest = ap.parse_known_args(argv)
    run = compare.parse_arguments(rest)
    run.duration, run.warmup = min(run.duration, 1.0), 0.5
    run.all_cores, run.load_threads = True, 1
    args.json = args.json or f"{run.kept}balance.json"
    return args, run


def measure(args, run_args):
    """engine -> [lazier ÷ busier]."""
    peers = {engine: peers_module.neosocksd(run_args.binary, f"--threads 2 --io {engine}")
             for engine in ("uring", "epoll")}
    # The generator is ended when we have looked long enough.
    scenarios_module.SCENARIOS[SCENARIO] = Scenario(
        "down", ANY, "--conns 2 --size 131072 --duration 60")
    runner = BalanceRunner(run_args, peers)
    ratios = {engine: [] for engine in peers}
    for number in range(args.times):
        for engine in peers:
            runner.run(engine, SCENARIO)
            busier, lazier = runner.spent
            ratios[engine].append(lazier / busier if busier else 0.0)
        compare.log(f"[{number + 1}/{args.times}] " + ", ".join(
            f"{engine} {values[-1]:.2f}" for engine, values in ratios.items()))
    return ratios


def balance_table(ratios):
    rows = []
    for engine, values in ratios.items():
        good = sum(value >= BALANCED for value in values)
        rows.append([engine, f"{good} of {len(values)}", f"{min(values):.2f}",
                     f"{sorted(values)[len(values) // 2]:.2f}",
                     " ".join(f"{value:.2f}" for value in values)])
    head = ["engine", f"runs at {BALANCED} or more", "lowest", "median",
            "lazier ÷ busier worker, by run"]
    return report.table(head, rows)


def main(argv=None):
    args, run_args = parse_arguments(argv)
    runner_module.build_tools(run_args.build_dir)
    if run_args.netns:
        machine.enter_fresh_netns(run_args.congestion)
    ratios = measure(args, run_args)
    print(f"## Two heavy flows, two workers\n\n{balance_table(ratios)}")
    os.makedirs(os.path.dirname(os.path.abspath(args.json)), exist_ok=True)
    with open(args.json, "w") as f:
        json.dump({"meta": machine.describe(), "ratios": ratios}, f, indent=1)
    compare.log(f"kept in {args.json}")


if __name__ == "__main__":
    sys.exit(main())
