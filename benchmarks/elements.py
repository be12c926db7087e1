"""Elements: which descriptor that sees them predicts errors, and which selections train better.

    python -m benchmarks elements                          # the tables of docs/elements.md
    python -m benchmarks.elements ROWS.jsonl [SET ...]     # set by set; goes on where it stopped

Labelled sets of two and more elements. **Metrics**: 47 subsets of a tenth of the pool (20 uniform,
20 from windows along principal axes of the structures' means, half of them without and half with
elements, smallest and largest force, 4 k-means, farthest point) are fitted by the normal equations
of the retrain check; Spearman correlation between a metric of the subset and the force error on the
fifth held out, +1 is right, over two splits. Each descriptor has its own width, at which a random
tenth covers 90 % of what is held out. **Selections**: minimum set cover, facility location and
k-means choose 5, 10 and 20 % of at most 3 000 environments of the pool; error with the descriptor
over error with the species-blind one, geometric mean over budgets and 5 resamples.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.stats import spearmanr

import winnow_atomistic as winnow
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.descriptors.channels import compute_species_distances
from analytics.descriptors.composition import compute_composition
from analytics.evaluation.retrain.ground import Ground, analysis_of_part, prepare_ground
from analytics.information.analysis import Analysis
from analytics.information.kernel import KernelSpec
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from benchmarks.labelled_sets import load, present

SETS = (
    *("tial", "wbe", "nimo", "pbte", "sio", "nbmotaw", "3bpa", "mosi2n4", "aspirin", "acac"),
    "water",
)
#: Compared with the first in the selections.
FORMS = ("blind", "composition", "channels")
METHODS, BUDGETS = ("msc", "facility_location", "kmeans"), (0.05, 0.1, 0.2)
RESAMPLES, METRIC_RESAMPLES, HELD_OUT, MOST = 5, 2, 800, 3000
CAP = 50.0


def forms_of(data: Dataset) -> tuple[Descriptors, dict[str, FloatArray]]:
    """Return the composition descriptor, and the rows of all forms by name."""
    x = compute_composition(data)
    told = len(x.spec.species.split(","))
    width = 2 * x.spec.k - 1
    blind, sums, own = np.split(x.values, [width, width + told], axis=1)
    return x, {
        "blind": blind,
        "composition": x.values,
        "channels": compute_species_distances(data).values,
        "element of the atom alone": np.hstack([blind, own]),
        "elements around alone": np.hstack([blind, sums]),
        "sums not divided": np.hstack([blind, sums * np.sqrt(x.spec.k), own]),
    }


def squares(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return squared distances between rows, single precision."""
    centre = b.mean(axis=0)
    a, b = a - centre, b - centre
    found = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2.0 * (a @ b.T)
    return np.maximum(found, 0.0).astype(np.float32)


def sums_by_structure(near: FloatArray, h: float, starts: IntArray) -> FloatArray:
    """Return kernel sums of each row over each structure."""
    return np.add.reduceat(np.exp(near * np.float32(-0.5 / h**2)), starts, axis=1)


def usual_width(near: FloatArray, starts: IntArray, tenths: Sequence[IntArray]) -> float:
    """Return the width at which random tenths cover 90 % of the rows on average."""
    low, high = 1e-3, 2.0
    for _ in range(20):
        h = float(np.sqrt(low * high))
        sums = sums_by_structure(near, h, starts)
        covered = [(sums[:, t].sum(axis=1) > np.exp(-1e-5)).mean() for t in tenths]
        low, high = (h, high) if np.mean(covered) < 0.9 else (low, h)
    return float(np.sqrt(low * high))


