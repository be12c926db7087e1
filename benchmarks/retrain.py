"""Errors of potentials retrained on selections, as in the table of the first measurements.

    python -m benchmarks retrain              # Si, Ge, Mo, acac and NbMoTaW
    python -m benchmarks.retrain Si acac      # some of them
    python -m benchmarks.retrain page         # what the Retrain page waits for, on carbon
    python -m benchmarks.retrain search       # is there a selection that wins everywhere?
    python -m benchmarks.retrain search Si 3 150  # ... on some of the sets, with 3 resamples
                                              # instead of 5 of at most 150 structures
    python -m benchmarks.retrain search least_variance random  # ... for these methods alone

Training and test file of each mlearn set are put together, and so are the two training files of
acac; of acac and NbMoTaW 400 structures drawn at random stand for the set. Five resamples each of
a random hold-out of 20 % and of the high-force tail (above the 85th percentile of the largest
force), see `analytics.evaluation.retrain.splits`. Means over the resamples next to those
measured when Winnow was designed, which had other random splits: in distribution they differ by
what the standard deviations say.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd

import winnow_atomistic as winnow
from analytics.evaluation.retrain.evaluate import WHOLE_POOL, retrain
from analytics.information.analysis import Analysis
from analytics.runtime.assets import asset
from analytics.selection.base import METHODS as REGISTRY
from analytics.selection.base import Budget
from benchmarks.retrain_sets import DATA, SETS, load, present, register_candidates

BUDGETS = (0.05, 0.1, 0.2)
METHODS = ("random", "kmeans", "msc", "largest_force", "facility_location", "d_optimal",
           "least_variance", "grand", "el2n", "leverage")  # fmt: skip
#: Energy (meV/atom) and force (eV/angstrom) errors at 10 % of the pool, measured independently.
EXPECTED = {
    ("Si", "random"): {"random": (9.6, 0.121), "kmeans": (7.8, 0.121), "msc": (8.8, 0.132),
                       "largest_force": (12.3, 0.142), "facility_location": (7.1, 0.114),
                       "whole_pool": (6.1, 0.109)},
    ("Ge", "random"): {"random": (19, 0.092), "kmeans": (10.8, 0.092), "msc": (41, 0.132),
                       "largest_force": (133, 0.146), "facility_location": (12.7, 0.091),
                       "whole_pool": (9.4, 0.085)},
    ("Mo", "random"): {"random": (18.6, 0.199), "kmeans": (9.1, 0.192), "msc": (41, 0.203),
                       "largest_force": (89, 0.223), "facility_location": (11.0, 0.186),
                       "whole_pool": (6.6, 0.172)},
    ("Si", "high_force"): {"random": (13, 0.202), "kmeans": (8.1, 0.191), "msc": (7.9, 0.162),
                           "largest_force": (6.3, 0.161), "facility_location": (7.2, 0.170),
                           "whole_pool": (6.3, 0.165)},
    ("Ge", "high_force"): {"random": (6.6, 0.138), "kmeans": (10.5, 0.148), "msc": (6.8, 0.120),
                           "largest_force": (4.2, 0.117), "facility_location": (9.6, 0.130),
                           "whole_pool": (6.7, 0.126)},
    ("Mo", "high_force"): {"random": (19.5, 0.514), "kmeans": (14.6, 0.431), "msc": (10.3, 0.365),
                           "largest_force": (10.8, 0.368), "facility_location": (12.2, 0.397),
                           "whole_pool": (14.3, 0.390)},
}  # fmt: skip
#: What a winner is held against in each test.
RIVALS = {"random": "kmeans", "high_force": "msc"}
QUANTITIES = ("energy_rmse_mev_atom", "force_rmse_ev_a")


def analysed(name: str, most: int | None = None) -> Analysis:
    data = load(name, most)
    return winnow.analyse(data, winnow.describe(data))


# -------------------------------------------------------------------------------- table


def table(name: str, analysis: Analysis, split: str) -> None:
    start = time.perf_counter()
    found = retrain(analysis, METHODS, BUDGETS, split=split, resamples=5).summary()
    seconds = time.perf_counter() - start
    print(f"\n{name}, {split}: {analysis.n_structures} structures, {seconds:.0f} s")
    print(
        f"{'':18}"
        + "".join(f"{f'{100 * b:g} %':>30}" for b in BUDGETS)
        + f"{'measured before':>20}"
    )
    for method in (*METHODS, WHOLE_POOL):
        lines = found[found.method == method]
        cells = [
            f"{r.energy_rmse_mev_atom:7.1f}±{r.energy_std:5.1f} /{r.force_rmse_ev_a:6.3f}±"
            f"{r.force_std:5.3f}"
            for r in lines.itertuples()
        ]
        before = EXPECTED.get((name, split), {}).get(method)
        known = "" if before is None else f"{before[0]:7.1f} /{before[1]:6.3f}"
        body = "".join(f"{cell:>30}" for cell in cells)
        width = 30 * len(BUDGETS)
        print(f"{method:18}{body:>{width}}{known:>20}", flush=True)


# ------------------------------------------------------------------------------- search


def search(
    names: Sequence[str],
    resamples: int = 5,
    most: int | None = None,
    *,
    wanted: Sequence[str] = (),
) -> None:
    """Hold candidates against k-means in distribution and against msc in the tail.

    "No worse": the mean difference over the resamples (the same pools for both) is not above
    zero by more than one standard error of it. A winner is no worse in energies and forces, at
    every budget, in both tests, on every set.
    """
    candidates = [*register_candidates(), *(m for m in METHODS if m not in ("kmeans", "msc"))]
    candidates = list(wanted) or candidates
    methods = list(dict.fromkeys([*candidates, "kmeans", "msc"]))
    losses: dict[str, dict[str, list[str]]] = {method: {} for method in methods}
    ratios: dict[str, list[float]] = {}
    for name in names:
        analysis = analysed(name, most)
        for split, rival in RIVALS.items():
            start = time.perf_counter()
            result = retrain(analysis, methods, BUDGETS, split=split, resamples=resamples)
            seconds = time.perf_counter() - start
            print(
                f"{name}, {split}: {analysis.n_structures} structures, {seconds:.0f} s", flush=True
            )
            for method in methods:
                lost, found = _held_against(result.table, method, rival)
                losses[method].setdefault(name, []).extend(f"{split[0]}{at}" for at in lost)
                ratios.setdefault(f"{name}|{method}|{split}", []).extend(found)
        _print_search([name], methods, losses, ratios)
    if len(names) > 1:
        _print_search(names, methods, losses, ratios)


def _held_against(rows: pd.DataFrame, method: str, rival: str) -> tuple[list[str], list[float]]:
    """Return where a method is worse than a rival, and the ratios of their mean errors."""
    lost, ratios = [], []
    for budget in BUDGETS:
        pair = [rows[(rows.method == m) & (rows.budget == budget)] for m in (method, rival)]
        one, other = (each.sort_values("resample") for each in pair)
        for quantity in QUANTITIES:
            difference = one[quantity].to_numpy() - other[quantity].to_numpy()
            error = difference.std(ddof=1) / np.sqrt(len(difference)) if len(difference) > 1 else 0
            if difference.mean() > error + 1e-12:
                lost.append(f"{quantity[0].upper()}{100 * budget:g}")
            ratios.append(float(one[quantity].mean() / other[quantity].mean()))
    return lost, ratios


def _print_search(
    names: Sequence[str],
    methods: Sequence[str],
    losses: dict[str, dict[str, list[str]]],
    ratios: dict[str, list[float]],
) -> None:
    cells = 4 * len(BUDGETS)
    print(
        f"\nnumber of the {cells} errors of each set (energy and force, 3 budgets, 2 tests) that "
        "are no worse than k-means in\ndistribution and msc in the tail; geometric mean of the "
        "ratios to those"
    )
    head = "".join(f"{name:>9}" for name in names)
    print(f"{'':24}{head}{'all':>9}{'E/k-means':>11}{'F/k-means':>11}{'E/msc':>8}{'F/msc':>8}")
    lines = []
    for method in methods:
        won = [cells - len(losses[method][name]) for name in names]
        means = [
            _geometric_mean([r for n in names for r in ratios[f"{n}|{method}|{split}"][at::2]])
            for split in RIVALS
            for at in (0, 1)
        ]
        body = "".join(f"{count:>9}" for count in [*won, sum(won)])
        figures = f"{means[0]:>11.2f}{means[1]:>11.2f}{means[2]:>8.2f}{means[3]:>8.2f}"
        lines.append((-sum(won), f"{method:24}{body}{figures}"))
    for _, line in sorted(lines):
        print(line)
    best = [m for m in methods if not any(losses[m][name] for name in names)]
    print(f"wins everywhere: {', '.join(best) or 'none'}", flush=True)


def _geometric_mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


# --------------------------------------------------------------------------------- page


def page() -> None:
    """Print what the Retrain page waits for: two splits and a class from nothing, and a refit."""
    import os
    import resource
    import tempfile

    from analytics.evaluation.retrain.engine import Wanted, repetitions
    from analytics.runtime.progress import SILENT
    from views.retrain.runs import CLASS, HOLD_OUT, RESAMPLES, SHARES, TAIL, Run, ground_of

    folder = tempfile.TemporaryDirectory(prefix="winnow-bench-")
    os.environ["WINNOW_CACHE"] = folder.name  # nothing from earlier runs
    data = winnow.read(asset("carbon.xyz.gz"))
    analysis = winnow.analyse(data, winnow.describe(data))
    print(f"carbon: {data.n_structures} structures, {data.n_environments} environments")
    wanted = {
        str(at): Wanted(name, REGISTRY[name].spec(), 0, SHARES)
        for at, name in enumerate(("random", "facility_location", "largest_force"))
    }
    runs: list[Run] = []
    tests = (HOLD_OUT, TAIL, CLASS + "diamond", CLASS + "graphene")
    for test in tests:
        wall, cpu = time.perf_counter(), time.process_time()
        ground = ground_of(analysis, test, RESAMPLES, SILENT)
        made = time.perf_counter() - wall, time.process_time() - cpu
        run = Run(ground, tuple(repetitions(ground, wanted)), {})
        took = time.perf_counter() - wall, time.process_time() - cpu
        print(
            f"{test:16} equations {made[0]:6.1f} s ({made[1]:5.1f} s of processor), with orders "
            f"and curves {took[0]:6.1f} s ({took[1]:5.1f} s)",
            flush=True,
        )
        runs.append(run)
    seconds = [_refit(runs[:2], share) for share in (0.03, 0.07, 0.1, 0.15, 0.3, 0.5)]
    print(
        f"budget moved: {3 * RESAMPLES * 2} fits and their errors in 2 tests, "
        f"{1e3 * np.median(seconds):.0f} ms (longest of {len(seconds)}: {1e3 * max(seconds):.0f})"
    )
    folder.cleanup()
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB at most")


def _refit(runs: Sequence[object], share: float) -> float:
    start = time.perf_counter()
    for run in runs:
        for each in run.repetitions:  # type: ignore[attr-defined]
            for column, prefixes in each.check.orders.items():
                each.check.errors(column, Budget(share).of(len(prefixes.order)))
    return time.perf_counter() - start


def main(words: Sequence[str] = ()) -> None:
    if "page" in words:
        page()
        return
    names = present([word for word in words if word in SETS] or list(SETS))
    if not names:
        print(f"no data sets in {DATA}; WINNOW_DATA names another folder")
        return
    if "search" in words:
        counts = [int(word) for word in words if word.isdigit()]
        search(names, *counts, wanted=[word for word in words if word in REGISTRY])
        return
    print("energy error, meV/atom / force error, eV/Å; mean ± standard deviation of 5 resamples")
    for name in names:
        analysis = analysed(name)
        for split in RIVALS:
            table(name, analysis, split)


if __name__ == "__main__":
    main(sys.argv[1:])
