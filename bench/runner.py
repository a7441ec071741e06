"""One measurement: a fresh namespace, a fresh backend, a fresh proxy, one run of the generator.

Nothing outlives it: each process is started by us and ended by its process id, its children by
pidfd (ids are reused quickly when a peer starts a thread for each session).
"""

import getpass
import glob
import json
import os
import resource
import shlex
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time

import machine
from peers import find_program
from scenarios import SCENARIOS, protocol

SOURCES = os.path.dirname(os.path.abspath(__file__))


def descendants(root):
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as f:
                    text = f.read()
            except OSError:
                continue
            parent = int(text[text.rindex(")") + 2:].split()[1])
            children.setdefault(parent, []).append(int(name))
    found, todo = [], [root]
    while todo:
        new = children.get(todo.pop(), [])
        found += new
        todo += new
    return found


class Process:
    """A process of ours; stop() ends it and its children."""

    def __init__(self, command, cpu=None, directory=None, nofile=None, stderr=None):
        self.popen = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=stderr or subprocess.DEVNULL, start_new_session=True,
            preexec_fn=lambda: machine.child_setup(cpu, nofile))
        self.pid = self.popen.pid

    def stop(self):
        children = []
        for pid in descendants(self.pid):
            try:
                children.append(os.pidfd_open(pid))
            except OSError:
                pass
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(3)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for pidfd in children:
            try:
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            except OSError:
                pass
            os.close(pidfd)


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def answers_within(port, seconds, popen):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and popen.poll() is None:
        if answers(port):
            return True
        time.sleep(0.05)
    return False


def wait_accepting(port, process, seconds=15):
    return answers_within(port, seconds, process.popen)