def subsets(
    means: Sequence[FloatArray], force: FloatArray, m: int, rng: np.random.Generator
) -> list[IntArray]:
    """Return 47 subsets of m structures; the first 20 are uniform."""
    n = len(force)
    found = [rng.choice(n, m, replace=False) for _ in range(20)]
    for at in range(20):
        own = means[at % len(means)]
        axis = np.linalg.svd(own - own.mean(axis=0), full_matrices=False)[0][:, at // 2 % 3]
        order = np.argsort(axis)
        width = min(n, max(m + 1, int(n * rng.uniform(0.2, 0.6))))
        first = rng.integers(0, n - width + 1)
        found.append(rng.choice(order[first : first + width], m, replace=False))
    order = np.argsort(force)
    found += [order[:m], order[-m:]]
    for at in range(4):
        own = means[at % len(means)]
        centres, _ = kmeans2(own, m, seed=rng, minit="++")
        nearest = np.unique(squares(centres, own).argmin(axis=1))
        rest = np.setdiff1d(rng.permutation(n), nearest)
        found.append(np.concatenate([nearest, rng.permutation(rest)])[:m])
    picks, own = [0], means[0]
    far = ((own - own[0]) ** 2).sum(axis=1)
    while len(picks) < m:
        picks.append(int(far.argmax()))
        far = np.minimum(far, ((own - own[picks[-1]]) ** 2).sum(axis=1))
    return [*found, np.array(picks)]


def errors_of(ground: Ground, resample: int, places: IntArray) -> tuple[float, float]:
    """Return energy error (meV/atom) and force error (eV/A) of a fit to places of the equations."""
    isolated = np.flatnonzero(ground.equations.design.dataset.isolated)
    fit = ground.equations.fit(np.concatenate([isolated, places]))
    found = ground.tests[resample].errors(fit)[0]
    return found.energy_rmse_mev_atom, found.force_rmse_ev_a


def metric_rows(
    data: Dataset, x: Descriptors, forms: dict[str, FloatArray], ground: Ground
) -> Iterator[dict[str, Any]]:
    """Yield for each split and form how its metrics rank 47 subsets."""
    for r in range(METRIC_RESAMPLES):
        rng, split = np.random.default_rng(100 + r), ground.splits[r]
        pool, held_out = (
            np.searchsorted(x.structures, ground.rows[part])
            for part in (split.pool, split.held_out)
        )
        sizes, rows = np.diff(x.structure_offsets)[pool], ragged_rows(x.structure_offsets, pool)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        asked = ragged_rows(x.structure_offsets, held_out)
        asked = rng.permutation(asked)[:HELD_OUT]
        means = [
            np.add.reduceat(forms[form][rows], starts, axis=0) / sizes[:, None]
            for form in ("blind", "channels")
        ]
        force = np.array([data.force_norms[data.rows(int(s))].max() for s in x.structures[pool]])
        chosen = subsets(means, force, max(3, round(0.1 * len(pool))), rng)
        errors = np.array([errors_of(ground, r, split.pool[each]) for each in chosen])
        for form, values in forms.items():
            near = squares(values[asked], values[rows])
            h = usual_width(near[::4], starts, chosen[:20])
            sums = sums_by_structure(near, h, starts)
            totals = [sums[:, each].sum(axis=1) for each in chosen]
            metrics = {
                "coverage": [-float((t > np.exp(-1e-5)).mean()) for t in totals],
                "mean dH": [float(-np.log(np.maximum(t, np.exp(-CAP))).mean()) for t in totals],
            }
            for metric, value in metrics.items():
                told = np.ptp(value) > 0
                ranks = [spearmanr(value, errors[:, c])[0] if told else 0.0 for c in (0, 1)]
                yield {"what": metric, "form": form, "r": r, "h": h,
                       "energy": float(ranks[0]), "force": float(ranks[1])}  # fmt: skip


def selection_rows(
    analysis: Analysis, x: Descriptors, forms: dict[str, FloatArray], split: str
) -> Iterator[dict[str, Any]]:
    """Yield the errors after selecting with each of `FORMS`."""
    ground = prepare_ground(analysis, split, resamples=RESAMPLES)
    all_sizes = np.diff(x.structure_offsets)
    for r in range(RESAMPLES):
        rng = np.random.default_rng(r)
        mixed = rng.permutation(ground.splits[r].pool)
        sizes = all_sizes[np.searchsorted(x.structures, ground.rows[mixed])]
        places = np.sort(mixed[: max(20, int(np.searchsorted(np.cumsum(sizes), MOST)))])
        pool = np.searchsorted(x.structures, ground.rows[places])
        rows, sizes = ragged_rows(x.structure_offsets, pool), all_sizes[pool]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        owner = np.repeat(np.arange(len(pool)), sizes)
        asked = rng.permutation(len(rows))[:400]
        n_tenth = max(2, len(pool) // 10)
        tenths = [rng.choice(len(pool), n_tenth, replace=False) for _ in range(10)]
        for form in FORMS:
            values = forms[form]
            near = squares(values[rows[asked]], values[rows])
            near[owner[asked][:, None] == owner[None]] = np.inf
            h = usual_width(near, starts, tenths)
            own = replace(x, values=values, fingerprint=f"{form} {x.fingerprint}")
            whole = replace(analysis, descriptors=own, spec=KernelSpec(h))
            part = analysis_of_part(whole, ground.rows[places])
            for method in METHODS:
                for budget in BUDGETS:
                    size = max(2, round(budget * len(pool)))
                    kept = winnow.select(part, method, size=size, seed=r).structures
                    at = np.searchsorted(part.descriptors.structures, kept)
                    energy, force = errors_of(ground, r, places[at])
                    yield {"what": "selection", "form": form, "r": r, "h": h, "split": split,
                           "method": method, "budget": budget,
                           "energy": energy, "force": force}  # fmt: skip


def rows_of(name: str) -> Iterator[dict[str, Any]]:
    """Yield all rows of a set."""
    data = load(name)
    x, forms = forms_of(data)
    analysis = winnow.analyse(data, x, KernelSpec(0.02), sample=256)
    yield from metric_rows(data, x, forms, prepare_ground(analysis, resamples=RESAMPLES))
    for split in ("random", "high_force"):
        yield from selection_rows(analysis, x, forms, split)


def report(rows: list[dict[str, Any]]) -> None:
    """Print the tables."""
    sets = list(dict.fromkeys(row["set"] for row in rows))
    head = " ".join(f"{name[:7]:>7}" for name in sets)
    print("Spearman correlation of metric and error over 47 subsets, mean of two splits")
    for metric in ("coverage", "mean dH"):
        for label in ("force", "energy"):
            print(f"{metric + ', ' + label:30}{head}    mean")
            for form in dict.fromkeys(row["form"] for row in rows):
                own = [r for r in rows if r["what"] == metric and r["form"] == form]
                if own:
                    _line(form, [[r[label] for r in own if r["set"] == s] for s in sets], False)
    blind = {_cell(r): r for r in rows if r["what"] == "selection" and r["form"] == FORMS[0]}
    print("error after selecting with elements over error after selecting without")
    for split in ("random", "high_force"):
        for label in ("force", "energy"):
            print(f"{split + ', ' + label:30}{head}    mean")
            for method in METHODS:
                for form in FORMS[1:]:
                    found = defaultdict(list)
                    for r in rows:
                        same = (r.get("split"), r.get("method"), r["form"])
                        if r["what"] == "selection" and same == (split, method, form):
                            ratio = r[label] / blind[_cell(r)][label]
                            found[r["set"]].append(np.log(ratio))
                    _line(f"{method} {form}", [found[s] for s in sets], True)


def _cell(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("set", "split", "method", "budget", "r"))


def _line(name: str, values: list[list[float]], logs: bool) -> None:
    means = np.array([np.mean(each) if each else np.nan for each in values])
    total, spread = np.nanmean(means), np.nanstd(means) / np.sqrt(len(means))
    shown = np.exp(means) if logs else means
    mean = f"{np.exp(total) if logs else total:.3f} ± {spread:.3f}"
    print(f"{name[:29]:30}" + " ".join(f"{v:7.2f}" for v in shown) + f"   {mean}")


def main(path: Path | None = None, names: Sequence[str] = SETS) -> None:
    """Measure what is not in the file of rows yet, and print the tables."""
    known = path is not None and path.exists()
    rows = [json.loads(line) for line in path.read_text().splitlines()] if known and path else []
    for name in present(list(names)):
        if any(row["set"] == name for row in rows):
            continue
        new = [{"set": name, **row} for row in rows_of(name)]
        rows += new
        if path is not None:
            with path.open("a") as out:
                out.writelines(json.dumps(row) + "\n" for row in new)
        print(f"{name}: {len(new)} rows", file=sys.stderr, flush=True)
    report(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else None, sys.argv[2:] or SETS)
