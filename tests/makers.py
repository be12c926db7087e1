"""Small data sets and analyses that several test files share."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from numpy.testing import assert_array_equal

import winnow_atomistic as winnow
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis
from analytics.information.kernel import PUBLISHED, KernelSpec
from analytics.runtime.errors import Cancelled

BANDWIDTH = 0.5


@dataclass(frozen=True, slots=True)
class Given:
    """Spec of descriptors that were not computed from positions."""

    number: int = 0


def make_dataset(
    sizes: Sequence[int] = (3, 1, 4),
    *,
    seed: int = 0,
    energies: bool = True,
    forces: bool = True,
    isolated: int = 0,
) -> Dataset:
    """Random periodic structures; the last `isolated` ones are isolated atoms."""
    rng = np.random.default_rng(seed)
    sizes = [*sizes, *[1] * isolated]
    n, m = sum(sizes), len(sizes)
    pbc = np.ones((m, 3), dtype=bool)
    pbc[m - isolated :] = False
    return Dataset(
        numbers=rng.choice([6, 14], n),
        positions=rng.uniform(0, 8, (n, 3)),
        structure_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        cells=np.broadcast_to(7.9 * np.eye(3), (m, 3, 3)),  # a single atom is not isolated
        pbc=pbc,
        energies=rng.normal(size=m) if energies else None,
        forces=rng.normal(size=(n, 3)) * rng.lognormal(size=(n, 1)) if forces else None,
        config_type=np.array([f"class{i % 3}" for i in range(m)]),
        name="made.xyz",
    )


def dataset_of(*frames: Atoms, **more: Any) -> Dataset:
    """Return the data set of structures of ASE, with columns besides."""
    return Dataset(
        numbers=np.concatenate([a.numbers for a in frames]),
        positions=np.concatenate([a.positions for a in frames]),
        structure_offsets=np.concatenate([[0], np.cumsum([len(a) for a in frames])]),
        cells=np.array([a.cell.array for a in frames]),
        pbc=np.array([a.pbc for a in frames]),
        **more,
    )


def make_analysis(
    values: np.ndarray | None = None,
    sizes: Sequence[int] | None = None,
    *,
    seed: int = 0,
    bandwidth: float = BANDWIDTH,
    forces: bool = True,
    isolated: int = 0,
    dimensions: int = 3,
) -> Analysis:
    """Analyse given (or random, clustered) descriptors split into structures of the given sizes."""
    rng = np.random.default_rng(seed)
    if sizes is None:
        sizes = [1] * len(values) if values is not None else rng.integers(1, 9, 25).tolist()
    n = int(sum(sizes))
    if values is None:
        centres = rng.normal(size=(5, dimensions)) * 2
        values = centres[rng.integers(0, 5, n)] + rng.normal(size=(n, dimensions)) * 0.4
    values = np.asarray(values, dtype=np.float64)
    dataset = make_dataset(sizes, seed=seed, forces=forces, isolated=isolated)
    described = Descriptors(
        values=values,
        structures=np.arange(len(sizes)),
        structure_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        environments=np.arange(n),
        spec=Given(hash(values.tobytes())),
        source=dataset.fingerprint,
    )
    return winnow.analyse(dataset, described, KernelSpec(bandwidth))


def relabelled(analysis: Analysis, order: np.ndarray) -> Analysis:
    """The same structures in another order of the file."""
    own, data = analysis.descriptors, analysis.dataset
    sizes = analysis.sizes[order]
    blocks = np.split(own.values, own.structure_offsets[1:-1])
    taken: Dataset = data.take(order)
    described = replace(
        own,
        values=np.concatenate([blocks[s] for s in order]),
        structures=np.arange(len(order)),
        structure_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        environments=np.arange(sizes.sum()),
        source=taken.fingerprint,
        fingerprint="",
    )
    return winnow.analyse(taken, described, analysis.spec)


def kernel_twin(x: np.ndarray, y: np.ndarray, bandwidth: float) -> np.ndarray:
    """Return the kernel matrix in double precision, from differences."""
    squares = ((x[:, None, :].astype(float) - y[None, :, :].astype(float)) ** 2).sum(axis=2)
    return np.exp(-squares / (2 * bandwidth**2))


def real_file(name: str) -> Path:
    """Return a published data set, or skip where it is absent."""
    here = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("WINNOW_DATA") or here) / name
    if not path.is_file():
        pytest.skip(f"no data set {path}")
    return path


@cache
def real_descriptors(name: str) -> tuple[Dataset, Descriptors]:
    """Return a published data set and its descriptors."""
    dataset = winnow.read(real_file(name))
    return dataset, winnow.describe(dataset)


@cache
def real_analysis(name: str) -> Analysis:
    """Return the analysis of a published data set, at the published width of the kernel."""
    return winnow.analyse(*real_descriptors(name), KernelSpec(PUBLISHED))


@cache
def every_nth_of_silicon(step: int) -> Analysis:
    """Return the analysis of every so many-th structure of silicon, at the published width."""
    dataset = winnow.read(real_file("mlearn_Si_train.xyz"))
    part = dataset.take(np.arange(0, dataset.n_structures, step))
    return winnow.analyse(part, winnow.describe(part), KernelSpec(PUBLISHED))


@contextmanager
def dask_workers(number: int) -> Iterator[str]:
    """Start a scheduler with workers, each a process of its own; yield its address."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=number,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        silence_logs="CRITICAL",
    ) as cluster:
        yield cluster.scheduler_address


class Recorder:
    """A monitor that remembers what it was told and cancels at the given checkpoint."""

    def __init__(self, cancel_at: int | None = None) -> None:
        self.fractions: list[float] = []
        self.messages: list[str] = []
        self.checkpoints = 0
        self.cancel_at = cancel_at

    def report(self, fraction: float, message: str = "") -> None:
        self.fractions.append(fraction)
        self.messages.append(message)

    def checkpoint(self) -> None:
        self.checkpoints += 1
        if self.cancel_at is not None and self.checkpoints >= self.cancel_at:
            raise Cancelled


def assert_same(a: Dataset, b: Dataset, *, added: tuple[str, ...] = ("original_index",)) -> None:
    """Check that a data set came back from a file, but for the keys that were added."""
    assert a.fingerprint == b.fingerprint
    assert a.keys == b.keys
    for x, y in zip(a.records, b.records, strict=True):
        info = {k: v for k, v in y.info.items() if k not in added}
        assert x.info.keys() == info.keys()
        for key, value in x.info.items():
            assert type(value) is type(info[key])
            assert_array_equal(value, info[key])
        assert x.arrays.keys() == y.arrays.keys()
        for key, array in x.arrays.items():
            assert array.dtype.kind == y.arrays[key].dtype.kind
            assert_array_equal(array, y.arrays[key])


def soon(condition: Callable[[], bool]) -> bool:
    """Wait until something holds, a minute at most; return whether it does."""
    until = time.monotonic() + 60.0
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def runs(pid: int) -> bool:
    """Whether a process exists and has not ended: one that nobody has waited for has."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[0]
    except OSError:
        return False
    return status not in "ZX"
