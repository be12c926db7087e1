"""Learned features: what a trained network knows of an atom, the same for every network.

A network is a spec that says which model it means and loads it (`LearnedSpec`), and the model, a
few lines around a package of others (`FeatureModel`). Neither is imported before it is used.
"""

from __future__ import annotations

import io
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import lru_cache
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from analytics.data.dataset import Dataset
from analytics.descriptors.base import (
    Descriptors,
    described_atoms,
    descriptor_fingerprint,
    refuse_oversize,
)
from analytics.descriptors.frames import batches, framed
from analytics.descriptors.validation import check_geometry
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint
from analytics.runtime.errors import InputError, WinnowError, one_line
from analytics.runtime.parallel import cores
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import Options

__all__ = [
    "FeatureModel",
    "LearnedSpec",
    "compute_learned",
    "file_digest",
    "folder_of",
    "imported",
    "package_identity",
    "quiet",
    "torch_for_features",
]

#: Environments that are described in one go: 0.3 to 3 s of work, after which cancel is heard.
ENVIRONMENTS_PER_CALL = 64


class FeatureModel(Protocol):
    """A trained network that is ready for use.

    Attributes
    ----------
    name : str
        For messages.
    cutoff : float, angstrom
        Distance from which two atoms share no edge.
    dimensions : int
        Numbers for an atom.
    elements : frozenset of int
        Atomic numbers that it knows.
    """

    name: str
    cutoff: float
    dimensions: int
    elements: frozenset[int]

    def features(self, frames: Sequence[Atoms]) -> FloatArray:
        """Return the numbers of all atoms of periodic structures, (n, dimensions), in their order.

        They must not depend on what else is in the batch, nor on the axes or the order of atoms.
        """


class LearnedSpec(Options):
    """What specs of trained networks inherit: which model is meant is part of the fingerprint."""

    __slots__ = ()
    #: What an atom and its neighbours are made of is part of what a network sees.
    tells_elements: ClassVar[bool] = True

    @abstractmethod
    def identity(self) -> str:
        """Return a text that changes with the package and the weights; cheap, imports nothing.

        Raises
        ------
        WinnowError
            If the package or the file is not there: one line that says what to do.
        """

    @abstractmethod
    def load(self) -> FeatureModel:
        """Return the model."""

    def reads(self, dataset: Dataset) -> str:
        """Return the identity: input that is no part of the data set's fingerprint."""
        return self.identity()


def compute_learned(
    dataset: Dataset, spec: LearnedSpec, *, monitor: Monitor = SILENT
) -> Descriptors:
    """Describe every atom by the features that a trained network has of it.

    What is not periodic gets a box so large that images share no edge.

    Parameters
    ----------
    dataset : Dataset
    spec : LearnedSpec
    monitor : Monitor, optional
        Asked between batches of whole structures.

    Returns
    -------
    Descriptors
        values : float32 array (n_env, d), without unit.

    Raises
    ------
    WinnowError
        If the package is missing or cannot be used, or the rows do not fit into memory.
    InputError
        If the model file is missing, a structure has an element that the model does not know or no
        geometry to describe, or the network gives something that is no number for it.
    """
    monitor.checkpoint()
    given = descriptor_fingerprint(dataset, spec)  # fails here if there is no such model
    structures, rows, offsets = described_atoms(dataset)
    monitor.report(0.0, "loading the model")
    model = _loaded(spec, spec.identity())
    _check_elements(dataset, rows, model)
    check_geometry(dataset, structures, model.cutoff)
    refuse_oversize(len(rows), model.dimensions, "describe a part of the structures")
    values = np.empty((len(rows), model.dimensions), dtype=np.float32)
    for first, last in batches(offsets, ENVIRONMENTS_PER_CALL):
        monitor.checkpoint()
        frames = [framed(dataset, int(s), model.cutoff, boxed=True) for s in structures[first:last]]
        part = values[offsets[first] : offsets[last]]
        with quiet():
            part[:] = model.features(frames)
        lost = ~np.isfinite(part).all(axis=1)
        if lost.any():
            at = int(np.searchsorted(offsets, offsets[first] + np.argmax(lost), side="right")) - 1
            raise _refusal(dataset, int(structures[at]), f"{model.name} gives no numbers for it")
        monitor.report(offsets[last] / offsets[-1], "descriptors")
    return Descriptors(values, structures, offsets, rows, spec, dataset.fingerprint, given)


@lru_cache(maxsize=2)
def _loaded(spec: LearnedSpec, identity: str) -> FeatureModel:
    """Return a model; it is kept, for loading one takes seconds. `identity` is part of the key."""
    with quiet():
        return spec.load()


def _refusal(dataset: Dataset, structure: int, cause: str) -> InputError:
    frame = int(dataset.frame_indices[structure])
    return InputError(cause, source=dataset.name, structure=frame)


def _check_elements(dataset: Dataset, rows: IntArray, model: FeatureModel) -> None:
    strange = ~np.isin(dataset.numbers[rows], list(model.elements))
    if strange.any():
        row = int(rows[np.argmax(strange)])
        structure = int(np.searchsorted(dataset.structure_offsets, row, side="right")) - 1
        symbol = chemical_symbols[dataset.numbers[row]]
        raise _refusal(dataset, structure, f"{model.name} was not trained on {symbol}")


# --------------------------------------------------------------------------- packages of others


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what the packages say to themselves: standard output belongs to the command."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def package_identity(title: str, package: str, extra: str) -> str:
    """Return name and version of an installed package.

    Raises
    ------
    WinnowError
        If it is not installed.
    """
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        raise WinnowError(
            f"{title} needs the package {package}, which is not installed: "
            f"python -m pip install 'winnow-atomistic[{extra}]', or python -m pip install {package}"
        ) from None


def imported(name: str, package: str) -> Any:
    """Import a module of an installed package.

    Raises
    ------
    WinnowError
        If that fails: versions that do not fit together are frequent among these packages.
    """
    try:
        return import_module(name)
    except Exception as error:
        raise WinnowError(
            f"the package {package} cannot be used: {one_line(str(error))} ({type(error).__name__})"
        ) from error


def torch_for_features(package: str) -> Any:
    """Return torch, as the packages need it and on as many cores as Winnow may use."""
    torch = imported("torch", package)
    # e3nn up to 0.5 reads a file of its own that holds slices, which torch 2.6 and newer refuse
    torch.serialization.add_safe_globals([slice])
    torch.set_num_threads(cores())
    return torch


def folder_of(module: str, package: str) -> Path:
    """Return the folder of an installed package, which is not imported for it.

    Raises
    ------
    WinnowError
        If it has none.
    """
    found = find_spec(module)
    if found is None or not found.submodule_search_locations:
        raise WinnowError(f"the package {package} cannot be used: it has no module {module}")
    return Path(found.submodule_search_locations[0])


def file_digest(path: Path, missing: str) -> str:
    """Return a digest of what a file holds.

    Parameters
    ----------
    path : Path
    missing : str
        What to say if it is not there.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        seen = path.stat()
        return _digest(str(path), seen.st_mtime_ns, seen.st_size)
    except FileNotFoundError:
        raise InputError(missing, source=str(path)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=str(path)) from None


@lru_cache(maxsize=16)
def _digest(path: str, changed: int, size: int) -> str:
    """Return the digest of a file as it was last changed; it is asked for several times a run."""
    return fingerprint(np.fromfile(path, dtype=np.uint8))
