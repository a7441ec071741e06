"""The goals, and whether they are reached: for each a ratio or a figure, for both of our engines.

A goal is a claim about medians of one comparison. It is missed by an engine whose figure is above
the target, and not decided where a figure is missing.
"""

from dataclasses import dataclass

from peers import FLOOR, OURS, RULES
from scenarios import SCENARIOS, cost

NONE = "–"
KIB = 1024


@dataclass(frozen=True)
class Goal:
    what: str
    scenario: str
    target: float
    peer: str = ""  # compared with; empty: the figure itself counts, or "any": with every peer
    key: str = ""  # of the figure; empty: the scenario's cost
    rules: str = ""  # ours is the program with this ruleset
    unit: str = ""
    scale: float = 1  # of the figure, to the unit

    def limit(self):
        against = {"": self.unit, "any": "× the best peer", "none": "× none"}
        return f"≤ {self.target:g} {against.get(self.peer, '× ' + self.peer)}"


GOALS = (
    Goal("SOCKS5 sessions", "cps-socks5", 0.52, "microsocks"),
    Goal("HTTP CONNECT sessions", "cps-http", 0.50, "tinyproxy"),
    Goal("forward sessions", "cps-forward", 0.70, "haproxy"),
    Goal("sessions with the trivial ruleset", "cps-socks5", 1.10, "none", rules="trivial"),
    Goal("sessions with the library ruleset", "cps-socks5", 1.20, "none", rules="library"),
    Goal("200 tunnels, 64 B round trips", "rr-200", 0.85, "haproxy"),
    Goal("download, 1 stream", "down-1", 0.80, "haproxy-splice"),
    Goal("download, 16 streams", "down-16", 0.80, "haproxy-splice"),
    Goal("upload, 1 stream", "up-1", 0.80, "haproxy-splice"),
    Goal("upload, 16 streams", "up-16", 0.80, "haproxy-splice"),
    Goal("one tunnel's round trip, p50", "rr-1", 1.0, "any", "lat_p50_us"),
    Goal("one tunnel's round trip, p99", "rr-1", 1.0, "any", "lat_p99_us"),
    Goal("idle tunnel, RSS growth", "idle-9000", 1.0, key="rss_per_tunnel_b", unit="KiB",
         scale=1 / KIB),
    Goal("start-up to the first connection served", "start", 20, key="start_ms", unit="ms"),
    Goal("RSS at start, library ruleset", "start", 8, key="rss_start_kib", rules="library",
         unit="MiB", scale=1 / KIB),
)


def rules_peer(rules, ours):
    return f"rules-{rules}-{ours.rpartition('-')[2]}"


def others(medians, scenario, key):
    """Name and figure of every program that is neither ours nor made for comparison only."""
    return [(peer, m[key]) for (name, peer), m in medians.items()
            if name == scenario and key in m
            and peer not in (*OURS, *RULES, *FLOOR, "direct", "neosocksd-1.4.2")]


def measured(medians, goal, ours):
    """(what the goal is about or None, note)."""
    key = goal.key or cost(goal.scenario).key
    program = rules_peer(goal.rules, ours) if goal.rules else ours
    value = medians.get((goal.scenario, program), {}).get(key)
    if value is None:
        return None, ""
    if not goal.peer:
        return value * goal.scale, ""
    note = ""
    if goal.peer == "none":
        other = medians.get((goal.scenario, ours), {}).get(key)
    elif goal.peer == "any":
        note, other = min(others(medians, goal.scenario, key), key=lambda pair: pair[1],
                          default=("", None))
    else:
        other = medians.get((goal.scenario, goal.peer), {}).get(key)
    return (value / other if other else None), note


def rows(medians):
    """(goal, [figure of each engine], note) for what was measured at all."""
    found = []
    for goal in GOALS:
        assert goal.scenario in SCENARIOS
        values = [measured(medians, goal, ours) for ours in OURS]
        if any(value is not None for value, _ in values):
            found.append((goal, [value for value, _ in values],
                          next((note for _, note in values if note), "")))
    return found


def verdict(goal, value):
    if value is None:
        return NONE
    # As it is shown: 0.524 is 0.52, and nobody can see why it should have missed.
    return "met" if round(value, 2) <= goal.target else "missed"


def cells(goal, values, note):
    name = goal.what + (f" (best: {note})" if note else "")
    shown = [NONE if value is None else f"{value:.2f}" for value in values]
    verdicts = [verdict(goal, value) for value in values]
    both = verdicts[0] if len(set(verdicts)) == 1 else " / ".join(verdicts)
    return [name, goal.limit(), *shown, both]


HEAD = ["goal", "target", "io_uring", "epoll", "verdict"]
