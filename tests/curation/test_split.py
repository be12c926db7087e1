"""Splitting into training, validation and test set."""

import json

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.curation.overlap import leakage
from analytics.curation.split import Split, _deal, split
from analytics.data.dataset import Dataset
from analytics.data.readers import dataset_from_atoms, read
from analytics.descriptors.distances import describe
from analytics.runtime.errors import InputError


def cluster(seed: int, symbols: str = "CCCC") -> Atoms:
    atoms = Atoms(symbols)
    atoms.positions = np.random.default_rng(seed).uniform(0, 3, (len(atoms), 3))
    return atoms


def turned(atoms: Atoms, angle: float = 40.0) -> Atoms:
    """Return the same structure turned, moved and with its atoms in another order."""
    found = atoms.copy()[::-1]
    found.rotate(angle, (1, 2, 3))
    found.translate((5, -3, 1))
    return found


@pytest.fixture(scope="module")
def data() -> Dataset:
    """60 clusters of carbon, each twice, 20 of silicon, an isolated atom; a chain of five."""
    frames = [Atoms("C", info={"config_type": "isolated_atom"})]
    for seed in range(60):
        first = cluster(seed)
        for atoms in (first, turned(first)):
            atoms.info.update(config_type="carbon", run=f"run{seed // 2}")
            frames.append(atoms)
    frames += [cluster(1000 + seed, "CSi") for seed in range(20)]
    chain = cluster(7777, "CCCCC")
    for step in range(5):  # each is near the next, and the ends are far apart
        near = chain.copy()
        near.positions[0] += (0.0015 * step, 0, 0)
        frames.append(near)
    return dataset_from_atoms(frames)


@pytest.fixture(scope="module")
def found(data) -> Split:
    return split(data, (0.7, 0.1, 0.2), seed=3)


def test_parts_are_a_partition_of_the_asked_sizes(data, found) -> None:
    parts = list(found.parts.values())
    assert sorted(np.concatenate(parts)) == list(range(data.n_structures))
    free = data.n_structures - 1
    shares = [len(part) / free for part in parts]
    assert np.allclose(shares, (0.7, 0.1, 0.2), atol=0.03)


def test_nothing_leaks(data, found) -> None:
    assert found.leaked == 0
    assert found.leaked_at_random > 10
    train, valid, test = (data.take(part) for part in found.parts.values())
    described = [(one, describe(one)) for one in (train, valid, test)]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert len(leakage(described[a], described[b]).test) == 0


def test_what_is_kept_together(data, found) -> None:
    groups = {tuple(group) for group in found.groups}
    pairs = {(i, i + 1) for i in range(1, 121, 2)}
    chain = tuple(range(141, 146))
    assert groups == pairs | {chain}
    assert tuple(found.groups[0]) == chain


def test_isolated_atoms_are_for_training(found) -> None:
    assert found.part[0] == 0
    assert list(found.isolated) == [0]


def test_each_composition_has_its_share(data, found) -> None:
    silicon = np.flatnonzero([14 in data.numbers[data.rows(s)] for s in range(data.n_structures)])
    counts = np.bincount(found.part[silicon], minlength=3)
    assert np.abs(counts - [14, 2, 4]).max() <= 1


def test_groups_of_a_key(data) -> None:
    by_run = split(data, (0.5, 0.5), group_key="run")
    runs = [str(record.info.get("run", s)) for s, record in enumerate(data.records)]
    for run in set(runs):
        assert len(set(by_run.part[np.array(runs) == run])) == 1
    with pytest.raises(
        InputError, match="no structure has the key 'walk'; it has config_type, run"
    ):
        split(data, (0.5, 0.5), group_key="walk")


def test_the_seed_decides(data, found) -> None:
    again, other = split(data, (0.7, 0.1, 0.2), seed=3), split(data, (0.7, 0.1, 0.2), seed=4)
    assert again == found
    assert not np.array_equal(other.part, found.part)


@pytest.mark.parametrize(("fractions", "names", "told"), [
    ((0.5, 0.6), None, "sum to 1.1, not to 1"),
    ((1.0,), None, "not two or more above zero"),
    ((1.5, -0.5), None, "not two or more above zero"),
    ((0.5, 0.5), ("a", "a"), "not 2 different ones"),
])  # fmt: skip
def test_what_is_no_split(data, fractions, names, told) -> None:
    with pytest.raises(ValueError, match=told):
        split(data, fractions, names=names)


@settings(max_examples=100, deadline=None)
@given(
    groups=st.lists(st.integers(0, 30), min_size=1, max_size=80),
    kinds=st.integers(1, 4),
    share=st.floats(0.1, 0.9),
    seed=st.integers(0, 5),
)
def test_groups_are_never_parted(groups, kinds, share, seed) -> None:
    group = np.unique(groups, return_inverse=True)[1]
    strata = np.random.default_rng(seed).integers(0, kinds, len(group))
    strata = np.unique(strata, return_inverse=True)[1]
    shares = np.array([share, 1 - share])
    part = _deal(group, strata, shares, np.random.default_rng(seed))
    for one in set(group.tolist()):
        assert len(set(part[group == one])) == 1
    # off by no more than the largest group
    off = abs((part == 0).sum() - share * len(group))
    assert off <= np.bincount(group).max() + 1


def test_the_command(run, run_json, fails, data, tmp_path) -> None:
    from analytics.data.export import write_subset

    file = tmp_path / "all.xyz"
    write_subset(data, np.arange(data.n_structures), file)
    out = tmp_path / "set.xyz"
    code, text, err = run("split", file, "-o", out, "--fractions", "0.7,0.1,0.2", "--seed", 3)
    assert (code, err) == (0, "")
    assert "1 isolated atom in train" in text
    assert "kept together: 61 groups of 125 structures" in text
    assert "leakage: 0 of " in text
    recipe = json.loads((tmp_path / "set.json").read_text())
    assert recipe["leaked"] == 0
    for name in ("train", "valid", "test"):
        part = read(tmp_path / f"set_{name}.xyz")
        indices = [record.info["winnow_original_index"] for record in part.records]
        assert indices == recipe["parts"][name]
    split = ("split", file, "--fractions", "0.7,0.1,0.2", "--seed", 3)
    assert run_json(*split)["parts"] == recipe["parts"]
    assert "exists already; --force" in fails(*split, "-o", out)
    assert "sum to 0.9" in fails("split", file, "--json", "--fractions", "0.8,0.1")
    assert "a split is several files" in fails("split", file, "-o", "-")
    named = fails("split", file, "--json", "--names", "a,../b,c")
    assert "cannot be part of the name of a file" in named
