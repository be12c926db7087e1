"""Labelled data sets that figures are measured over: all in the shared folder with forces.

    python -m benchmarks.labelled_sets      # what they are, and what was left out

Of large sets a part drawn at random stands for the whole, so that one figure over all of them takes
minutes: at most 300 structures and 15 000 environments unless a benchmark says otherwise.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import winnow_atomistic as winnow
from analytics.data.dataset import Dataset

__all__ = ["DATA", "LABELLED", "LabelledSet", "load", "load_test", "present"]

#: The folder of data that benchmarks read; WINNOW_DATA names another.
DATA = Path(os.environ.get("WINNOW_DATA") or Path(__file__).parents[2] / "shared" / "data")
MOST_STRUCTURES, MOST_ENVIRONMENTS = 300, 15_000


@dataclass(frozen=True)
class LabelledSet:
    """Files that make up a set, in the folder of data, and how to read them.

    Attributes
    ----------
    files : tuple of str
    kind : str
        What it is: metal, alloy, semiconductor, oxide, molecule, liquid ...
    tests : tuple of str
        Files that their authors published as tests.
    species : str, optional
        Elements of types, for a format without elements.
    """

    files: tuple[str, ...]
    kind: str
    tests: tuple[str, ...] = ()
    species: str | None = None


def _mlearn(element: str, kind: str) -> LabelledSet:
    return LabelledSet((f"mlearn_{element}_train.xyz", f"mlearn_{element}_test.xyz"), kind)


def _rmd17(molecule: str, *tests: str) -> LabelledSet:
    return LabelledSet((f"public/rmd17_{molecule}_train01.xyz.gz",), "molecule", tests)


#: By name. Sets without forces (alnicu, cu2s, oxides) and those whose labels are no energies of
#: cells (snap_mo2017: per atom) are not among them, nor those of fewer than 20 structures.
LABELLED: dict[str, LabelledSet] = {
    "Si": _mlearn("Si", "semiconductor"),
    "Ge": _mlearn("Ge", "semiconductor"),
    "Cu": _mlearn("Cu", "metal"),
    "Mo": _mlearn("Mo", "metal"),
    "Ta": LabelledSet(("ta_snap2014.xyz.gz",), "metal"),
    "nbmotaw": LabelledSet(
        ("nbmotaw_train.xyz.gz",),
        "alloy",
        ("nbmotaw_test_id.xyz.gz", "nbmotaw_test_ood_quaternary.xyz.gz"),
    ),
    "wbe": LabelledSet(("wbe_snap2019.xyz.gz",), "alloy"),
    "tial": LabelledSet(("public/tial_acetutorial.xyz.gz",), "alloy"),
    "nimo": LabelledSet(("public/snap_nimo.xyz.gz",), "alloy"),
    "pbte": LabelledSet(("public/pbte_nep_train.xyz.gz",), "compound"),
    "mosi2n4": LabelledSet(("public/mosi2n4_nep_train.xyz.gz",), "compound"),
    "sio": LabelledSet(("public/sio_mlip_train.extxyz.gz",), "oxide"),
    "graphene": LabelledSet(("public/graphene_mtp_test.cfg.gz",), "carbon", species="0=C"),
    "water": LabelledSet(("public/dp_water",), "liquid"),
    "h2o": LabelledSet(("public/n2p2_h2o.xyz.gz",), "liquid"),
    "ecemc": LabelledSet(("public/ecemc_liquid.xyz.gz",), "liquid"),
    "solvent": LabelledSet(
        ("public/solvent_xtb_train_200.xyz.gz",), "liquid", ("public/solvent_xtb_test.xyz.gz",)
    ),
    "acac": LabelledSet(
        ("acac_train_300K.xyz.gz",),
        "molecule",
        ("acac_test_300K.xyz.gz", "acac_test_600K.xyz.gz"),
    ),
    "acac600": LabelledSet(("acac_train_600K.xyz.gz",), "molecule", ("acac_test_300K.xyz.gz",)),
    "3bpa": LabelledSet(("3bpa_train_300K.xyz.gz",), "molecule", ("3bpa_train_mixedT.xyz.gz",)),
    "3bpa_mixed": LabelledSet(("3bpa_train_mixedT.xyz.gz",), "molecule"),
    **{
        molecule: _rmd17(molecule, *tests)
        for molecule, tests in {
            "aspirin": ("public/rmd17_aspirin_test01.xyz.gz",),
            "ethanol": ("public/rmd17_ethanol_test01.xyz.gz",),
            "benzene": ("public/rmd17_benzene_test01.xyz.gz",),
            **dict.fromkeys(
                (
                    "azobenzene",
                    "malonaldehyde",
                    "naphthalene",
                    "paracetamol",
                    "salicylic",
                    "toluene",
                    "uracil",
                ),
                (),
            ),
        }.items()
    },
}


def present(names: list[str] | None = None) -> list[str]:
    """Return the names of those whose files are there."""
    names = list(LABELLED) if names is None else names
    return [n for n in names if all((DATA / file).exists() for file in LABELLED[n].files)]


def load(
    name: str,
    *,
    structures: int = MOST_STRUCTURES,
    environments: int = MOST_ENVIRONMENTS,
    seed: int = 0,
) -> Dataset:
    """Return a set, or a part of it drawn at random: at most so many structures, environments.

    Isolated atoms always stay: the energy of an atom is no matter of chance.
    """
    each = LABELLED[name]
    files = [DATA / file for file in each.files]
    data = winnow.read(files if len(files) > 1 else files[0], species=each.species)
    inside = np.flatnonzero(~data.isolated)
    drawn = np.random.default_rng(seed).permutation(inside)[:structures]
    fit = int(np.searchsorted(np.cumsum(data.sizes[drawn]), environments, side="right"))
    taken = drawn[: max(2, fit)]
    if len(taken) == len(inside):
        return data
    return data.take(np.union1d(taken, np.flatnonzero(data.isolated)))


def load_test(name: str, file: str) -> Dataset:
    """Return a published test of a set."""
    return winnow.read(DATA / file, species=LABELLED[name].species)


def main() -> None:
    """Print a line for each set."""
    for name in present():
        data = load(name)
        forces = int(np.isfinite(data.force_norms).sum())
        print(
            f"{name:14}{LABELLED[name].kind:14}{data.n_structures:6} structures"
            f"{data.n_environments:8} environments {len(np.unique(data.numbers))} elements"
            f"{forces:8} forces",
            flush=True,
        )


if __name__ == "__main__":
    main()
