"""Does a replay set keep what a pool taught, better than a random one? (fine-tuning, SOAP-GAP)

    python -m benchmarks replay_set

A potential is fitted to MINE and so many structures of the pool, and tested on structures held out
of the pool (what is forgotten) and on MINE held out. `WINNOW_RESULTS` keeps rows, see `results`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import winnow_atomistic as winnow
from analytics.curation.replay_sets import WANTED
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.errors import make_test
from analytics.evaluation.retrain.ground import analysis_of_part
from analytics.information.analysis import Analysis
from analytics.potential.design_cache import design_of
from analytics.potential.normal_equations import make_equations
from analytics.potential.spec import RetrainSpec
from analytics.runtime.registry import spec_from
from analytics.selection.base import METHODS, select
from benchmarks.labelled_sets import DATA, load
from benchmarks.results import resumed

__all__ = ["main"]

#: What a replay set is picked by, and for what.
WAYS = (
    ("random", "complement"),
    ("facility_location", "complement"),
    ("saturated_coverage", "complement"),
    ("facility_location", "similar"),
    ("kmeans", "complement"),
)
SHARES = (0.05, 0.1, 0.2)
SPLITS = 5
RMD17 = ("azobenzene", "benzene", "ethanol", "malonaldehyde", "naphthalene", "paracetamol",
         "salicylic", "toluene", "uracil")  # fmt: skip


@dataclass(frozen=True)
class Case:
    """MINE and POOL in one data set: the first `n_mine` structures are MINE."""

    data: Dataset
    n_mine: int
    references: int = 60


def _few(data: Dataset, number: int, seed: int = 0) -> Dataset:
    inside = np.flatnonzero(~data.isolated)
    drawn = np.random.default_rng(seed).permutation(inside)[:number]
    return data.take(np.sort(drawn))


def _joined(mine: Dataset, *pools: Dataset) -> Case:
    frames = [frame for data in (mine, *pools) for frame in winnow.to_atoms(data)]
    return Case(winnow.read(frames), mine.n_structures)


def _aspirin() -> Case:
    each = [_few(winnow.read(DATA / f"public/rmd17_{name}_train01.xyz.gz"), 40) for name in RMD17]
    return _joined(_few(load("aspirin"), 60), *each)


def _molybdenum() -> Case:
    return _joined(_few(load("Mo"), 60), _few(load("nbmotaw"), 240))


def _acac() -> Case:
    return _joined(_few(load("acac"), 60), _few(load("3bpa_mixed"), 200))


def _one_temperature() -> Case:
    return _joined(_few(load("3bpa"), 60), _few(load("3bpa_mixed"), 240))


CASES: dict[str, Callable[[], Case]] = {
    "aspirin / rMD17": _aspirin,
    "Mo / NbMoTaW": _molybdenum,
    "acac / 3BPA": _acac,
    "3BPA 300 K / mixed T": _one_temperature,
}


def _rows_of(name: str) -> list[dict[str, Any]]:
    case = CASES[name]()
    data, n = case.data, case.data.n_structures
    analysis = winnow.analyse(data)
    spec = RetrainSpec(references=case.references)
    equations = make_equations(design_of(data, spec))
    rows: list[dict[str, Any]] = []
    for split in range(SPLITS):
        rng = np.random.default_rng(split)
        own, rest = rng.permutation(case.n_mine), case.n_mine + rng.permutation(n - case.n_mine)
        cut, edge = len(own) // 3, len(rest) // 3
        tests = {
            "mine": make_test("mine", equations, np.sort(own[:cut])),
            "pool": make_test("pool", equations, np.sort(rest[:edge])),
        }
        mine, pool = np.sort(own[cut:]), np.sort(rest[edge:])
        known = analysis_of_part(analysis, mine)
        part = analysis_of_part(analysis, pool)

        def errors(kept: np.ndarray, head: dict[str, Any]) -> dict[str, Any]:
            fit = equations.fit(np.concatenate([mine, kept]))  # noqa: B023
            found = {k: t.errors(fit)[0] for k, t in tests.items()}  # noqa: B023
            energies = {f"{k}_energy": e.energy_rmse_mev_atom for k, e in found.items()}
            return head | {f"{k}_force": e.force_rmse_ev_a for k, e in found.items()} | energies

        head = {"set": name, "split": split}
        rows.append(errors(pool[:0], head | {"way": "nothing", "share": 0.0}))
        rows.append(errors(pool, head | {"way": "whole pool", "share": 1.0}))
        for share in SHARES:
            for method, want in WAYS:
                kept = pool[_picked(part, known, method, want, share, split)]
                way = method if want == "complement" else f"{method}, similar"
                rows.append(errors(kept, head | {"way": way, "share": share}))
    return rows


def _picked(
    pool: Analysis, mine: Analysis, method: str, want: str, share: float, seed: int
) -> np.ndarray:
    """Return what `pick_replay_set` picks, without what it measures."""
    entry = METHODS[method]
    spec = spec_from(entry.spec, {"covering": WANTED[want]} if want != "complement" else {})
    reference = mine.descriptors if entry.conditional else None
    return select(pool, method, spec=spec, size=share, seed=seed, reference=reference).structures


def main() -> None:
    """Print errors on the pool and on MINE by what the replay set was picked by."""
    table = pd.DataFrame(list(resumed("replay_set", list(CASES), _rows_of)))
    names = ["pool_force", "mine_force", "pool_energy", "mine_energy"]
    for case, rows in table.groupby("set", sort=False):
        print(f"\n{case}: force errors eV/Å, energy errors meV/atom; mean ± deviation of {SPLITS}")
        print(
            f"{'way':30}{'share':>6}" + "".join(f"{name:>20}" for name in names) + "  pool, paired"
        )
        for (share, way), own in rows.groupby(["share", "way"], sort=False):
            cells = "".join(f"{own[name].mean():12.3f} ± {own[name].std():.3f}" for name in names)
            chance = rows[(rows["share"] == share) & (rows["way"] == "random")]
            ratio = ""
            if way not in ("random", "nothing", "whole pool"):
                each = own["pool_force"].to_numpy() / chance["pool_force"].to_numpy()
                ratio = f"  {each.mean():.3f} ± {each.std(ddof=1) / np.sqrt(len(each)):.3f}"
            print(f"{way:30}{share:6.2f}{cells}{ratio}")
