"""Speed of the distance descriptor next to that of quests, both measured in the same run.

    python -m benchmarks.descriptors

Both compute k = 32, cutoff 5 Å from structures in memory, after a first call that compiles. The
two take turns; times are medians of wall clock. The form with species channels is compared on an
alloy, and the forms that see elements with the species-blind one on three sets: processor time of
the descriptor, and of the descriptor and the analysis at a width of 0.03 1/Å. quests uses every
core for periodic structures (numba threads over bins) and one for molecules; we use every core for
both. A second table shows CPU time, which other work on the machine disturbs less.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import numba
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.io import read

import winnow_atomistic as winnow
from analytics.data.readers import dataset_from_atoms
from analytics.descriptors.base import Descriptors
from analytics.descriptors.channels import compute_species_distances
from analytics.descriptors.composition import compute_composition
from analytics.descriptors.distances import compute_distances
from analytics.information.kernel import KernelSpec
from benchmarks.labelled_sets import DATA

CASES = (
    ("mlearn_Si_train.xyz", ":", 3),
    ("mlearn_Cu_train.xyz", ":", 3),
    ("acac_train_300K.xyz.gz", ":", 5),
    ("mlearn_Si_train.xyz", ":20", 5),
)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def compare(name: str, rows: str, repeats: int) -> str:
    from quests.descriptor import get_descriptors

    frames = read(DATA / name, rows)
    data = dataset_from_atoms(frames)
    ours, theirs = [], []
    get_descriptors(frames[:2])
    compute_distances(data)
    for _ in range(repeats):
        ours += [timed(lambda: compute_distances(data)) for _ in range(3)]
        theirs.append(timed(lambda: get_descriptors(frames)))
    n = data.n_environments
    (wall, cpu), (wall_q, cpu_q) = (
        [statistics.median(column) for column in zip(*times, strict=True)]
        for times in (ours, theirs)
    )
    return (
        f"{name + '[' + rows + ']':32}{n:7d}{n / wall:12,.0f}{n / wall_q:12,.0f}"
        f"{wall_q / wall:8.1f}x{cpu / n * 1e6:10.2f}{cpu_q / n * 1e6:10.1f}{cpu_q / cpu:8.1f}x"
    )


def compare_species(name: str, count: int, repeats: int = 3) -> str:
    from quests.descriptor import get_descriptors_multicomponent

    data = winnow.read(f"{DATA / name}@:{count}")
    frames = [
        Atoms(data.numbers[data.rows(s)], data.positions[data.rows(s)], cell=cell, pbc=True)
        for s, cell in enumerate(data.cells)
    ]
    species = compute_species_distances(data).spec.species.split(",")
    get_descriptors_multicomponent(frames[:2], species=species)
    times = np.array(
        [
            (
                timed(lambda: compute_species_distances(data))[0],
                timed(lambda: compute_distances(data))[0],
                timed(lambda: get_descriptors_multicomponent(frames, species=species))[0],
            )
            for _ in range(repeats)
        ]
    )
    ours, blind, theirs = np.median(times, axis=0)
    n = data.n_environments
    return (
        f"{name + '[:' + str(count) + ']':32}{n:7d}{n / ours:12,.0f}{n / theirs:12,.0f}"
        f"{theirs / ours:8.1f}x   {ours / blind:.2f} times the species-blind form "
        f"for {len(species) + 1} channels"
    )


def compare_elements(name: str, rows: str, repeats: int = 5) -> str:
    """Return processor times of the forms that see elements over that of the blind one."""
    data = winnow.read(f"{DATA / name}@{rows}")
    forms = (compute_distances, compute_composition, compute_species_distances)

    def analysed(form: Callable[..., Descriptors]) -> None:
        winnow.analyse(data, form(data), KernelSpec(0.03))

    alone, whole = [], []
    analysed(forms[0])  # compiles
    for _ in range(repeats):
        alone.append([timed(lambda form=form: form(data))[1] for form in forms])
        whole.append([timed(lambda form=form: analysed(form))[1] for form in forms])
    ratios = [
        np.median(np.array(times) / np.array(times)[:, :1], axis=0) for times in (alone, whole)
    ]
    species = len(np.unique(data.numbers))
    return f"{name + '[' + rows + ']':36}{species:3} elements{data.n_environments:8d}" + "".join(
        f"   {title} {ratio[1]:.2f} {ratio[2]:.2f}"
        for title, ratio in zip(("descriptor", "with analysis"), ratios, strict=True)
    )


def scaling(repeat: int) -> str:
    atoms = bulk("Cu", cubic=True).repeat(repeat)
    atoms.rattle(0.05, seed=0)
    data = dataset_from_atoms([atoms])
    cpu = statistics.median(timed(lambda: compute_distances(data))[1] for _ in range(5))
    return f"  {len(atoms):7d} atoms: {cpu / len(atoms) * 1e6:6.2f} us CPU per environment"


def main() -> None:
    print(f"threads: ours {os.cpu_count()}, quests {numba.config.NUMBA_NUM_THREADS} (periodic),")
    print(f"1 (molecules); load average {os.getloadavg()[0]:.1f}")
    print(f"{'':39}{'envs/s, wall clock':>24}{'':9}{'us CPU per environment':>20}")
    print(f"{'':32}{'envs':>7}{'ours':>12}{'quests':>12}{'':9}{'ours':>10}{'quests':>10}")
    for case in CASES:
        print(compare(*case), flush=True)
    print(compare_species("nbmotaw_train.xyz.gz", 1000) + "  (species channels)", flush=True)
    print("processor time over that of the species-blind form: composition, species channels")
    for name, rows in (
        ("nbmotaw_train.xyz.gz", "::10"),
        ("public/snap_nimo.xyz.gz", "::4"),
        ("acac_train_300K.xyz.gz", ":"),
    ):
        print(compare_elements(name, rows), flush=True)
    print("one rattled fcc structure, ours:")
    for repeat in (3, 6, 14, 30):
        print(scaling(repeat))


if __name__ == "__main__":
    main()
