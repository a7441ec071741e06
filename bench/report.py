"""The tables, as Markdown that also reads well on a terminal.

Every ratio is ours / theirs, for both of our backends: `0.83 / 0.91` means that ours costs 0.83 of
theirs with io_uring and 0.91 with epoll. Less than 1 is better for us.
"""

import reach
from peers import FLOOR, OURS, RULES
from scenarios import LATENCIES, SCENARIOS, cost, figures, moves

NONE = "–"
TROUBLE = "†"  # errors, or tunnels that did not stand
NOISY = "*"


def table(head, rows, left=1):
    """A padded Markdown table; the first `left` columns are text, the others numbers."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells):
        padded = [cell.ljust(width) if i < left else cell.rjust(width)
                  for i, (cell, width) in enumerate(zip(cells, widths))]
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * width if i < left else "-" * (width - 1) + ":"
            for i, width in enumerate(widths)]
    return "\n".join([line(head), line(rule), *map(line, rows)])


def ratio(ours, theirs, least=0):
    """None where it says nothing: a figure is missing, or noise (memory that did not grow)."""
    if ours is None or theirs is None or min(ours, theirs) <= least:
        return None
    return ours / theirs


def show_ratio(value):
    return NONE if value is None else f"{value:.2f}"


def ratios(medians, scenario, peer, figure):
    """Ours / theirs for each of our backends."""
    theirs = medians.get((scenario, peer), {}).get(figure.key)
    return [ratio(medians.get((scenario, ours), {}).get(figure.key), theirs, figure.least)
            for ours in OURS]


def show_ratios(values):
    shown = [show_ratio(value) for value in values]
    return NONE if all(cell == NONE for cell in shown) else " / ".join(shown)


def trouble(figures_):
    return figures_["errors"] > 0 or figures_.get("tunnels", figures_["conns"]) < figures_["conns"]


def fair(medians, scenario, peer):
    """Whether the peer and ours did all that was asked of them, so that costs can be compared."""
    measured = [medians.get((scenario, name)) for name in (peer, *OURS)]
    return not any(trouble(m) for m in measured if m)


def marks(figures_, noise):
    return ((f" {TROUBLE}" if trouble(figures_) else "")
            + (f" {NOISY}" if figures_["foreign_max_pct"] > noise else ""))


def names_in(medians, scenarios, peers):
    return [peer for peer in peers if any((scenario, peer) in medians for scenario in scenarios)]


def scenario_table(medians, name, peers, noise):
    columns = figures(name)
    idle = SCENARIOS[name].mode == "idle"
    head = ["program", "via"]
    for figure in columns:
        head.append(figure.title)
    compared = [figure for figure in columns if figure.ratio]
    head += [f"÷ {figure.title.split()[0]}" for figure in compared]
    head += ["tunnels"] if idle else ["spread %"]
    head += ["errors"]
    rows = []
    for peer in peers:
        m = medians.get((name, peer))
        if not m:
            continue
        row = [peer + marks(m, noise), m["protocol"]]
        row += [figure.show(m.get(figure.key)) for figure in columns]
        row += [NONE if peer in (*OURS, *RULES)
                else show_ratios(ratios(medians, name, peer, figure)) for figure in compared]
        row.append(f"{m['tunnels']:.0f}" if idle else
                   f"{m['spread_pct']:.0f}" if "spread_pct" in m else NONE)
        row.append(f"{m['errors']:.0f}")
        rows.append(row)
    return table(head, rows, left=2)


def others(medians, scenarios, peers):
    """The programs of other makers that took part."""
    return [peer for peer in names_in(medians, scenarios, peers)
            if peer not in (*OURS, *RULES, *FLOOR, "direct")]


def ratio_cells(medians, name, columns, figure):
    cells = []
    for peer in columns:
        cell = show_ratios(ratios(medians, name, peer, figure))
        cells.append(cell + ("" if cell == NONE or fair(medians, name, peer) else TROUBLE))
    return cells


def summary_table(medians, scenarios, peers):
    """Rows scenarios, columns peers, cells our cost / theirs for both backends."""
    rows_of = [name for name in scenarios if moves(name)]
    columns = others(medians, rows_of, peers)
    if not rows_of or not columns:
        return ""
    rows = [[name, *ratio_cells(medians, name, columns, cost(name))] for name in rows_of]
    return table(["CPU, ours ÷ theirs", *columns], rows)


def cost_table(medians, scenarios, peers):
    """The costs themselves: rows scenarios, columns all programs."""
    rows_of = [name for name in scenarios if moves(name)]
    columns = [peer for peer in names_in(medians, rows_of, peers)
               if peer not in (*RULES, *FLOOR, "direct")]
    if not rows_of or not columns:
        return ""
    rows = []
    for name in rows_of:
        cells = []
        for peer in columns:
            m = medians.get((name, peer))
            cells.append(NONE if m is None else cost(name).show(m.get(cost(name).key))
                         + (TROUBLE if trouble(m) else ""))
        rows.append([f"{name}, {cost(name).title.removeprefix('CPU ')}", *cells])
    return table(["CPU", *columns], rows)


def latency_table(medians, scenarios, peers):
    """What the proxy adds to one tunnel's round trip, which waits for nothing else."""
    columns = others(medians, ["rr-1"], peers)
    if "rr-1" not in scenarios or not columns:
        return ""
    rows = []
    for figure in LATENCIES:
        title = figure.title.split()[0]
        for ours in OURS:
            value = medians.get(("rr-1", ours), {}).get(figure.key)
            rows.append([f"{title} µs, {ours}", figure.show(value)] + [
                figure.show(medians.get(("rr-1", peer), {}).get(figure.key)) for peer in columns])
        rows.append([f"{title}, ours ÷ theirs", "", *ratio_cells(medians, "rr-1", columns, figure)])
    return table(["rr-1", "ours", *columns], rows)


