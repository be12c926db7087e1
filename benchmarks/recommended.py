"""Which selection method does not lose: every method on every labelled set, by retrained errors.

    python -m benchmarks recommended rows.jsonl              # measure what it lacks, judge
    python -m benchmarks recommended rows.jsonl Si water     # ... of some sets
    python -m benchmarks recommended rows.jsonl msc random   # ... of some methods
    python -m benchmarks recommended rows.jsonl judge        # judge only
    python -m benchmarks recommended rows.jsonl write        # analytics/selection/measured.json

A *cell* is a set, a split (a random fifth held out: the bulk; the high-force tail), a budget (5,
10, 20 % of the pool) and a quantity (energy, force): 12 cells per set. A method is judged in it by
its mean error over 5 resamples against the smallest of all methods. Methods see the pool only.
Rows are appended as they come, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import winnow_atomistic as winnow
from analytics.evaluation.retrain.engine import Wanted, repeat
from analytics.evaluation.retrain.evaluate import WHOLE_POOL, rows_of
from analytics.evaluation.retrain.ground import Ground, prepare_ground
from analytics.information.analysis import Analysis
from analytics.runtime.errors import WinnowError
from analytics.selection import measured
from analytics.selection.base import METHODS as REGISTRY
from analytics.selection.base import is_nested
from benchmarks.labelled_sets import LABELLED, load, present

BUDGETS = (0.05, 0.1, 0.2)
SPLITS = ("random", "high_force")
RESAMPLES = 5
#: Kernel width of the QUESTS papers, 1/angstrom.
PUBLISHED_WIDTH = 0.015
#: What makes a cell.
CELL = ("set", "split", "budget", "quantity")
QUANTITIES = {"energy": "energy_rmse_mev_atom", "force": "force_rmse_ev_a"}


def wanted_of(method: str) -> dict[str, Wanted]:
    """Return what is asked of a method in each resample: one order, or one for each budget."""
    spec = REGISTRY[method].spec()
    if is_nested(method, spec):
        return {method: Wanted(method, spec, 0, BUDGETS)}
    return {f"{method} {each}": Wanted(method, spec, 0, (each,)) for each in BUDGETS}


def measure(
    ground: Ground, name: str, split: str, lacking: Mapping[int, Sequence[str]]
) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of a resample: errors of methods at every budget."""
    for r, methods in lacking.items():
        wanted = {key: each for method in methods for key, each in wanted_of(method).items()}
        repetition = repeat(ground, r, wanted, (), None)
        yield [
            {
                "set": name, "split": split, "resample": r, "method": row["method"],
                "budget": row["budget"], "structures": row["n_structures"],
                "environments": row["n_environments"],
                "width": repetition.part.spec.bandwidth,
                **{quantity: row[column] for quantity, column in QUANTITIES.items()},
            }
            for _, rows, _ in rows_of(ground, r, repetition)
            for row in rows
        ]  # fmt: skip


def known_rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def complete(path: Path, names: Sequence[str], methods: Sequence[str], resamples: int) -> None:
    """Append the rows that a file lacks."""
    there = {(row["set"], row["split"], row["resample"], row["method"]) for row in known_rows(path)}
    for name in names:
        analysis = None
        for split in SPLITS:
            lacking = {
                r: [m for m in methods if (name, split, r, m) not in there]
                for r in range(resamples)
            }
            lacking = {r: own for r, own in lacking.items() if own}
            if not lacking:
                continue
            analysis = analysed(name) if analysis is None else analysis
            try:
                ground = prepare_ground(analysis, split, resamples=RESAMPLES)
                for rows in measure(ground, name, split, lacking):
                    with path.open("a") as file:
                        file.writelines(json.dumps(row) + "\n" for row in rows)
            except WinnowError as error:
                print(f"{name}, {split}: {error}", flush=True)
                continue
            print(f"{name}, {split}: {len(lacking)} resamples", flush=True)


def analysed(name: str) -> Analysis:
    return winnow.analyse(load(name))


# ------------------------------------------------------------------------------- judging


def cells_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean errors over the resamples: a row per cell (set, split, budget, quantity)."""
    long = rows[rows["method"] != WHOLE_POOL].melt(
        [*CELL[:3], "method", "resample"], list(QUANTITIES), "quantity", "error"
    )
    return long.dropna().pivot_table(index=list(CELL), columns="method", values="error")


def common(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of resamples in which every method was measured."""
    rows = rows.drop_duplicates(["set", "split", "resample", "method", "budget"])
    counts = rows.groupby(["set", "split", "resample"])["method"].transform("nunique")
    return rows[counts == rows["method"].nunique()]


