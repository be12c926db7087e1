"""Learned descriptor: the atom features of SevenNet, whose wheel brings its weights."""

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
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import option

__all__ = ["SevennetSpec", "compute_sevennet"]

PACKAGE = "sevenn"
#: Where the weights of each model lie in the package.
WEIGHTS = {
    "7net-0": "SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth",
    "7net-l3i5": "SevenNet_l3i5/checkpoint_l3i5.pth",
}
#: The part of the network that turns the features of an atom into its energy.
READOUT = "reduce_input_to_hidden"


@dataclass(frozen=True, slots=True)
class SevennetSpec(LearnedSpec):
    """Which of the models that come with SevenNet describes an atom."""

    model: str = option(
        "7net-0",
        choices=tuple(WEIGHTS),
        help="7net-0 is the one of July 2024, 7net-l3i5 is larger and takes twice as long.",
    )

    def identity(self) -> str:
        """See `LearnedSpec`."""
        version = package_identity("the descriptor sevennet", PACKAGE, "sevennet")
        missing = f"{version} brings no weights of the model {self.model}"
        return f"{version} {file_digest(self.file(), missing)}"

    def file(self) -> Any:
        """Return where the weights are."""
        return folder_of("sevenn", PACKAGE) / "pretrained_potentials" / WEIGHTS[self.model]

    def load(self) -> FeatureModel:
        """See `LearnedSpec`."""
        return _Sevennet(self.model, str(self.file()))


class _Sevennet:
    def __init__(self, model: str, file: str) -> None:
        self._torch = torch_for_features(PACKAGE)
        names = imported("sevenn._keys", PACKAGE)
        self._atoms, self._feature = names.ATOMIC_NUMBERS, names.NODE_FEATURE
        self._graph: Any = imported("sevenn.train.dataload", PACKAGE).unlabeled_atoms_to_graph
        self._data: Any = imported("sevenn.atom_graph_data", PACKAGE).AtomGraphData
        self._batch: Any = imported("torch_geometric.data", PACKAGE).Batch
        network, config = imported("sevenn.util", PACKAGE).model_from_checkpoint(file)
        self._network = network.eval()
        self._network.set_is_batch_data(True)
        layers = dict(self._network.named_children())
        # all up to the features: what follows reads energies and their derivatives from them
        self._layers = list(layers.values())[: list(layers).index(READOUT)]
        self.name = f"SevenNet {model}"
        self.cutoff = float(config[names.CUTOFF])
        self.dimensions = int(layers[READOUT].linear.irreps_in.dim)
        types = {int(z): int(at) for z, at in config[names.TYPE_MAP].items()}
        self.elements = frozenset(types)
        self._types = np.full(max(types) + 1, -1)
        self._types[list(types)] = list(types.values())

    def features(self, frames: Sequence[Atoms]) -> FloatArray:
        graphs = [self._data.from_numpy_dict(self._graph(f, self.cutoff)) for f in frames]
        data = self._batch.from_data_list(graphs)
        numbers = data[self._atoms].numpy()
        data[self._feature] = self._torch.from_numpy(self._types[numbers])
        with self._torch.no_grad():
            for layer in self._layers:
                data = layer(data)
        return np.asarray(data[self._feature].numpy())


_DEFAULT = SevennetSpec()


def compute_sevennet(
    dataset: Dataset, spec: SevennetSpec = _DEFAULT, *, monitor: Monitor = SILENT
) -> Descriptors:
    """Describe every atom by its 128 features in SevenNet, those it reads the energy from.

    They are the scalars that the last of five rounds of messages within 5 angstrom leaves; an
    atom's energy is a small network of them. They know the element of an atom and of its
    neighbours.

    Parameters
    ----------
    dataset : Dataset
    spec : SevennetSpec, optional
    monitor : Monitor, optional

    Returns
    -------
    Descriptors
        values : float32 array (n_env, 128), without unit. Isolated atoms are left out.

    Raises
    ------
    WinnowError, InputError
        See `analytics.descriptors.learned.compute_learned`.

    Notes
    -----
    **Bandwidth.** Without a published one: `auto` finds it in the data. A width of one model says
    nothing about another.

    **Cost.** Linear in the number of environments: about 40 ms of processor for an atom of diamond
    (70 neighbours), 85 ms with 7net-l3i5. A batch holds about 64 atoms, or one structure.

    **Licence.** SevenNet is under the GPL, version 3. It is not part of Winnow and is only
    installed by who asks for it.

    **Caution.** The network was trained on crystals near equilibrium. What it does not know it may
    still map onto what it knows.

    References
    ----------
    Park et al., J. Chem. Theory Comput. 20, 4857 (2024), doi:10.1021/acs.jctc.4c00190.
    """
    return compute_learned(dataset, spec, monitor=monitor)


DESCRIPTORS.register("sevennet")((SevennetSpec, compute_sevennet))
