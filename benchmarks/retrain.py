"""Errors of potentials retrained on selections, as in the table of the first measurements.

    python -m benchmarks retrain              # the mlearn sets of Si, Ge and Mo
    python -m benchmarks.retrain Si           # some of them

Training and test file of each set are put together; five resamples each of a random hold-out of
20 % and of the high-force tail (above the 85th percentile of the largest force), see
`analytics.evaluation.retrain.make_splits`. Means over the resamples next to those measured when
Winnow was designed, which had other random splits: in distribution they differ by what the
standard deviations say.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import analytics
from analytics.data import Dataset
from analytics.evaluation.retrain.evaluate import retrain

DATA = Path(os.environ.get("WINNOW_DATA") or Path(__file__).parents[2] / "shared" / "data")
SETS = ("Si", "Ge", "Mo")
BUDGETS = (0.05, 0.1, 0.2)
METHODS = ("random", "kmeans", "msc", "largest_force", "facility_location", "d_optimal", "grand",
           "el2n", "leverage")  # fmt: skip
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


def joined(*parts: Dataset) -> Dataset:
    """Return data sets put one after the other."""
    atoms = np.cumsum([0, *(part.n_environments for part in parts)])
    starts = [part.structure_offsets[:-1] + at for part, at in zip(parts, atoms, strict=False)]
    return Dataset(
        numbers=np.concatenate([part.numbers for part in parts]),
        positions=np.concatenate([part.positions for part in parts]),
        structure_offsets=np.concatenate([*starts, atoms[-1:]]),
        cells=np.concatenate([part.cells for part in parts]),
        pbc=np.concatenate([part.pbc for part in parts]),
        energies=np.concatenate([part.energies for part in parts]),
        forces=np.concatenate([part.forces for part in parts]),
        config_type=np.concatenate([part.config_type for part in parts]),
        name=" + ".join(part.name for part in parts),
    )


def table(element: str, split: str) -> None:
    files = [DATA / f"mlearn_{element}_{part}.xyz" for part in ("train", "test")]
    data = joined(*(analytics.read(file) for file in files))
    analysis = analytics.analyse(data, analytics.describe(data))
    start = time.perf_counter()
    found = retrain(analysis, METHODS, BUDGETS, split=split, resamples=5).summary()
    seconds = time.perf_counter() - start
    print(f"\n{element}, {split}: {data.n_structures} structures, {seconds:.0f} s")
    print(
        f"{'':18}"
        + "".join(f"{f'{100 * b:g} %':>30}" for b in BUDGETS)
        + f"{'measured before':>20}"
    )
    for method in (*METHODS, "whole_pool"):
        lines = found[found.method == method]
        cells = [
            f"{r.energy_rmse_mev_atom:7.1f}±{r.energy_std:5.1f} /{r.force_rmse_ev_a:6.3f}±"
            f"{r.force_std:5.3f}"
            for r in lines.itertuples()
        ]
        before = EXPECTED[element, split].get(method)
        known = "" if before is None else f"{before[0]:7.1f} /{before[1]:6.3f}"
        body = "".join(f"{cell:>30}" for cell in cells)
        width = 30 * len(BUDGETS)
        print(f"{method:18}{body:>{width}}{known:>20}", flush=True)


def main(elements: Sequence[str] = SETS) -> None:
    present = [e for e in elements if (DATA / f"mlearn_{e}_train.xyz").is_file()]
    if not present:
        print(f"no data sets in {DATA}; WINNOW_DATA names another folder")
        return
    print("energy error, meV/atom / force error, eV/Å; mean ± standard deviation of 5 resamples")
    for element in present:
        for split in ("random", "high_force"):
            table(element, split)


if __name__ == "__main__":
    main(sys.argv[1:] or SETS)
