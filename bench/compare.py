"""Compares neosocksd with other TCP proxies: same scenarios for all, interleaved, nothing shared.

Needs root, for a private network namespace for each measurement; or use --no-netns. All traffic
stays within 127.0.0.0/8. Start it with bench/run; bench/README.md explains the scenarios.
"""

import argparse
import os
import signal
import sys

import chart
import machine
import peers as peers_module
import report
import results as results_module
import runner as runner_module
import scenarios as scenarios_module


def log(message):
    print(message, file=sys.stderr, flush=True)


def parse_arguments(argv):
    ap = argparse.ArgumentParser(prog="bench/run", description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    length = ap.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true",
                        help="1 round of 1 s: enough to see that things work, and rough ratios")
    length.add_argument("--full", action="store_true",
                        help="3 rounds of 2.5 s: the default, unless BENCH=quick is set")
    ap.add_argument("--scenarios", help="comma-separated; cps, rr, down, up, idle select a group")
    ap.add_argument("--peers", help="comma-separated; +NAME adds to the default")
    ap.add_argument("--build-dir", default=os.path.join(peers_module.ROOT, "build"),
                    help="where neosocksd and proxybench are (default: build)")
    ap.add_argument("--binary", help="the program under test, if it is elsewhere")
    ap.add_argument("--all-cores", action="store_true",
                    help="not pinned; every program with as many threads as it offers")
    ap.add_argument("--both", action="store_true",
                    help="first pinned to one core, then on all cores: what make bench does")
    ap.add_argument("--json", metavar="FILE",
                    help="keep all runs and medians here; by default bench/one-core.json or "
                    "all-cores.json in the build directory, quick-... if quick, and nowhere if "
                    "scenarios or peers were chosen")
    ap.add_argument("--resume", action="store_true", help="keep the runs already in that file")
    ap.add_argument("--md", metavar="FILE", help="write the tables here too")
    ap.add_argument("--svg", metavar="FILE", help="draw the summary here, e.g. bench.svg")
    ap.add_argument("--list", action="store_true", help="list peers and scenarios, measure nothing")
    fine = ap.add_argument_group("finer control")
    fine.add_argument("--rounds", type=int)
    fine.add_argument("--duration", type=float, help="seconds measured in a run")
    fine.add_argument("--warmup", type=float, help="seconds before that")
    fine.add_argument("--load-threads", type=int,
                      help="threads of generator and of backend (default: 1; half the CPUs with "
                      "--all-cores)")
    fine.add_argument("--source", choices=["copy", "sendfile"], default="copy",
                      help="how bulk data is made")
    fine.add_argument("--congestion", default="cubic",
                      help="TCP congestion control ('': leave it); some pace even on loopback")
    fine.add_argument("--no-netns", dest="netns", action="store_false",
                      help="stay in this network namespace; then root is not needed")
    fine.add_argument("--port", type=int, default=11080, help="the proxy's; the backend's is next")
    fine.add_argument("--noise", type=float, default=15,
                      help="repeat a run if others used more than this %% of a CPU")
    fine.add_argument("--redo", type=int, help="how often, at most")
    fine.add_argument("--patience", type=float,
                      help="seconds to wait for a quiet machine before a run")
    args = ap.parse_args(argv)
    quick = args.quick or (os.environ.get("BENCH") == "quick" and not args.full)
    for name, quick_value, full_value in (("rounds", 1, 3), ("duration", 1.0, 2.5),
                                          ("warmup", 0.5, 0.7), ("redo", 1, 2),
                                          ("patience", 3.0, 30.0)):
        if getattr(args, name) is None:
            setattr(args, name, quick_value if quick else full_value)
    if args.rounds < 1 or args.duration <= 0 or (args.load_threads or 1) < 1:
        ap.error("rounds, duration and threads must be positive")
    if args.both and (args.all_cores or args.json or args.md or args.svg):
        ap.error("--both names its files itself")
    args.build_dir = os.path.abspath(args.build_dir)
    args.binary = os.path.abspath(args.binary or os.path.join(args.build_dir, "neosocksd"))
    args.kept = os.path.join(args.build_dir, "bench", "quick-" if quick else "")
    return args


