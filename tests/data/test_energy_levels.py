"""Energies against those of the same class and composition."""

from __future__ import annotations

import numpy as np
import pytest
from makers import real_file

import winnow_atomistic as winnow
from analytics.data.dataset import Dataset
from analytics.data.energy_levels import energy_levels


def classes(**energies: np.ndarray) -> Dataset:
    """Make a data set of pairs of copper atoms, with the energies per atom of each class."""
    values = np.concatenate([*energies.values()])
    n = len(values)
    return Dataset(
        numbers=np.full(2 * n, 29),
        positions=np.random.default_rng(0).uniform(0, 5, (2 * n, 3)),
        structure_offsets=np.arange(0, 2 * n + 1, 2),
        cells=np.broadcast_to(5.0 * np.eye(3), (n, 3, 3)),
        pbc=np.ones((n, 3), dtype=bool),
        energies=2.0 * values,
        config_type=np.repeat(list(energies), [len(e) for e in energies.values()]),
    )


def level(middle: float, n: int, seed: int = 0, width: float = 0.02) -> np.ndarray:
    return middle + np.random.default_rng(seed).normal(scale=width, size=n)


def test_a_second_mode_is_one_block():
    data = classes(a=np.concatenate([level(-4.0, 40), level(-2.5, 12, 1)]), b=level(-4.0, 30, 2))
    (block,) = energy_levels(data).blocks
    assert (block.kind, block.config_type, block.formula) == ("level", "a", "Cu2")
    assert (len(block.structures), block.n_group) == (12, 52)
    assert 1.4 < block.lowest < block.highest < 1.6
    assert block.words.endswith("a level of their own")


def test_a_few_far_ones_are_outliers_and_a_smooth_series_is_none():
    strained = -4.0 + 0.003 * np.linspace(0, 30, 60) ** 2  # dense near the minimum, far at the end
    assert energy_levels(classes(eos=strained)).blocks == ()
    (block,) = energy_levels(classes(md=np.append(level(-4.0, 40), -3.0))).blocks
    assert (block.kind, block.structures.tolist()) == ("outliers", [40])


def test_a_class_that_lies_apart_is_an_island():
    data = classes(a=level(-4.0, 40), b=level(-4.1, 30, 1), other=level(-3.0, 20, 2))
    (block,) = energy_levels(data).blocks
    assert (block.kind, block.config_type, len(block.structures)) == ("island", "other", 20)


def test_a_composition_of_its_own_is_no_outlier():
    """Of one class, with energies of mixing: each composition is compared with itself."""
    rng = np.random.default_rng(1)
    mixed = classes(md=np.concatenate([level(-4.0, 60), level(-5.0, 30, 1)]))
    numbers = np.array(mixed.numbers)
    numbers[121::2] = 28
    data = Dataset(
        numbers, mixed.positions, mixed.structure_offsets, mixed.cells, mixed.pbc,
        energies=mixed.energies + 0.01 * rng.normal(size=90), config_type=mixed.config_type,
    )  # fmt: skip
    assert energy_levels(data).blocks == ()


def test_published_tungsten_beryllium_has_blocks_and_no_long_list():
    """Before, 823 rows: 519 of one stoichiometry of an MD, 45 of one group of slabs."""
    blocks = energy_levels(winnow.read(real_file("wbe_snap2019.xyz.gz"))).blocks
    assert sum(len(block.structures) for block in blocks) < 130
    words = "\n".join(block.words for block in blocks)
    assert "45 of 180 of surface, W12: +0.84 to +0.87 eV/atom, a level of their own" in words
    assert "20 of 46 of Defect_BTetra, Be257: +2.96 to +3.02 eV/atom, a level of their own" in words
    assert "DFT_MD_300K" not in words


@pytest.mark.parametrize("name", ["mlearn_Cu_train.xyz", "acac_train_600K.xyz.gz"])
def test_clean_sets_have_none(name):
    assert energy_levels(winnow.read(real_file(name))).blocks == ()
