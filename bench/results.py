"""What was measured: the single runs, their medians, and the file they are kept in.

The median of each figure is taken over the quiet runs if at least half of the runs were quiet,
otherwise over all of them; `foreign_max_pct` then tells that the machine was not ours.
"""

import json
import os
import statistics

import scenarios

FORMAT = 1  # of the file


def median_of(runs, noise_percent):
    quiet = [run for run in runs if run.get("foreign_pct", 0) <= noise_percent]
    used = quiet if 2 * len(quiet) >= len(runs) else runs
    median = {"protocol": used[0]["protocol"], "runs": len(used)}
    for key, value in used[0].items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            median[key] = statistics.median(run[key] for run in used if key in run)
    median["errors"] = max(run["errors"] for run in used)
    median["foreign_max_pct"] = max(run.get("foreign_pct", 0) for run in used)
    if "tunnels" in used[0]:
        median["tunnels"] = min(run["tunnels"] for run in used)
    key = scenarios.cost(used[0]["scenario"]).key
    costs = [run[key] for run in used if key in run]
    if len(costs) > 1 and statistics.median(costs):
        median["spread_pct"] = 100 * (max(costs) - min(costs)) / abs(statistics.median(costs))
    return median


class Results:
    def __init__(self, meta):
        self.meta = meta
        self.runs = []
        self.failures = []

    def medians(self):
        """(scenario, peer) -> figures."""
        groups = {}
        for run in self.runs:
            groups.setdefault((run["scenario"], run["label"]), []).append(run)
        noise = self.meta["noise_limit_pct"]
        return {key: median_of(runs, noise) for key, runs in groups.items()}

    def done(self):
        return {(run["scenario"], run["label"], run["round"]) for run in self.runs}

    def save(self, path):
        medians = {f"{s}/{p}": figures for (s, p), figures in self.medians().items()}
        with open(path + ".new", "w") as f:
            json.dump({"format": FORMAT, "meta": self.meta, "failures": self.failures,
                       "medians": medians, "runs": self.runs}, f, indent=1)
        os.replace(path + ".new", path)  # an interrupted write leaves the last good one


def load(path):
    with open(path) as f:
        data = json.load(f)
    if data.get("format") != FORMAT:
        raise SystemExit(f"{path}: not a result file of this version")
    results = Results(data["meta"])
    results.runs, results.failures = data["runs"], data["failures"]
    return results