def judge(rows: pd.DataFrame) -> None:
    """Print how near each method comes to the best of a cell, and what noise allows."""
    rows = common(rows)
    cells = cells_of(rows)
    ratios = cells.div(cells.min(axis=1), axis=0)
    names = list(dict.fromkeys(rows["set"]))
    resamples = rows.groupby(["set", "split"])["resample"].nunique().mean()
    print(f"{len(names)} sets ({', '.join(names)}), {len(cells)} cells, {resamples:.1f} resamples")
    print(
        "ratio of mean errors to the best of a cell: share of cells within 5 and 10 %, geometric "
        "mean\n(bulk, tail), the ratio that 90 % of the cells stay below, the largest"
    )
    logs = np.log(ratios)
    tail = ratios.index.get_level_values("split") == "high_force"
    for method in logs.mean().sort_values().index:
        own, log = ratios[method], logs[method]
        means = [np.exp(x.mean()) for x in (log, log[~tail], log[tail])]
        print(
            f"{method:22}{(own <= 1.05).mean():8.2f}{(own <= 1.1).mean():8.2f}{means[0]:8.3f} "
            f"({means[1]:.3f}, {means[2]:.3f}){own.quantile(0.9):8.2f}{own.max():8.2f}"
        )
    left_out = [
        logs.loc[[name], logs.drop(index=name, level="set").mean().idxmin()] for name in names
    ]
    chosen = np.exp(pd.concat(left_out))
    print(f"the best on all other sets, judged on the one left out: {(chosen <= 1.05).mean():.2f} "
          f"within 5 %, geometric mean {np.exp(np.log(chosen).mean()):.3f}")  # fmt: skip
    found = ceiling(rows)
    print(f"noise: the best of a cell in half of its resamples is within 5 % of the best of the "
          f"other half in {(found <= 1.05).mean():.2f} of the cells, geometric mean "
          f"{np.exp(np.log(found).mean()):.3f}")  # fmt: skip


def ceiling(rows: pd.DataFrame) -> pd.Series:
    """Return the ratio to the best in some resamples of what was best in the others, by cell."""
    found = []
    for odd in (0, 1):
        chosen, judged = (cells_of(rows[rows["resample"] % 2 == part]) for part in (odd, 1 - odd))
        index = chosen.index.intersection(judged.index)
        best = chosen.loc[index].idxmin(axis=1)
        errors = judged.loc[index]
        picked = errors.to_numpy()[np.arange(len(index)), errors.columns.get_indexer(best)]
        found.append(pd.Series(picked, index=index) / errors.min(axis=1))
    return pd.concat(found)


# ------------------------------------------------------------------------------- for the texts


def write(rows: pd.DataFrame) -> None:
    """Write the ratios to random, by method, that the texts of the methods show."""
    methods = {}
    for method in [name for name in REGISTRY if name != "random"]:
        pair = rows[rows["method"].isin([method, "random"])]
        own = ratios_to_random(common(pair), method)
        if len(own.groupby(["split", "quantity"])) < len(SPLITS) * len(QUANTITIES):
            continue
        methods[method] = {
            split: {
                quantity: summary(np.exp(own.xs((split, quantity), level=("split", "quantity"))))
                for quantity in QUANTITIES
            }
            for split in SPLITS
        }
        widths = pair.loc[pair["method"] == method, "width"]
        if (widths == PUBLISHED_WIDTH).any():
            methods[method]["width"] = PUBLISHED_WIDTH
    content = {
        "command": "python -m benchmarks recommended rows.jsonl write",
        "date": datetime.now(tz=UTC).date().isoformat(),
        "sets": list(dict.fromkeys(rows["set"])),
        "budgets": list(BUDGETS),
        "methods": methods,
        "unmeasured": sorted(set(REGISTRY) - set(methods) - {"random"}),
    }
    target = Path(measured.__file__).with_suffix(".json")
    target.write_text(json.dumps(content, indent=1) + "\n")
    print(f"{target.name}: {len(methods)} methods")


def ratios_to_random(rows: pd.DataFrame, method: str) -> pd.Series:
    """Return mean logarithms over the budgets by set, split and quantity; empty without rows."""
    cells = cells_of(rows) if rows["method"].nunique() == 2 else None
    if cells is None:
        levels = pd.MultiIndex.from_tuples([], names=["set", "split", "quantity"])
        return pd.Series([], index=levels, dtype=float)
    ratios = np.log(cells[method] / cells["random"]).dropna()
    return ratios.groupby(["set", "split", "quantity"]).mean()


def summary(ratios: pd.Series) -> dict[str, Any]:
    """Return geometric mean and extremes over the sets, and where it was much worse."""
    bad = ratios[ratios > measured.FAILURE].sort_values(ascending=False)
    return {
        "sets": len(ratios),
        "mean": round(float(np.exp(np.log(ratios).mean())), 3),
        "best": [round(float(ratios.min()), 3), str(ratios.idxmin())],
        "worst": [round(float(ratios.max()), 3), str(ratios.idxmax())],
        "failures": [str(name) for name in bad.index],
    }


def main(words: Sequence[str]) -> None:
    """Measure what a file of rows lacks, judge it, or write the figures of the texts."""
    path = Path(words[0])
    names = present([word for word in words if word in LABELLED] or None)
    methods = [word for word in words if word in REGISTRY]
    if "judge" not in words and "write" not in words:
        counts = [int(word) for word in words if word.isdigit()]
        complete(path, names, methods or list(REGISTRY), *(counts or [RESAMPLES]))
    rows = pd.DataFrame(known_rows(path))
    rows["width"] = rows.get("width", np.nan)
    if "write" in words:
        write(rows)
    else:
        judge(rows[rows["method"].isin([*methods, WHOLE_POOL])] if methods else rows)


if __name__ == "__main__":
    main(sys.argv[1:])
