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
from pathlib import Path
from typing import Any

import winnow_atomistic as winnow
from analytics.evaluation.retrain.engine import Wanted, repeat
from analytics.evaluation.retrain.evaluate import rows_of
from analytics.evaluation.retrain.ground import Ground, prepare_ground
from analytics.information.analysis import Analysis
from analytics.runtime.errors import WinnowError
from analytics.selection.base import METHODS as REGISTRY
from analytics.selection.base import is_nested
from benchmarks.labelled_sets import LABELLED, load, present

BUDGETS = (0.05, 0.1, 0.2)
SPLITS = ("random", "high_force")
RESAMPLES = 5
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
    data = load(name)
    return winnow.analyse(data, winnow.describe(data))


def main(words: Sequence[str]) -> None:
    path = Path(words[0])
    names = present([word for word in words if word in LABELLED] or None)
    methods = [word for word in words if word in REGISTRY]
    if "judge" not in words and "write" not in words:
        counts = [int(word) for word in words if word.isdigit()]
        complete(path, names, methods or list(REGISTRY), *(counts or [RESAMPLES]))


if __name__ == "__main__":
    main(sys.argv[1:])