def children_seconds():
    """CPU time of the processes that we have waited for, and of those they have."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Failed(Exception):
    """A measurement that gave no result, and why."""


# What the comparison needs beside the program under test: name -> (sources, libraries).
TOOLS = {
    "proxybench": (("proxybench.cc", "load"), ()),
    "floor": (("floor.cc", "floor"), ("-luring",)),
}


def build_tool(build_dir, name):
    """Its path, made if it is missing or older than its sources. One compiler call, no CMake: the
    comparison runs where there is only a compiler."""
    program = os.path.join(build_dir, name)
    parts, libraries = TOOLS[name]
    sources = []
    for part in (os.path.join(SOURCES, part) for part in parts):
        sources += [os.path.join(part, file) for file in os.listdir(part)] \
            if os.path.isdir(part) else [part]
    newest = max(os.path.getmtime(path) for path in sources)
    if os.path.exists(program) and os.path.getmtime(program) >= newest:
        return program
    compiler = shutil.which("clang++-19") or shutil.which("c++")
    if not compiler:
        raise SystemExit(f"{name} is not built, and there is neither clang++-19 nor c++")
    os.makedirs(build_dir, exist_ok=True)
    # Into place in one step: a run that is going on keeps the old one.
    command = [compiler, "-std=c++23", "-O2", "-Wall", "-Wextra", "-pthread", sources[0], "-o",
               program + ".new", *libraries]
    print(shlex.join(command), file=sys.stderr)
    if subprocess.run(command).returncode:
        raise SystemExit(f"{name} does not build")
    os.replace(program + ".new", program)
    return program


def build_tools(build_dir):
    for name in TOOLS:
        build_tool(build_dir, name)


class Runner:
    def __init__(self, args, peers):
        self.args = args
        self.peers = peers
        self.proxy_cpu, self.load_cpu = (None, None) if args.all_cores else machine.choose_cpus()

        self.proxybench = os.path.join(args.build_dir, "proxybench")

    def run(self, peer_name, scenario_name):
        """The generator's figures as a dict; raises Failed."""
        if self.args.netns:
            machine.enter_fresh_netns(self.args.congestion)
        scratch = tempfile.mkdtemp(prefix="neosocksd-bench-")
        os.chmod(scratch, 0o755)  # some peers drop privileges
        self.unique = f"bench{time.time_ns()}"
        started = []
        try:
            return self.measure(peer_name, scenario_name, scratch, started)
        finally:
            for process in reversed(started):
                process.stop()
            shutil.rmtree(scratch, ignore_errors=True)
            for leftover in glob.glob(f"/dev/shm/{self.unique}*"):  # of a peer that was killed
                os.remove(leftover)

    def measure(self, peer_name, scenario_name, scratch, started):
        args, peer = self.args, self.peers[peer_name]
        proto = protocol(peer, scenario_name)
        port, target_port = args.port, args.port + 1
        target = f"127.0.0.1:{target_port}"
        for taken in (port, target_port):
            if answers(taken):
                raise Failed(f"port {taken} is in use by another program (--port)")

        scenario = SCENARIOS[scenario_name]
        if scenario.mode == "start":
            return self.measure_start(peer_name, scenario_name, scratch, proto)
        duration = min(1.0, args.duration) if scenario.once else args.duration
        backend = Process([self.proxybench, "backend", "--listen", target, "--source", args.source,
                           "--threads", str(args.load_threads)], cpu=self.load_cpu)
        started.append(backend)
        if not wait_accepting(target_port, backend):
            raise Failed("the backend did not start")
        command = [self.proxybench, "run", "--target", target, "--mode", scenario.mode,
                   "--duration", str(duration), "--warmup", str(args.warmup),
                   "--name", peer_name, "--backend-pid", str(backend.pid),
                   "--source", args.source, "--threads", str(args.load_threads)]
        command += shlex.split(scenario.options)
        if proto == "direct":
            command += ["--proxy", "direct://"]
        else:
            proxy = self.start_proxy(peer, proto, scratch, started, scenario.mode)
            command += ["--proxy", f"{proto}://127.0.0.1:{port}", "--pid", str(proxy.pid)]
        result = self.generate(command)
        result["scenario"] = scenario_name
        result["protocol"] = proto
        result["foreign_pct"] += result["steal_pct"]  # the host's other guests disturb as well
        return result

    def measure_start(self, peer_name, scenario_name, scratch, proto):
        command = [self.proxybench, "start", "--listen", f"127.0.0.1:{self.args.port}",
                   "--name", peer_name, "--greet", "yes" if proto == "socks5" else "no"]
        command += shlex.split(SCENARIOS[scenario_name].options)
        if self.proxy_cpu is not None:
            command += ["--cpu", str(self.proxy_cpu)]
        program = self.proxy_command(self.peers[peer_name], proto, scratch, "start")
        busy, own, start = machine.busy_seconds(), children_seconds(), time.monotonic()
        result = self.generate(command + ["--", *program], scratch, machine.NOFILE)
        foreign = machine.busy_seconds() - busy - (children_seconds() - own)
        return result | {"scenario": scenario_name, "protocol": proto,
                         "foreign_pct": 100 * foreign / (time.monotonic() - start)}

    def proxy_command(self, peer, proto, scratch, mode):
        """The words of the command; its files are written."""
        args = self.args
        values = {
            "port": args.port, "target": f"127.0.0.1:{args.port + 1}", "thost": "127.0.0.1",
            "tport": args.port + 1, "tmp": scratch, "user": getpass.getuser(), "mode": mode,
            "workers": len(os.sched_getaffinity(0)) if args.all_cores else 1,
            "nofile": machine.NOFILE, "unique": self.unique,
        }
        for name, text in peer.files.items():
            with open(os.path.join(scratch, name), "w") as f:
                f.write(string.Template(text).substitute(values))
        command = shlex.split(string.Template(peer.commands[proto]).substitute(values))
        command[0] = find_program(command[0]) or command[0]
        return command

    def start_proxy(self, peer, proto, scratch, started, mode):
        args = self.args
        command = self.proxy_command(peer, proto, scratch, mode)
        errors = os.path.join(scratch, "stderr")
        with open(errors, "w") as stderr:
            proxy = Process(command, cpu=self.proxy_cpu, directory=scratch, nofile=machine.NOFILE,
                            stderr=None if peer.chatty else stderr)
        started.append(proxy)
        if not wait_accepting(args.port, proxy):
            with open(errors) as f:
                raise Failed("the proxy did not start: " + f.read()[-300:].strip())
        time.sleep(0.2)  # helpers and caches of its own start
        return proxy

    def generate(self, command, directory=None, nofile=None):
        generator = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=directory,
            preexec_fn=lambda: machine.child_setup(self.load_cpu, nofile))
        try:
            out, err = generator.communicate(timeout=self.args.duration + self.args.warmup + 90)
        except BaseException as error:
            generator.kill()
            generator.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise Failed("the generator did not end") from None
            raise
        if generator.returncode or not out.strip():
            raise Failed("the generator: " + err[-300:].strip())
        result = json.loads(out)
        for line in err.splitlines():
            if line.startswith("first error"):
                result["first_error"] = line
        return result