def floor_table(medians, scenarios):
    """How far we are from what the kernel costs: the cheapest of the smallest programs."""
    rows = []
    for name in filter(moves, scenarios):
        key = cost(name).key
        floors = [medians.get((name, floor), {}).get(key) for floor in FLOOR]
        least = min((value for value in floors if value is not None), default=None)
        if least is None:
            continue
        ours = [medians.get((name, program), {}).get(key) for program in OURS]
        rows.append([f"{name}, {cost(name).title.removeprefix('CPU ')}",
                     *map(cost(name).show, floors + ours),
                     show_ratios([ratio(value, least) for value in ours])])
    return rows and table(["CPU", *FLOOR, *OURS, "ours ÷ the lower floor"], rows)


def start_table(medians, peers):
    rows = []
    for peer in names_in(medians, ["start"], peers):
        m = medians[("start", peer)]
        rows.append([peer, *(figure.show(m.get(figure.key)) for figure in figures("start"))])
    return rows and table(["start", *(figure.title for figure in figures("start"))], rows)


def reach_table(medians):
    rows = [reach.cells(*row) for row in reach.rows(medians)]
    return rows and table(reach.HEAD, rows, left=2)


def rules_table(medians, scenarios):
    """What a session with rules costs, over one without."""
    rows = []
    for name in filter(moves, scenarios):
        for rules, ours in RULES.items():
            value = medians.get((name, rules), {}).get(cost(name).key)
            without = medians.get((name, ours), {}).get(cost(name).key)
            if value is not None:
                rows.append([name, rules, cost(name).show(value),
                             show_ratio(ratio(value, without))])
    return rows and table(["scenario", "rules", cost(rows[0][0]).title, "÷ none"], rows, left=2)


def memory_table(medians, scenarios, peers):
    """What a tunnel that does nothing costs, by program."""
    idle = [name for name in scenarios if SCENARIOS[name].mode == "idle"]
    columns = [peer for peer in names_in(medians, idle, peers)
               if peer not in (*FLOOR, "direct")]
    if not idle or not columns:
        return ""
    rows = []
    for name in idle:
        count = int(name.rpartition("-")[2])
        for key, title, form in (("rss_per_tunnel_b", "RSS B", "{:,.0f}"),
                                 ("pss_per_tunnel_b", "PSS B", "{:,.0f}"),
                                 ("fds_per_tunnel", "fds", "{:.1f}")):
            row = [f"{title} per tunnel, {count} tunnels"]
            for peer in columns:
                m = medians.get((name, peer), {})
                value = m.get(key)
                short = value is not None and trouble(m)
                row.append(NONE if value is None
                           else form.format(value) + (TROUBLE if short else ""))
            rows.append(row)
    return table(["idle tunnels", *columns], rows)


def introduction(meta):
    layout = ("all CPUs free for everyone, as many threads or processes as a program offers"
              if meta["all_cores"] else
              f"the proxy alone on CPU {meta['proxy_cpu']}, generator and backend on "
              f"CPU {meta['load_cpu']}")
    text = (f"{meta['cpu']}, {meta['cpus']} CPUs, Linux {meta['kernel']}, TCP "
            f"{meta['congestion']}, {meta['date']}. Medians of {meta['rounds']} "
            f"round{'s' if meta['rounds'] != 1 else ''} of {meta['duration']:g} s after "
            f"{meta['warmup']:g} s of warm-up; {layout}.\n\n"
            "Ratios (÷) are ours ÷ theirs, io_uring / epoll: below 1, ours costs less.")
    return text


def legend(text, noise):
    notes = []
    if TROUBLE in text:
        notes.append(f"{TROUBLE} had errors or could not hold all tunnels: not a fair comparison.")
    if f" {NOISY}" in text:
        notes.append(f"{NOISY} other programs used more than {noise:g} % of a CPU meanwhile.")
    return "\n".join(notes)


def render(results, scenarios, peers):
    medians, noise = results.medians(), results.meta["noise_limit_pct"]
    parts = ["# Benchmark", introduction(results.meta)]
    for name in scenarios:
        if any((name, peer) in medians for peer in peers):
            scenario = SCENARIOS[name]
            parts += [f"## {name}", f"`{scenario.mode} {scenario.options}`",
                      scenario_table(medians, name, peers, noise)]
    for title, text, made in (
            ("CPU", "Per session, per round trip, per gigabyte.",
             summary_table(medians, scenarios, peers)),
            ("latency of one tunnel", "", latency_table(medians, scenarios, peers)),
            ("rules", "CPU of a session with rules ÷ without.", rules_table(medians, scenarios)),
            ("the floor", "The smallest programs that do the same: what the kernel costs.",
             floor_table(medians, scenarios)),
            ("memory of an idle tunnel", "", memory_table(medians, scenarios, peers)),
            ("start", "", start_table(medians, peers) if "start" in scenarios else ""),
            ("goals", "", "" if results.meta["all_cores"] else reach_table(medians))):
        if made:
            parts += [f"## Summary: {title}", *([text] if text else []), made]
    if results.failures:
        failures = sorted(set(results.failures))
        parts += ["## Failed runs", "\n".join(f"- {line}" for line in failures)]
    if notes := legend("\n".join(parts), noise):
        parts.append(notes)
    return "\n\n".join(parts) + "\n"
