#!/usr/bin/python3
"""The soak: thousands of sessions of all kinds at a time, and everything that goes wrong in a
network and in a day of an operator, all at once; then the books are balanced.

    scripts/soak [--io uring] [--sessions 5000] [--seconds 600] [--seed N]

Clients, target and gates are load/ (see soak_load.cc); this file starts them, disturbs them in a
cycle that ends with some seconds of calm, and judges. The program under test is NEOSOCKSD.
"""

import argparse
import json
import os
import pathlib
import random
import re
import resource
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import net  # noqa: E402 - the path comes first
from support.process import Child  # noqa: E402
from support.proxy import Proxy, sanitizer  # noqa: E402
from support.rules import RulesProxy  # noqa: E402

RULES = """
-- Version VERSION of the soak's rules: names say the way, and some decisions take a while.
local await_sleep, random = await.sleep, math.random
math.randomseed(VERSION)
local function decide(addr)
    if random(20) == 1 then await_sleep(random() * 0.05) end
    local host = addr:match("^(.-):%d+$")
    if host == "gate.soak" then return "127.0.0.1:GATE" end
    local target = "127.0.0." .. random(2, 200) .. ":TARGET"
    if host == "direct.soak" then return target end
    if host == "hop.soak" then return target, "socks5://127.0.0.1:HOP" end
    if host == "gatehop.soak" then return target, "http://127.0.0.1:FARGATE" end
    return addr
end
local ruleset = { resolve = decide, route = decide, route6 = decide }
function ruleset.stats() return "rules VERSION" end
return ruleset
"""


class Part(Child):
    """A process of soak_load."""

    def __init__(self, load, *words):
        super().__init__([load, *words])
        self.port = int(self.wait_log(r"^port (\d+)").group(1)) if words[0] != "clients" else None

    def figures(self):
        """Its newest line of figures."""
        for _, text in reversed(self.lines):
            if text.startswith("{") and "finding" not in text:
                return json.loads(text)
        return {}

    def history(self):
        return [json.loads(text) for _, text in list(self.lines)
                if text.startswith("{") and "finding" not in text]

    def findings(self):
        return [text for _, text in list(self.lines) if "finding" in text]


class Judge:
    """Collects what is wrong, so that one run tells all of it."""

    def __init__(self):
        self.wrong = []

    def check(self, holds, text):
        if not holds:
            self.wrong.append(text)
            print(f"WRONG: {text}", flush=True)


def metrics(proxy):
    """Name with labels -> value."""
    text = proxy.api.get("/metrics").body.decode()
    return {name: float(value) for name, value in re.findall(r"^(\S+) (\S+)$", text, re.MULTILINE)}


def total(figures, name):
    return int(sum(value for key, value in figures.items()
                   if key.split("{")[0] == f"neosocksd_{name}"))


