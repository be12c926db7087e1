"""Width of the kernel that the data choose, on all labelled sets, and how well metrics rank there.

    python -m benchmarks width                 # all sets; a few seconds each

For each set: the width of the rule with its spread over draws, what a random tenth covers at it and
at the published width, and the rule by volume. Where `python -m benchmarks calibration` has been
run (WINNOW_RESULTS), also the rank correlation of coverage and of mean delta entropy with the
retrained force errors: at widths at which a uniform tenth covers 80, 90 and 95 % of the hold-out,
at the published width, at that of the rule by volume and at the best. Only trials count in which
there is something to rank: errors that span a tenth and repeat on halves of the hold-out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import winnow_atomistic as winnow
from analytics.information.analysis import dataset_width
from analytics.information.bandwidth import atomic_volume, bandwidth_by_volume
from benchmarks.labelled_sets import load, present

AIMS = (0.5, 0.8, 0.9, 0.95, 0.98)
RULES = (*(f"{100 * aim:g} %" for aim in AIMS), "published", "volume", "best")
METRICS = {"coverage": "coverage", "mean dH 40": "mean dH"}


def main() -> None:
    """Print both tables."""
    print(
        "| set | structures | h auto | spread | covered | at 0.015 | copies | volume rule | doubt |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in present():
        data = load(name)
        width = dataset_width(data, winnow.describe(data))
        volume = atomic_volume(data)
        rule = f"{bandwidth_by_volume(volume.median):.3f}" if volume.n_structures else "none"
        print(
            f"| {name} | {width.n_structures} | {width.auto:.3g} | {width.low:.3g}-{width.high:.3g}"
            f" | {width.coverage():.2f} | {width.coverage(0.015):.2f} | {width.copies:.2f} | {rule}"
            f" | {width.doubt} |",
            flush=True,
        )
    file = Path(os.environ.get("WINNOW_RESULTS", "calibration.jsonl"))
    if file.exists():
        ranked(file)


def ranked(file: Path) -> None:
    """Print how well metrics rank at the width of each rule: means over sets of means."""
    found: dict[str, dict[str, list[list[float]]]] = {metric: {} for metric in METRICS}
    for line in file.read_text().splitlines():
        record = json.loads(line)
        for trial in record["trials"]:
            if record["model"] == "gap" and _to_rank(trial):
                for metric in METRICS:
                    values = list(_at_rules(trial, metric))
                    found[metric].setdefault(record["set"], []).append(values)
    for metric, title in METRICS.items():
        print(f"\n| {title}: set | trials | {' | '.join(RULES)} |\n|{'---|' * (len(RULES) + 2)}")
        rows = {}
        for name, trials in found[metric].items():
            rows[name] = np.array([_mean(column) for column in np.array(trials).T])
            print(f"| {name} | {len(trials)} | {' | '.join(_text(v) for v in rows[name])} |")
        every = np.array(list(rows.values()))
        periodic = every[np.isfinite(every[:, RULES.index("volume")])]
        for title, part in (("mean of sets", every), ("of those with a volume", periodic)):
            means = " | ".join(_text(_mean(column)) for column in part.T)
            print(f"| {title} | {len(part)} | {means} |")


def _to_rank(trial: dict[str, Any]) -> bool:
    force = np.array(trial["force"])
    low, high = np.quantile(force / np.median(force), [0.05, 0.95])
    return bool(high - low >= 0.1 and (trial["reliability"] or 0.0) >= 0.5)


def _at_rules(trial: dict[str, Any], metric: str) -> Iterator[float]:
    """Yield the rank correlation with the force error at the width of each rule."""
    names = list(trial["widths"])
    order = np.argsort([trial["widths"][name] for name in names])
    logs = np.log([trial["widths"][names[at]] for at in order])
    # a metric that is the same for all subsets orders none
    rho = np.array([trial["rho"]["target"][metric][at][0] for at in order], dtype=float)
    rho = np.where(np.isfinite(rho), rho, 0.0)
    covered = np.maximum.accumulate(np.array(trial["covered"])[order])
    covered = covered + 1e-9 * np.arange(len(covered))
    for aim in AIMS:
        yield float(np.interp(np.interp(aim, covered, logs), logs, rho))
    for name in ("published", "volume"):
        known = name in trial["widths"]
        yield float(rho[list(order).index(names.index(name))]) if known else float("nan")
    yield float(rho.max())


def _mean(values: Any) -> float:
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else float("nan")


def _text(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"


if __name__ == "__main__":
    main()
