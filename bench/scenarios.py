"""What is measured: the scenarios, and the figures each kind of scenario yields.

A scenario is a mode of proxybench, its options, and the protocols by which a peer may take part, in
order of preference. README.md says what each one is for.
"""

from dataclasses import dataclass

# Once a tunnel stands, relaying is the same whatever protocol asked for it.
ANY = ("socks5", "forward", "http", "direct")


@dataclass(frozen=True)
class Scenario:
    mode: str  # cps, rr, down, up, idle or start
    protocols: tuple
    options: str
    default: bool = True
    cores: bool = False  # also part of the comparison on all cores
    once: bool = False  # hardly varies, or repeats itself: one short round


SCENARIOS = {
    "cps-socks5": Scenario("cps", ("socks5", "direct"), "--conns 64", cores=True),
    "cps-http": Scenario("cps", ("http",), "--conns 64", cores=True),
    "cps-forward": Scenario("cps", ("forward",), "--conns 64", cores=True),
    "rr-1": Scenario("rr", ANY, "--conns 1 --size 64"),
    "rr-200": Scenario("rr", ANY, "--conns 200 --size 64", cores=True),
    "down-1": Scenario("down", ANY, "--conns 1 --size 131072"),
    "down-16": Scenario("down", ANY, "--conns 16 --size 131072", cores=True),
    "up-1": Scenario("up", ANY, "--conns 1 --size 131072"),
    "up-16": Scenario("up", ANY, "--conns 16 --size 131072", cores=True),
    # A relay with pipes uses up to 6 descriptors a tunnel: 3000 tunnels fit into a limit of
    # 20,000 descriptors then. 9000 fit for those that use 2.
    "idle-3000": Scenario("idle", ANY, "--conns 3000 --setup-timeout 20", once=True),
    "idle-9000": Scenario("idle", ANY, "--conns 9000 --setup-timeout 40", once=True),
    "start": Scenario("start", ("socks5", "forward", "http"), "--times 20", once=True),
    # Run when asked for by their full names.
    "cps-socks5-1": Scenario("cps", ("socks5", "direct"), "--conns 1", default=False),
    "cps-socks5-eof": Scenario("cps", ("socks5", "direct"), "--conns 64 --close eof",
                               default=False),
    "cps-socks5-1000": Scenario("cps", ("socks5", "direct"), "--conns 1000", default=False),
    "rr-200-4k": Scenario("rr", ANY, "--conns 200 --size 4096", default=False),
    "down-200": Scenario("down", ANY, "--conns 200 --size 131072", default=False),
    "up-200": Scenario("up", ANY, "--conns 200 --size 131072", default=False),
}


@dataclass(frozen=True)
class Figure:
    key: str  # in the results
    title: str
    form: str = "{:,.0f}"
    ratio: bool = False  # shown as ours / theirs too; less is better for these
    least: float = 0  # a value below this is noise, and no ratio is made of it

    def show(self, value):
        return "–" if value is None else self.form.format(value)


LATENCIES = (
    Figure("lat_p50_us", "p50 µs", "{:,.0f}", ratio=True),
    Figure("lat_p99_us", "p99 µs", "{:,.0f}", ratio=True),
)

# By kind; the first is the cost that the summary and the chart compare.
FIGURES = {
    "cps": (Figure("cpu_us_per_session", "CPU µs/session", "{:.1f}", ratio=True),
            Figure("sessions_per_s", "sessions/s"), *LATENCIES),
    "rr": (Figure("cpu_us_per_rt", "CPU µs/round trip", "{:.2f}", ratio=True),
           Figure("rt_per_s", "round trips/s"), *LATENCIES),
    "bulk": (Figure("cpu_s_per_gb", "CPU s/GB", "{:.3f}", ratio=True),
             Figure("gbit_per_s", "Gbit/s", "{:.1f}")),
    "idle": (Figure("pss_per_tunnel_b", "PSS B/tunnel", ratio=True, least=64),
             Figure("rss_per_tunnel_b", "RSS B/tunnel"),
             Figure("rss_before_kb", "RSS before KiB"),
             Figure("fds_per_tunnel", "fds/tunnel", "{:.1f}"),
             Figure("slab_per_tunnel_b", "kernel slab B/tunnel"),
             Figure("proxy_cpu_pct", "idle CPU %", "{:.2f}"),
             Figure("setup_s", "set-up s", "{:.2f}")),
    "start": (Figure("start_ms", "ms to serve", "{:.1f}", ratio=True),
              Figure("connected_ms", "ms to listen", "{:.1f}"),
              Figure("start_max_ms", "ms at most", "{:.1f}"),
              Figure("rss_start_kib", "RSS KiB", ratio=True),
              Figure("pss_start_kib", "PSS KiB")),
}


def kind(mode):
    return "bulk" if mode in ("up", "down") else mode


def moves(name):
    """Whether the scenario moves something, and so is about CPU time."""
    return SCENARIOS[name].mode not in ("idle", "start")


def figures(name):
    return FIGURES[kind(SCENARIOS[name].mode)]


def cost(name):
    """The figure that stands for the scenario: CPU per unit of work, or memory when idle."""
    return figures(name)[0]


def protocol(peer, name):
    """The protocol by which a peer takes part in a scenario, or None."""
    if peer.only and name not in peer.only:
        return None
    return next((p for p in SCENARIOS[name].protocols if p in peer.commands), None)


def choose(wanted, all_cores=False):
    """Scenario names: exact ones, or a prefix that selects all default ones (cps, idle)."""
    default = [name for name, scenario in SCENARIOS.items() if scenario.default]
    if not wanted:
        return [name for name in default if SCENARIOS[name].cores or not all_cores]
    names = []
    for word in wanted.split(","):
        found = [word] if word in SCENARIOS else [n for n in default if n.startswith(word)]
        if not found or not word:
            raise SystemExit(f"unknown scenario: {word} (known: {', '.join(SCENARIOS)})")
        names += [name for name in found if name not in names]
    return names
