"""Why the whole pool is not always best: weights, prior and references of the retrain check.

    python -m benchmarks potentials weights [SET ...]

In the tail (the 15 % of the structures with the highest forces are held out) training on the fifth
of the pool with the highest forces often beats training on all of it. Three explanations are tried:
too few functions (references), too weak or strong a prior or weights of energies, and the balance
of the pool (that fifth counts ten times in a fit to all of it). And weights and prior are tuned by
a random fifth of the pool, and judged on the test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from analytics.evaluation.retrain.errors import TestSet, make_test
from analytics.evaluation.retrain.ground import Ground, prepare_ground
from analytics.potential.normal_equations import Equations, make_equations, solve
from analytics.potential.spec import AceSpec, PotentialSpec, RetrainSpec
from analytics.runtime.arrays import FloatArray, IntArray

__all__ = ["main"]

RESAMPLES = 5
#: Share of the pool with the highest forces, and how often it counts.
HIGH, OFTEN = 0.2, 10.0
#: Factors on the energies' error and on the prior.
ENERGY, PRIOR = (0.25, 0.5, 1.0, 2.0, 4.0), (0.01, 0.1, 1.0, 10.0, 100.0)


def main(names: Sequence[str]) -> None:
    """Print both tables."""
    print(
        "force error in the tail, eV/Å, trained on all / on the fifth of the highest forces, by "
        f"references per species;\non all where that fifth counts {OFTEN:g} times\n"
        f"{'':12}{'50':>16}{'100':>16}{'200':>16}{'balanced':>12}",
        flush=True,
    )
    for name in names:
        ground = _ground(name, "high_force", RetrainSpec())
        cells = [_mean(_by_references(ground, count)) for count in (50, 100, 200)]
        balanced = _mean([[_balanced(ground, r)] for r in range(RESAMPLES)])
        body = "".join(f"{all_:>8.3f} /{high:6.3f}" for all_, high in cells)
        print(f"{name:12}{body}{balanced[0]:>12.3f}", flush=True)
    print(
        "\nweights and prior tuned by a random fifth of the pool: errors on the test over those "
        "with the fixed ones,\nenergy / force, trained on all of the pool and on a random tenth"
    )
    print(f"{'':12}{'':12}{'':14}{'all':>16}{'tenth':>16}  chosen, times (energy error, prior)")
    ratios: dict[str, list[FloatArray]] = {}
    for name in names:
        for spec in (RetrainSpec(), AceSpec()):
            for split in ("random", "high_force"):
                found, chosen = _tuned(_ground(name, split, spec))
                ratios.setdefault(f"{spec.potential} {split}", []).append(found)
                body = "".join(f"{e:>8.2f} /{f:6.2f}" for e, f in found)
                print(f"{name:12}{split:12}{spec.potential:14}{body}  {chosen}", flush=True)
    for case, several in ratios.items():
        means = np.exp(np.mean(np.log(several), axis=0))
        body = "".join(f"{e:>8.2f} /{f:6.2f}" for e, f in means)
        print(f"geometric mean over {len(several)} sets, {case:24}{body}")


def _ground(name: str, split: str, spec: PotentialSpec) -> Ground:
    from benchmarks.potentials import analysed

    return prepare_ground(analysed(name), split, resamples=RESAMPLES, spec=spec)


def _mean(values: Sequence[Sequence[float]]) -> FloatArray:
    return np.asarray(np.mean(values, axis=0))


def _high(equations: Equations, pool: IntArray) -> IntArray:
    """Return the share of a pool with the highest forces."""
    dataset = equations.design.dataset
    norms = np.nan_to_num(dataset.force_norms)
    peaks = np.array([norms[dataset.rows(s)].max(initial=0.0) for s in pool])
    return np.sort(pool[np.argsort(-peaks, kind="stable")[: max(1, round(HIGH * len(pool)))]])


def _by_references(ground: Ground, count: int) -> list[list[float]]:
    """Return by resample the force errors trained on all and on the highest forces."""
    design = ground.equations.design
    basis = design.basis
    edges = basis.reference_offsets.tolist()  # type: ignore[attr-defined]
    some = [np.arange(a, min(a + count, b)) for a, b in pairwise(edges)]
    fewer = design.restricted(np.concatenate(some))
    equations = make_equations(fewer, atomic=ground.equations.atomic)
    found = []
    for split in ground.splits:
        test = make_test("tail", equations, split.held_out)
        kept = (split.pool, _high(equations, split.pool))
        found.append([_errors(equations, test, each)[1] for each in kept])
    return found


def _balanced(ground: Ground, resample: int) -> float:
    """Return the force error trained on all, where the highest forces count several times."""
    equations, pool = ground.equations, ground.splits[resample].pool
    isolated = np.flatnonzero(equations.design.dataset.isolated)
    matrix, right = equations.system(np.concatenate([isolated, pool]))
    more, also = equations.system(_high(equations, pool))
    matrix, right = matrix + (OFTEN - 1) * more, right + (OFTEN - 1) * also
    total, _ = ground.tests[resample].errors(solve(matrix, right, equations.prior))
    return total.force_rmse_ev_a


def _errors(equations: Equations, test: TestSet, kept: IntArray) -> tuple[float, float]:
    isolated = np.flatnonzero(equations.design.dataset.isolated)
    total, _ = test.errors(equations.fit(np.concatenate([isolated, kept])))
    return total.energy_rmse_mev_atom, total.force_rmse_ev_a


def _variants(equations: Equations) -> Iterator[tuple[tuple[float, float], Equations]]:
    design = equations.design
    spec = design.basis.spec
    for energy in ENERGY:
        for prior in PRIOR:
            own = replace(spec, energy_error=spec.energy_error * energy, prior=spec.prior * prior)
            basis = replace(design.basis, spec=own)  # type: ignore[type-var]
            yield (energy, prior), replace(equations, design=replace(design, basis=basis))


def _tuned(ground: Ground) -> tuple[FloatArray, str]:
    """Return test errors, tuned over fixed, trained on all and on a tenth; and what was chosen."""
    every = list(_variants(ground.equations))
    logs, chosen = [], []
    for r, split in enumerate(ground.splits):
        rng = np.random.default_rng(r)
        rows = []
        for share in (1.0, 0.1):
            kept = np.sort(rng.permutation(split.pool)[: max(5, round(share * len(split.pool)))])
            held = kept[rng.permutation(len(kept))[: max(1, len(kept) // 5)]]
            inside = np.setdiff1d(kept, held)
            losses, own = [], None
            check = make_test("inside", ground.equations, held)
            for setting, equations in every:
                found = _errors(equations, check, inside)
                losses.append(float(np.nansum(np.log(np.maximum(found, 1e-12)))))
                own = equations if setting == (1.0, 1.0) else own
            assert own is not None
            best = int(np.argmin(losses))
            chosen += [every[best][0]] if share == 1.0 else []
            test = make_test("test", ground.equations, split.held_out)
            rows.append(
                np.log(_errors(every[best][1], test, kept)) - np.log(_errors(own, test, kept))
            )
        logs.append(rows)
    middle = np.exp(np.median(np.log(chosen), axis=0))
    return np.exp(np.mean(logs, axis=0)), f"{middle[0]:g}, {middle[1]:g}"
