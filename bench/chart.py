#!/usr/bin/python3
"""Draws the CPU summary as an SVG: for each scenario a panel, for each peer two bars, our cost with
io_uring and with epoll as a share of theirs. A bar that ends left of the line at 1 means that ours
costs less. Plain text output, so that it needs no library and diffs well.

    bench/chart.py results.json --svg docs/bench.svg
"""

import argparse
import os
from html import escape

import report
import results as results_module
from peers import FLOOR, OURS, PEERS, RULES
from scenarios import SCENARIOS, cost, moves

WIDTH = 940
MARGIN = 24
GAP = 36  # between the two columns of panels
NAMES = 104  # space for the peers' names
VALUES = 40  # space for the number behind a bar
BAR = 9
ROW = 2 * BAR + 8
PANEL_HEAD = 38
PANEL_GAP = 20
MOST = 2.0  # longer bars are cut there; their number tells

COLOURS = dict(zip(OURS, ("#1f6fb5", "#e0862a")))
INK, PALE, GRID = "#1c2733", "#5d6b7a", "#dfe5eb"


class Canvas:
    def __init__(self):
        self.parts = []

    def rect(self, x, y, width, height, fill, extra=""):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                          f'height="{height:.1f}" fill="{fill}"{extra}/>')

    def line(self, x, top, bottom, colour, extra=""):
        self.parts.append(f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}" '
                          f'stroke="{colour}"{extra}/>')

    def text(self, x, y, text, size=12, fill=INK, anchor="start", weight="normal", halo=False):
        around = ' stroke="#ffffff" stroke-width="3" paint-order="stroke"' if halo else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" '
                          f'text-anchor="{anchor}" font-weight="{weight}"{around}>'
                          f'{escape(text)}</text>')

    def svg(self, height):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
                f'viewBox="0 0 {WIDTH} {height:.0f}" '
                'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">')
        ground = f'<rect width="{WIDTH}" height="{height:.0f}" rx="6" fill="#ffffff"/>'
        return "\n".join([head, ground, *self.parts, "</svg>"]) + "\n"


def panels_of(results):
    """[(scenario, [(peer, [ratio by backend])])], in the order of SCENARIOS."""
    medians = results.medians()
    measured = {run["label"] for run in results.runs} - {*OURS, *RULES, *FLOOR, "direct"}
    peers = [name for name in PEERS if name in measured] + sorted(measured - set(PEERS))
    panels = []
    for name in filter(moves, SCENARIOS):
        rows = []
        for peer in peers:
            if report.fair(medians, name, peer):
                values = report.ratios(medians, name, peer, cost(name))
                if any(value is not None for value in values):
                    rows.append((peer, values))
        if rows:
            panels.append((name, rows))
    return panels


def panel_height(rows):
    return PANEL_HEAD + len(rows) * ROW + PANEL_GAP


def draw_panel(canvas, left, top, width, name, rows, scale_end):
    first = left + NAMES
    span = width - NAMES - VALUES
    unit = cost(name).title.removeprefix("CPU ")
    canvas.text(left, top + 14, name, size=14, weight="600")
    canvas.text(left + width, top + 14, f"CPU {unit}, ours ÷ theirs", size=11, fill=PALE,
                anchor="end")
    bottom = top + PANEL_HEAD + len(rows) * ROW - 4
    for tick in (0.5, 1.0, 1.5, 2.0):
        if tick <= scale_end:
            x = first + span * tick / scale_end
            canvas.line(x, top + PANEL_HEAD - 4, bottom, INK if tick == 1 else GRID)
            canvas.text(x, top + PANEL_HEAD - 7, f"{tick:g}", size=9, fill=PALE, anchor="middle")
    y = top + PANEL_HEAD
    for peer, values in rows:
        canvas.text(first - 8, y + BAR + 3.5, peer, anchor="end")
        for backend, value in zip(OURS, values):
            if value is not None:
                length = span * min(value, scale_end) / scale_end
                canvas.rect(first, y, length, BAR - 0.5, COLOURS[backend], ' rx="1"')
                canvas.text(first + length + 5, y + BAR - 0.5, f"{value:.2f}", size=10, fill=PALE,
                            halo=True)
            y += BAR
        y += ROW - 2 * BAR


def render(results):
    panels = panels_of(results)
    if not panels:
        raise SystemExit("nothing to draw: no scenario has both our figures and a peer's")
    highest = max(v for _, rows in panels for _, values in rows for v in values if v is not None)
    scale_end = min(MOST, max(1.1, highest))
    canvas = Canvas()
    canvas.text(MARGIN, 36, "CPU cost of neosocksd as a share of other proxies'", size=18,
                weight="600")
    canvas.text(MARGIN, 56, "Bars that end left of the line at 1: neosocksd costs less.",
                fill=PALE)
    x = WIDTH - MARGIN
    for backend in reversed(OURS):
        label = {"uring": "io_uring"}.get(backend.rpartition("-")[2], backend.rpartition("-")[2])
        canvas.text(x, 36, label, anchor="end")
        x -= 8 * len(label) + 10
        canvas.rect(x - 4, 26, 12, 12, COLOURS[backend], ' rx="2"')
        x -= 24

    # Two columns, each panel into the one that is shorter so far.
    column_width = (WIDTH - 2 * MARGIN - GAP) / 2
    heights = [78.0, 78.0]
    for name, rows in panels:
        column = 0 if heights[0] <= heights[1] else 1
        left = MARGIN + column * (column_width + GAP)
        draw_panel(canvas, left, heights[column], column_width, name, rows, scale_end)
        heights[column] += panel_height(rows)
    meta = results.meta
    where = "all cores" if meta["all_cores"] else "one core"
    canvas.text(MARGIN, max(heights) + 8,
                f"{meta['cpu']}, Linux {meta['kernel']}, {where}, loopback, {meta['date'][:10]}; "
                f"medians of {meta['rounds']} × {meta['duration']:g} s", size=11, fill=PALE)
    return canvas.svg(max(heights) + 26)


def write(results, path):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as f:
        f.write(render(results))


def main():
    ap = argparse.ArgumentParser(description=__doc__,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("results", help="what bench/run --json wrote")
    ap.add_argument("--svg", required=True, metavar="FILE")
    args = ap.parse_args()
    write(results_module.load(args.results), args.svg)


if __name__ == "__main__":
    main()
