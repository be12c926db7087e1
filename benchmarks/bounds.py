"""Do the bounds hold? Share of violations over many splits of all labelled sets.

    python -m benchmarks bounds

Each split draws a pool (40 %) and measures the bound on a fifth; the truth is the error on
everything that is not in the pool, the finite collection that the fifth was drawn from. For forces
and energies: the share of violated bounds at 90 % confidence, of bounds by betting and by the plain
percentile bootstrap over the held-out structures; how far above the true rise the bounds lie; and
how often the smallest size named for "within 10 %" breaks that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

import winnow_atomistic as winnow
from analytics.evaluation.retrain.bounds import (
    bound_of,
    bounds_of_fits,
    cap_of,
    rise_of,
)
from analytics.evaluation.retrain.errors import make_test
from analytics.evaluation.retrain.ground import prepare_ground
from analytics.evaluation.retrain.redundancy_by_training import sizes_along
from analytics.evaluation.retrain.squared_errors import LABELS, squared_errors
from analytics.runtime.arrays import FloatArray
from benchmarks.labelled_sets import load, present

__all__ = ["main", "trials"]

SPLITS, CONFIDENCE, WITHIN = 10, 0.9, 0.1
SHARES = (0.1, 0.25, 0.5)
RESAMPLES = 400


def main() -> None:
    """Print a line per set and label, and the sums."""
    found = pd.DataFrame([row for name in present() for row in trials(name)])
    print("bounds at 90 %, shares of the pool: 10, 25 and 50 %")
    single = found[found["kind"] == "bound"]
    _table(single, ["set", "label"])
    _table(single, ["label"])
    named = found[(found["kind"] == "smallest")]
    print(f"smallest size within {WITHIN:.0%}: named, and broken where named")
    for label, rows in named.groupby("label"):
        known = rows[rows["bound"].notna()]
        print(
            f"{label:8}{len(known):6} of {len(rows)} named, {known['violated'].mean():.3f} broken"
        )


def _table(rows: pd.DataFrame, by: list[str]) -> None:
    groups = rows.groupby(by, sort=False)
    print(
        f"{'':24}{'trials':>8}{'violated':>10}{'bootstrap':>10}{'rise':>8}{'bound':>8}{'boot.':>8}"
    )
    for name, group in groups:
        title = " ".join(map(str, name))
        print(
            f"{title:24}{len(group):8}{group['violated'].mean():10.3f}"
            f"{group['violated_bootstrap'].mean():10.3f}{group['true'].median():8.3f}"
            f"{group['bound'].median():8.3f}{group['bootstrap'].median():8.3f}",
            flush=True,
        )


def trials(name: str, splits: int = SPLITS) -> Iterator[dict[str, Any]]:
    """Yield a row per split, label and size."""
    equations = prepare_ground(winnow.analyse(load(name)), resamples=1).equations
    every = np.flatnonzero(~equations.design.dataset.isolated)
    base = np.flatnonzero(equations.design.dataset.isolated)
    for seed in range(splits):
        order = np.random.default_rng(seed).permutation(every)
        pool, rest = np.split(order, [round(0.4 * len(order))])
        few = [max(2, round(share * len(pool))) for share in SHARES]
        sizes = np.unique(np.concatenate([few, sizes_along(len(pool))[::4], [len(pool)]]))[::-1]
        fits = np.array([equations.fit(np.concatenate([base, pool[:size]])) for size in sizes])
        outside = squared_errors(make_test("rest", equations, np.sort(rest)), fits)
        inside = squared_errors(make_test("pool", equations, np.sort(pool)), fits)
        for label in LABELS:
            (population, _), (own, _) = outside.of(label), inside.of(label)
            if not len(population) or not len(own):
                continue
            drawn = np.random.default_rng([seed, 1]).permutation(len(population))
            held = population[drawn[: round(len(every) / 5)]]
            head = {"set": name, "label": label, "split": seed}
            for size in few:
                at = int(np.flatnonzero(sizes == size)[0])
                truth = rise_of(population[:, at], population[:, 0])
                cap = cap_of(own[:, at], own[:, 0])
                bound = bound_of(held[:, at], held[:, 0], cap, CONFIDENCE)
                plain = _bootstrap(held[:, at], held[:, 0], seed)
                yield head | {
                    "kind": "bound", "size": size, "true": truth, "bound": bound,
                    "bootstrap": plain, "violated": truth > bound,
                    "violated_bootstrap": truth > plain,
                }  # fmt: skip
            _, smallest = bounds_of_fits(held, own, WITHIN, CONFIDENCE)
            truth, size = np.nan, np.nan
            if smallest is not None:
                truth = rise_of(population[:, smallest], population[:, 0])
                size = float(sizes[smallest])
            yield head | {
                "kind": "smallest", "true": truth, "bound": size, "violated": truth > WITHIN
            }  # fmt: skip


def _bootstrap(subset: FloatArray, whole: FloatArray, seed: int) -> float:
    """Return the percentile bootstrap of the rise over the held-out structures."""
    draws = np.random.default_rng(seed).integers(len(subset), size=(RESAMPLES, len(subset)))
    rises = np.sqrt(subset[draws].sum(axis=1) / whole[draws].sum(axis=1)) - 1.0
    return float(np.quantile(rises, CONFIDENCE))


if __name__ == "__main__":
    main()