class Soak:
    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.rng = random.Random(options.seed)
        self.judge = Judge()
        self.killed = 0
        self.reloads = 0
        self.polls = 0
        self.rss = []  # (second, bytes), when calm
        self.calm_p50, self.calm_p99, self.worst_p99 = {}, [], 0  # of set-ups, ms
        self.parts = []

    # The stage.

    def load(self, *words):
        part = Part(self.options.load, *words)
        self.parts.append(part)
        return part

    def start(self):
        self.target = self.load("target")
        self.hop_port = self.start_hop()
        seed = self.options.seed
        self.target_gate = self.load("gate", self.target.port, seed, "spread")
        self.hop_gate = self.load("gate", self.hop_port, seed + 1)
        path = self.directory / "rules.lua"
        path.write_text(self.rules())
        self.proxy = RulesProxy(
            path, "--threads", "2", "-t", "30", "-m", str(self.options.sessions + 400),
            "--access-log", str(self.directory / "access.log"), io=self.options.io, loglevel=4)
        self.parts.append(self.proxy)
        self.forward = Proxy("-f", f"127.0.0.1:{self.target.port}", "--threads", "1",
                             io=self.options.io, loglevel=4)
        self.parts.append(self.forward)
        self.front_gate = self.load("gate", self.proxy.port, seed + 2)
        self.baseline = self.settled_fds()

    def settled_fds(self):
        return self.proxy.fd_count("socket")

    def start_hop(self, port=None):
        """An upstream proxy of our own kind, on a port that nobody takes while it is dead."""
        for _ in range(100):
            wanted = port or self.rng.randrange(20000, 32000)
            self.hop = Proxy("--threads", "1", io=self.options.io, loglevel=4,
                             listen=f"127.0.0.1:{wanted}", ready=False)
            try:
                self.hop.wait_log("server start", deadline=2 * net.SCALE)
                return wanted
            except AssertionError:
                self.hop.kill()
        raise AssertionError("the hop does not start")

    def rules(self):
        self.reloads += 1
        text = RULES.replace("VERSION", str(self.reloads))
        for name, port in (("FARGATE", self.hop_gate.port), ("GATE", self.target_gate.port),
                           ("TARGET", self.target.port), ("HOP", self.hop_port)):
            text = text.replace(name, str(port))
        return text

    # What happens every second.

    def poll(self):
        """Reads all of the API, as several dashboards at a time would."""
        for place in ("/metrics", "/stats", "/healthy", "/sessions?limit=500"):
            answer = self.proxy.api.get(place)
            self.judge.check(answer.status == 200, f"{place} answers {answer.status}")
            self.polls += 1
        return json.loads(answer.body)["sessions"]

    def kill_some(self, sessions):
        for session in self.rng.sample(sessions, min(len(sessions), 3)):
            answer = self.proxy.api.ask("DELETE", f"/sessions/{session['id']}")
            self.judge.check(answer.status in (204, 404), f"DELETE answers {answer.status}")
            self.killed += answer.status == 204

    def reload(self):
        answer = self.proxy.api.post("/ruleset/update", self.rules().encode())
        self.judge.check(answer.status == 200, f"/ruleset/update answers {answer.status}")

    # Disturbances: each begins at its second of the cycle, and says when the next step is due.

    def hop_dies(self):
        self.hop.kill()

    def hop_returns(self):
        self.start_hop(self.hop_port)

    def gates_die(self):
        for gate in (self.target_gate, self.hop_gate, self.front_gate):
            gate.signal(signal.SIGUSR1)

    def descriptors_end(self):
        """New ones fail with EMFILE: connections, dials, files."""
        held = len(self.proxy.fds())
        _, hard = resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE, (held + 50, hard))

    def descriptors_return(self):
        _, hard = resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.proxy.pid, resource.RLIMIT_NOFILE, (hard, hard))

    def silent_ones_come(self):
        """More connections that say nothing than -m has places."""
        self.silent = [net.connect(self.proxy.address) for _ in range(500)]

    def silent_ones_go(self):
        for sock in self.silent:
            sock.close()
        self.silent = []

    SCHEDULE = [(2, "hop_dies"), (4, "hop_returns"), (5, "gates_die"), (8, "descriptors_end"),
                (11, "descriptors_return"), (12, "silent_ones_come"), (15, "silent_ones_go")]
    CYCLE, CALM = 24, 19  # seconds, and from which on it is calm

    def run(self):
        options = self.options
        self.clients = self.load(
            "clients", f"proxy={self.proxy.port}", f"forward={self.forward.port}",
            f"gate={self.front_gate.port}", f"target={self.target.port}", "hops=250",
            f"sessions={options.sessions}", f"rate={options.rate}", f"seed={options.seed}",
            f"pause={options.pause}",
            f"hold={3 * options.sessions / options.rate}", f"patience={60 * net.SCALE}")
        begun = time.monotonic()
        second = 0
        while second < options.seconds:
            second += 1
            time.sleep(max(0.0, begun + second - time.monotonic()))
            for due, name in self.SCHEDULE:
                if second % self.CYCLE == due and second + self.CYCLE - due <= options.seconds:
                    getattr(self, name)()
            exhausted = 8 <= second % self.CYCLE < 11
            if not exhausted:  # an API that can not accept is what was asked for
                sessions = self.poll()
                self.kill_some(sessions)
                self.reload()
            self.judge.check(self.proxy.running(), "the proxy is gone")
            self.watch(second)
            for part in self.parts:
                self.judge.check(part.running(), f"{part.argv[0]} {part.argv[1]} is gone")
            if self.judge.wrong:
                break

    def watch(self, second):
        figures = self.clients.figures()
        if not figures:
            return
        calm = second % self.CYCLE >= self.CALM
        if calm:
            self.rss.append((second, self.proxy.rss()))
        if figures["setups"]:
            self.worst_p99 = max(self.worst_p99, figures["p99_ms"])
        if figures["setups"] and calm:
            self.calm_p99.append(figures["p99_ms"])
            self.calm_p50.setdefault(second // self.CYCLE, []).append(figures["p50_ms"])
        if second % 10 == 0:
            print(f"{second:4d} s: {figures['active']} active, {figures['complete']} complete, "
                  f"{figures['aborted']} aborted, {figures['refused']} refused, "
                  f"{figures['failed']} failed, p50 {figures['p50_ms']:.1f} p99 "
                  f"{figures['p99_ms']:.1f} ms, RSS {self.proxy.rss() >> 20} MiB", flush=True)

    # The end.

    def settle(self):
        self.clients.signal(signal.SIGUSR1)
        self.clients.wait_exit(180 * net.SCALE)
        self.parts.remove(self.clients)

        def idle():
            now = metrics(self.proxy)
            return (now["neosocksd_sessions_active"] == 0 and
                    now["neosocksd_halfopen_connections"] == 0 and
                    self.target.figures()["active"] == 0)

        net.wait_for(idle, lambda: f"all sessions to end: {self.target.figures()}, "
                     f"{metrics(self.proxy)}", 60 * net.SCALE)

    def balance(self):
        """Nothing lost, nothing left."""
        judge, seen = self.judge, self.clients.figures()
        there = self.target.figures()
        for who, figures in (("client", seen), ("target", there)):
            for name in ("corrupt", "truncated", "hung"):
                judge.check(not figures.get(name), f"{who}: {figures.get(name)} {name}")
        for part in (self.clients, self.target):
            for line in part.findings()[:10]:
                print(line)
        judge.check(seen["complete"] > 0, "not one session was complete")
        judge.check(seen["aborted_plain"] <= self.killed, f"{seen['aborted_plain']} sessions were "
                    f"cut without a reason, {self.killed} were killed: " + ", ".join(
                        f"{key[8:]} {value}" for key, value in seen.items()
                        if key.startswith("aborted_") and key != "aborted_plain"))
        ends = (seen["complete"] + seen["aborted"] + seen["refused"] + seen["failed"] +
                seen["planned"])
        judge.check(seen["started"] == ends, f"{seen['started']} sessions began, {ends} ended")
        self.expect(lambda: self.unbalanced() is None, self.unbalanced)
        self.expect(lambda: self.proxy.fd_count("socket") <= self.baseline + 6, lambda:
                    f"{self.proxy.fd_count('socket')} sockets are open, {self.baseline} were")
        self.expect(lambda: self.proxy.fd_count("pipe") <= 2 * 2 * 16 + 8,
                    lambda: f"{self.proxy.fd_count('pipe')} ends of pipes are open")
        for cycle, times in self.calm_p50.items():
            middle = sorted(times)[len(times) // 2]
            judge.check(middle < 1000 * net.SCALE, f"cycle {cycle} ends in calm, and setting up "
                        f"takes {middle:.0f} ms")
        self.check_memory()

    def expect(self, predicate, text):
        """That it comes true."""
        try:
            net.wait_for(predicate, text)
        except AssertionError as error:
            self.judge.check(False, str(error))

    def unbalanced(self):
        """What is wrong about the counters of connections, or None."""
        now = metrics(self.proxy)
        accepted = total(now, "worker_connections_accepted_total")
        refused = total(now, "worker_connections_refused_total")
        closed = sum(total(now, name) for name in ("outcomes_total", "http_forwarded_total",
                                                   "http_failed_total"))
        if accepted == closed + refused:
            return None
        return f"{accepted} connections accepted, {closed} ended, {refused} refused"

    def check_memory(self):
        third = len(self.rss) // 3
        if third < 3:
            return
        early = max(size for _, size in self.rss[third:2 * third])
        late = max(size for _, size in self.rss[-third:])
        slack = (160 if sanitizer() else 24) << 20
        self.judge.check(late < early * 1.15 + slack, f"memory grows: {early >> 20} MiB, then "
                         f"{late >> 20} MiB")

    def exact(self):
        """Sessions that nobody disturbs: all are complete, and the counters know every byte."""
        before, completed = metrics(self.proxy), self.target.figures()["complete"]
        clients = self.load("clients", f"proxy={self.proxy.port}", f"target={self.target.port}",
                            "sessions=50", "count=400", "reset=0", "gated=0", "http=0",
                            "pause=0.1", f"seed={self.options.seed + 9}")
        clients.wait_exit(120 * net.SCALE)
        self.parts.remove(clients)
        seen = clients.figures()
        net.wait_for(lambda: metrics(self.proxy)["neosocksd_sessions_active"] == 0, "the end")
        after = metrics(self.proxy)
        self.judge.check(seen["complete"] == 400, f"undisturbed, {seen['complete']} of 400 "
                         f"sessions are complete: {seen}")
        net.wait_for(lambda: self.target.figures()["complete"] - completed == 400,
                     lambda: f"the target to see 400 of them: {self.target.figures()}")
        for name, bytes_ in (("uplink", seen["up"]), ("downlink", seen["down"])):
            counted = int(after[f"neosocksd_{name}_bytes_total"] -
                          before[f"neosocksd_{name}_bytes_total"])
            self.judge.check(counted == bytes_, f"{name}: {bytes_} bytes came, {counted} counted")
        return seen

    def report(self, exact):
        seen, there = self.clients.figures(), self.target.figures()
        now = metrics(self.proxy)
        calm = sorted(self.calm_p99)
        third = max(1, len(self.rss) // 3)
        sizes = [max(size for _, size in self.rss[i:i + third]) >> 20
                 for i in range(0, len(self.rss), third)] if self.rss else []
        kinds = ("socks4", "socks4a", "socks5", "socks5h", "connect", "http", "forward")
        print(f"""
soak: {self.options.io}, {self.options.seconds} s at {self.options.sessions} sessions, seed {
            self.options.seed}{', ' + sanitizer() + ' sanitizer' if sanitizer() else ''}
  sessions    {seen['started']} begun; {seen['complete']} complete ({', '.join(
            f'{kind} {seen[kind]}' for kind in kinds)})
  ended by    {seen['planned']} + {there['planned']} resets of client and target, {
            seen['aborted']} aborted on the way, {self.killed} killed by the API, {
            seen['refused']} refused, {seen['failed']} without an answer
  bytes       {seen['bytes']} down and {there['bytes']} up, each compared; wrong: {
            seen['corrupt'] + there['corrupt']}; lost: {seen['truncated'] + there['truncated']}
  disturbed   {self.reloads} reloads, {self.polls} polls of the API, gates reset {
            sum(gate.figures()['reset'] for gate in (self.target_gate, self.hop_gate,
                                                     self.front_gate))} connections
  hung        {seen['hung']}
  RSS         {' -> '.join(map(str, sizes))} MiB, when calm, by thirds
  set-up p99  {calm[len(calm) // 2] if calm else 0:.1f} ms when calm (median of its seconds), at {
            ''}worst {self.worst_p99:.1f}; undisturbed at the end p50 {exact['p50_ms']:.1f} ms
  log         {total(now, 'log_lines_suppressed_total')} lines suppressed, {
            total(now, 'access_log_lines_dropped_total')} lines of the access log dropped""")

    def close(self):
        for part in (self.proxy, self.forward):
            try:
                part.stop()
            except AssertionError as error:
                self.judge.check(False, str(error))
        for part in [*self.parts, self.hop]:
            part.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--load", required=True, help="the built soak_load")
    parser.add_argument("--io", default="uring", choices=["uring", "epoll"])
    parser.add_argument("--sessions", type=int, default=5000)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--rate", type=int, default=400, help="new sessions a second, at most")
    parser.add_argument("--pause", type=float, default=6, help="the longest pause of a client")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # What a freed byte keeps from being used again is no leak.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=16"
    print(f"soak: seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="neosocksd-soak-") as name:
        soak = Soak(options, pathlib.Path(name))
        soak.start()
        try:
            soak.run()
            soak.settle()
            soak.balance()
            soak.report(soak.exact())
        except Exception:
            print(soak.proxy.tail(30))
            raise
        finally:
            soak.close()
    if soak.judge.wrong:
        print(f"soak: FAILED, {len(soak.judge.wrong)} findings; seed {options.seed}")
        return 1
    print("soak: passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
