#!/usr/bin/python3
"""The attack table: every attack in earnest, and what honest clients felt before, during and after.

    scripts/attacks [NAME...]

Times are of whole sessions (connect, ask, three round trips), in milliseconds; tries are how often
clients had to come until they were let in. Exit status 1 if an honest session failed.
"""

import argparse
import os
import pathlib
import resource
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from attacks import attacks  # noqa: E402 - the path comes first
from support import net  # noqa: E402
from support.proxy import Proxy  # noqa: E402
from support.servers import EchoProcess  # noqa: E402

SESSIONS = 200


def cells(felt):
    return (f"{1000 * felt.percentile(0.5):7.1f} {1000 * felt.percentile(0.99):8.1f} "
            f"{felt.failed:4d} {felt.tries / max(1, len(felt.times) + felt.failed):5.1f}")


def row(attack, io, target, directory):
    with attacks.ready(attack, directory) as args:
        with Proxy("--threads", "2", *args, io=io, loglevel=4) as proxy:
            felt = [attacks.measure(proxy, target, SESSIONS)]
            memory = proxy.rss()
            with attack.run(proxy, attack.count):
                felt.append(attacks.measure(proxy, target, SESSIONS, seconds=5,
                                            patience=6 * net.DEADLINE))
                grown = proxy.rss() - memory
            felt.append(attacks.measure(proxy, target, SESSIONS, patience=6 * net.DEADLINE))
            lines = len(proxy.lines)
    print(f"{attack.name:16} {attack.count:6d} | " + " | ".join(map(cells, felt)) +
          f" | {grown / (1 << 20):7.1f} {lines:6d}", flush=True)
    return sum(one.failed for one in felt)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--io", default="uring", choices=["uring", "epoll"])
    parser.add_argument("names", nargs="*", help="of attacks; all, if none")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    print(f"{options.io}; before, during, after: p50 ms, p99 ms, failed, tries a session; "
          "memory growth in MiB; log lines")
    failed = 0
    with tempfile.TemporaryDirectory() as name, EchoProcess() as echo:
        for attack in attacks.ATTACKS:
            if not options.names or attack.name in options.names:
                failed += row(attack, options.io, echo.address, pathlib.Path(name))
    print(f"attacks: {failed} honest sessions failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
