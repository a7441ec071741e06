"""Measures the native sets of rules with a million entries each: loading, memory, questions.

Runs build/sets_bench (bench/sets_bench.cc), which is built if need be, and prints one table. A set
is asked from C++ (hit, miss) and through Lua, where half of the questions hit.
"""

import argparse
import json
import os
import subprocess
import sys

from report import NONE, table

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

HEAD = ["set", "entries", "text, bytes each", "bytes each", "peak, bytes each", "file, s",
        "gzip, s", "Lua table, s", "hit, ns", "miss, ns", "in Lua, ns"]


def parse_arguments(argv):
    ap = argparse.ArgumentParser(prog="bench/sets", description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build-dir", default=os.path.join(ROOT, "build"),
                    help="a release build (default: build)")
    ap.add_argument("--entries", type=int, default=1_000_000)
    ap.add_argument("--geoip", metavar="FILE.mmdb", default=os.environ.get("GEOIP"),
                    help="measure this database too (default: $GEOIP)")
    ap.add_argument("--json", metavar="FILE", help="keep the figures here")
    return ap.parse_args(argv)


def build(build_dir):
    """The program, up to date."""
    command = ["cmake", "--build", build_dir, "--target", "sets_bench"]
    built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if built.returncode:
        raise SystemExit(f"{built.stdout}sets_bench does not build")
    return os.path.join(build_dir, "sets_bench")


def measure(program, args):
    command = [program, "--entries", str(args.entries)]
    if args.geoip:
        command += ["--geoip", args.geoip]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if process.returncode:
        raise SystemExit(f"sets_bench failed with status {process.returncode}")
    return [json.loads(line) for line in process.stdout.splitlines()]


def row(run):
    """Of a database, which is not built from anything, only loading and questions."""
    def each(key):
        return f"{run[key] / run['kept']:.1f}" if run["text_bytes"] else NONE

    def figure(key, digits):
        return f"{run[key]:.{digits}f}" if run[key] else NONE

    return [run["set"], f"{run['kept']:,}", each("text_bytes"), each("heap_bytes"),
            each("build_peak_bytes"), figure("file_s", 2), figure("gzip_s", 2),
            figure("table_s", 2), figure("hit_ns", 0), figure("miss_ns", 0),
            figure("lua_ns", 0)]


def render(runs):
    return "## Native sets of rules\n\n" + table(HEAD, [row(run) for run in runs]) + "\n"


def main(argv=None):
    args = parse_arguments(argv)
    runs = measure(build(args.build_dir), args)
    print(render(runs))
    if args.json:
        os.makedirs(os.path.dirname(os.path.abspath(args.json)), exist_ok=True)
        with open(args.json, "w") as f:
            json.dump(runs, f, indent=1)


if __name__ == "__main__":
    sys.exit(main())