def for_layout(args, all_cores):
    """The arguments of one of the two comparisons."""
    args = argparse.Namespace(**vars(args))
    args.all_cores = all_cores
    if args.load_threads is None:
        args.load_threads = max(1, len(os.sched_getaffinity(0)) // 2) if all_cores else 1
    if not args.json and not args.scenarios and not args.peers:
        args.json = f"{args.kept}{'all-cores' if all_cores else 'one-core'}.json"
    if args.both and all_cores:
        args.rounds = min(args.rounds, 2)
    if args.resume and not args.json:
        raise SystemExit("--resume with a selection needs --json FILE")
    if args.json:
        os.makedirs(os.path.dirname(os.path.abspath(args.json)), exist_ok=True)
    return args


def print_list(peers):
    for name, peer in peers.items():
        state = "" if peers_module.installed(peer) else f"NOT FOUND ({peer.package})"
        print(f"{name:18} {', '.join(peer.commands):22} {peer.how:22} {state}")
    print()
    for name, scenario in scenarios_module.SCENARIOS.items():
        default = "" if scenario.default else "  (only when named)"
        print(f"{name:18} {scenario.mode:5} {scenario.options}{default}")


def describe_run(args, runner):
    return machine.describe() | {
        "all_cores": args.all_cores, "proxy_cpu": runner.proxy_cpu, "load_cpu": runner.load_cpu,
        "rounds": args.rounds, "duration": args.duration, "warmup": args.warmup,
        "source": args.source, "load_threads": args.load_threads, "netns": args.netns,
        "congestion": (args.congestion or "as it is") if args.netns else "as it is",
        "noise_limit_pct": args.noise,
    }


def quietest(args, runner, peer, scenario):
    """The quietest of at most 1 + redo runs; raises Failed if none gave a result."""
    best, failure = None, None
    for _ in range(args.redo + 1):
        machine.wait_until_quiet(args.noise, args.patience)
        try:
            run = runner.run(peer, scenario)
        except runner_module.Failed as error:
            failure = error
            continue
        if best is None or run["foreign_pct"] < best["foreign_pct"]:
            best = run
        if best["foreign_pct"] <= args.noise:
            break
    if best is None:
        raise failure
    return best


def plan(args, peers, names, scenarios):
    """(scenario, round, peer) in order: interleaved, and not always the same one first."""
    steps = []
    for scenario in scenarios:
        taking_part = [n for n in names if scenarios_module.protocol(peers[n], scenario)]
        once = scenarios_module.SCENARIOS[scenario].once
        for round_ in range(1 if once else args.rounds):
            turn = round_ % len(taking_part) if taking_part else 0
            steps += [(scenario, round_, n) for n in taking_part[turn:] + taking_part[:turn]]
    return steps


def one_line(run):
    figures = scenarios_module.figures(run["scenario"])
    shown = [f"{f.show(run.get(f.key))} {f.title}" for f in figures[:2]]
    extra = ""
    if run["errors"]:
        extra = f", {run['errors']} errors ({run.get('first_error', 'stalled')})"
    if run.get("tunnels", run["conns"]) < run["conns"]:
        extra += f", only {run['tunnels']} of {run['conns']} tunnels"
    return f"{', '.join(shown)}{extra}, others {run['foreign_pct']:.0f} %"


def measure_all(args, runner, results, steps):
    done = results.done()
    for number, (scenario, round_, peer) in enumerate(steps, 1):
        if (scenario, peer, round_) in done:
            continue
        head = f"[{number}/{len(steps)}] {scenario} {peer}"
        try:
            run = quietest(args, runner, peer, scenario)
        except runner_module.Failed as error:
            results.failures.append(f"{scenario} / {peer}: {error}")
            log(f"{head}: FAILED: {error}")
            continue
        run["round"] = round_
        results.runs.append(run)
        log(f"{head}: {one_line(run)}")
        if args.json:
            results.save(args.json)


def compare(args):
    """One comparison, from choosing the peers to printing the tables."""
    runner_module.build_tools(args.build_dir)
    peers = peers_module.all_peers(args.binary, args.all_cores, args.build_dir)
    scenarios = scenarios_module.choose(args.scenarios, args.all_cores)
    names = peers_module.choose(peers, args.peers, log)
    runner = runner_module.Runner(args, peers)
    results = results_module.Results(describe_run(args, runner))
    if args.resume and os.path.exists(args.json):
        earlier = results_module.load(args.json)
        for key in ("duration", "warmup", "all_cores", "source", "load_threads", "congestion"):
            if earlier.meta[key] != results.meta[key]:
                raise SystemExit(f"{args.json} was measured with another {key}: not mixing them")
        results.runs = earlier.runs
    steps = plan(args, peers, names, scenarios)
    if not steps:
        raise SystemExit("nothing to measure: no installed peer takes part in these scenarios")
    seconds = len(steps) * (args.duration + args.warmup + 1)
    log(f"{len(steps)} runs, about {max(1, round(seconds / 60))} min on a quiet machine")
    if not args.all_cores and runner.proxy_cpu == runner.load_cpu:
        log("only one CPU: the proxy shares it with the load, latencies say little")

    try:
        measure_all(args, runner, results, steps)
    except KeyboardInterrupt:
        log("interrupted; this is what there is so far")
    text = report.render(results, scenarios, names)
    print(text)
    if args.md:
        with open(args.md, "w") as f:
            f.write(text)
    if args.json:
        results.save(args.json)
        log(f"kept in {args.json}")
    if args.svg and results.runs:
        chart.write(results, args.svg)


def main(argv=None):
    args = parse_arguments(argv)
    if args.list:
        return print_list(peers_module.all_peers(args.binary, args.all_cores, args.build_dir))
    if args.netns:
        machine.enter_fresh_netns(args.congestion)  # says now what it would say in a minute
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    for all_cores in (False, True) if args.both else (args.all_cores,):
        compare(for_layout(args, all_cores))


if __name__ == "__main__":
    main()
