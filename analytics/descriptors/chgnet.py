"""Learned descriptor: the atom features of CHGNet, whose wheel brings its weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from analytics.data.dataset import Dataset
from analytics.descriptors.base import DESCRIPTORS, Descriptors
from analytics.descriptors.learned import (
    FeatureModel,
    LearnedSpec,
    compute_learned,
    file_digest,
    folder_of,
    imported,
    package_identity,
    torch_for_features,
)
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import option

__all__ = ["ChgnetSpec", "compute_chgnet"]

PACKAGE = "chgnet"


@dataclass(frozen=True, slots=True)
class ChgnetSpec(LearnedSpec):
    """Which of the models that come with CHGNet describes an atom."""

    model: str = option(
        "0.3.0",
        choices=("0.3.0", "r2scan"),
        help="0.3.0 was trained on the Materials Project trajectories (PBE), r2scan transferred to "
        "r2SCAN.",
    )

    def identity(self) -> str:
        """See `LearnedSpec`."""
        version = package_identity("the descriptor chgnet", PACKAGE, "chgnet")
        folder = folder_of("chgnet", PACKAGE) / "pretrained" / self.model
        files = sorted(folder.glob("*.pth.tar"))
        missing = f"{version} brings no weights of the model {self.model}"
        if not files:
            raise InputError(missing)
        return f"{version} {file_digest(files[0], missing)}"

    def load(self) -> FeatureModel:
        """See `LearnedSpec`."""
        return _Chgnet(self.model)


class _Chgnet:
    def __init__(self, model: str) -> None:
        self._torch = torch_for_features(PACKAGE)
        network = imported("chgnet.model.model", PACKAGE).CHGNet
        self._structure: Any = imported("pymatgen.core", PACKAGE).Structure
        self._network = network.load(model_name=model, use_device="cpu", verbose=False).eval()
        self._graph = self._network.graph_converter
        self._graph.set_isolated_atom_response("ignore")
        self.name = f"CHGNet {model}"
        self.cutoff = float(self._graph.atom_graph_cutoff)
        self.dimensions = int(self._network.atom_fea_dim)
        self.elements = frozenset(range(1, 95))  # as many rows has its table

    def features(self, frames: Sequence[Atoms]) -> FloatArray:
        graphs = [self._graph(self._periodic(frame)) for frame in frames]
        with self._torch.no_grad():
            found = self._network(graphs, task="e", return_atom_feas=True)["atom_fea"]
        return np.concatenate([part.numpy() for part in found])

    def _periodic(self, frame: Atoms) -> Any:
        """Return the structure inside its cell: coordinates are rounded to single precision."""
        return self._structure(
            *(frame.cell.array, frame.numbers, frame.positions),
            coords_are_cartesian=True,
            to_unit_cell=True,
        )


_DEFAULT = ChgnetSpec()


def compute_chgnet(
    dataset: Dataset, spec: ChgnetSpec = _DEFAULT, *, monitor: Monitor = SILENT
) -> Descriptors:
    """Describe every atom by its 64 features in CHGNet, before the last convolution.

    They are the features that CHGNet reads magnetic moments from: an atom, its neighbours within
    6 angstrom, theirs and so on, in three rounds, with angles between bonds below 3 angstrom.
    They know the element of an atom and of its neighbours.

    Parameters
    ----------
    dataset : Dataset
    spec : ChgnetSpec, optional
    monitor : Monitor, optional

    Returns
    -------
    Descriptors
        values : float32 array (n_env, 64), without unit. Isolated atoms are left out.

    Raises
    ------
    WinnowError, InputError
        See `analytics.descriptors.learned.compute_learned`.

    Notes
    -----
    **Bandwidth.** Without a published one: `auto` finds it in the data. A width of one model says
    nothing about another.

    **Cost.** Linear in the number of environments: about 30 ms of processor for an atom of dense
    carbon (130 neighbours, 290 angles), less where atoms have fewer neighbours; a thousand times
    that of the distances. A batch holds about 64 atoms, or one structure.

    **Caution.** The network was trained on crystals near equilibrium. What it does not know it may
    still map onto what it knows.

    References
    ----------
    Deng et al., Nat. Mach. Intell. 5, 1031 (2023), doi:10.1038/s42256-023-00716-3.
    """
    return compute_learned(dataset, spec, monitor=monitor)


DESCRIPTORS.register("chgnet")((ChgnetSpec, compute_chgnet))
