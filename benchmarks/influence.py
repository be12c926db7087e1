"""Do structures with wrong labels come out on top when each is left out of the fit?

    python -m benchmarks influence

In each labelled set (at most 120 structures) the energies of 5 % of the structures are moved by 30
meV/atom up or down, and of as many others the forces get noise as large as a typical force of the
structure. A row per set: which share of the wrong ones is among as many with the largest scores of
`leave_one_out` (and, for comparison, with the largest errors in the fit to all of them).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

import winnow_atomistic as winnow
from analytics.evaluation.retrain.errors import parity_of_fit
from analytics.evaluation.retrain.ground import prepare_ground
from analytics.potential.leave_one_out import leave_one_out
from analytics.potential.normal_equations import Equations
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from benchmarks.labelled_sets import load, present

__all__ = ["main", "precision"]

MOST, SHARE, SHIFT = 120, 0.05, 0.03


def main() -> None:
    """Print a line per set, and the means."""
    rows = []
    print(f"{'set':14}{'wrong':>7}{'energies':>10}{'in fit':>8}{'forces':>10}{'in fit':>8}")
    for name in present():
        ground = prepare_ground(winnow.analyse(load(name)), resamples=1)
        rows.append(precision(ground.equations))
        _line(name, rows[-1])
    _line("mean", pd.DataFrame(rows).mean().to_dict())


def _line(name: str, row: dict[str, Any]) -> None:
    print(
        f"{name:14}{row['wrong']:7.0f}{row['energy']:10.2f}{row['energy_in_fit']:8.2f}"
        f"{row['force']:10.2f}{row['force_in_fit']:8.2f}",
        flush=True,
    )


def precision(equations: Equations, seed: int = 0) -> dict[str, Any]:
    """Return which shares of the structures made wrong are among those with the largest scores."""
    rng = np.random.default_rng(seed)
    isolated = equations.design.dataset.isolated
    chosen = np.sort(rng.permutation(np.flatnonzero(~isolated))[:MOST])
    size = max(2, round(SHARE * len(chosen)))
    energies, forces = np.split(rng.permutation(chosen)[: 2 * size], 2)
    wrong = _made_wrong(equations, energies, forces, rng)
    base = np.flatnonzero(isolated)
    left = leave_one_out(wrong, chosen, base)
    parity = parity_of_fit(wrong, chosen, left.complete)
    owner = np.repeat(np.arange(len(chosen)), equations.design.dataset.sizes[chosen])
    squares = np.nan_to_num((parity.predicted_forces - parity.forces) ** 2).sum(axis=1)
    inside = np.bincount(owner, weights=squares) / np.bincount(owner)

    def found(scores: FloatArray, bad: IntArray) -> float:
        top = chosen[np.argsort(-np.nan_to_num(scores, nan=-1.0), kind="stable")[:size]]
        return float(np.isin(top, bad).mean())

    return {
        "wrong": size,
        "energy": found(np.abs(left.energy_scores), energies),
        "energy_in_fit": found(np.abs(parity.predicted_energies - parity.energies), energies),
        "force": found(left.force_scores, forces),
        "force_in_fit": found(inside, forces),
    }


def _made_wrong(
    equations: Equations, energies: IntArray, forces: IntArray, rng: np.random.Generator
) -> Equations:
    design = equations.design
    data = design.dataset
    moved, noisy = np.array(design.energies), np.array(design.forces).reshape(-1, 3)
    moved[energies] += SHIFT * data.sizes[energies] * rng.choice([-1.0, 1.0], len(energies))
    vectors = np.array(equations.vectors)
    for s in forces:
        rows = data.rows(int(s))
        usual = np.sqrt((noisy[rows] ** 2).mean())
        noisy[rows] += usual * rng.normal(size=noisy[rows].shape)
        part = design.force_rows[3 * rows.start : 3 * rows.stop].astype(np.float64)
        vectors[s] = part.T @ noisy[rows].ravel()
    changed = replace(design, dataset=replace(data, energies=moved, forces=noisy))
    return replace(equations, design=changed, vectors=frozen(vectors))


if __name__ == "__main__":
    main()
