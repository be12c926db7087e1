"""Learned descriptor: the atom features of a MACE model of your own, from its file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
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
    imported,
    package_identity,
    torch_for_features,
)
from analytics.descriptors.model_files import trusted_file
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError, WinnowError, one_line
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import option

__all__ = ["MaceSpec", "compute_mace"]

PACKAGE = "mace-torch"


@dataclass(frozen=True, slots=True)
class MaceSpec(LearnedSpec):
    """Which MACE model describes an atom."""

    model_file: str = option(
        "",
        file=True,
        help="File of the model, as mace_run_train writes it. It is a program: open none that you "
        "do not trust.",
    )

    def identity(self) -> str:
        """See `LearnedSpec`."""
        version = package_identity("the descriptor mace", PACKAGE, "mace")
        if not self.model_file:
            raise WinnowError(
                "the descriptor mace needs the file of a model as model_file "
                "(--descriptor-model-file)"
            )
        missing = "there is no such model file"
        return f"{version} {file_digest(trusted_file(self.model_file), missing)}"

    def load(self) -> FeatureModel:
        """See `LearnedSpec`."""
        return _Mace(trusted_file(self.model_file))


class _Mace:
    def __init__(self, path: Path) -> None:
        self._torch = torch_for_features(PACKAGE)
        self._data: Any = imported("mace.data", PACKAGE)
        self._tools: Any = imported("mace.tools", PACKAGE)
        self._invariant: Any = imported("mace.modules.utils", PACKAGE).extract_invariant
        self._batch: Any = imported("mace.tools.torch_geometric.batch", PACKAGE).Batch
        try:
            # weights alone cannot be told from the rest: the file holds the network as a program
            model = self._torch.load(path, map_location="cpu", weights_only=False)
            self.cutoff = float(model.r_max)
            numbers = [int(z) for z in model.atomic_numbers]
            irreps = model.products[0].linear.irreps_out
            self._kind = next(model.parameters()).dtype
        except Exception as error:
            told = one_line(f"{error} ({type(error).__name__})", 200)
            raise InputError(f"holds no MACE model: {told}", source=str(path)) from error
        self._network = model.eval()
        self._rounds, self._l = int(model.num_interactions), int(irreps.lmax)
        self._channels = int(irreps.dim) // (self._l + 1) ** 2
        self._heads = list(getattr(model, "heads", None) or ["Default"])
        self._table = self._tools.utils.AtomicNumberTable(numbers)
        self.name = f"the MACE model {path.name}"
        self.dimensions = self._rounds * self._channels
        self.elements = frozenset(numbers)

    def features(self, frames: Sequence[Atoms]) -> FloatArray:
        with _default_type(self._torch, self._kind):
            graphs = [self._graph(frame) for frame in frames]
            data = self._batch.from_data_list(graphs).to_dict()
            with self._torch.no_grad():
                found = self._network(data, compute_force=False)["node_feats"]
        rows = self._invariant(
            found, num_layers=self._rounds, num_features=self._channels, l_max=self._l
        )
        return np.asarray(rows.numpy())

    def _graph(self, frame: Atoms) -> Any:
        config = self._data.config_from_atoms(frame, head_name=self._heads[0])
        return self._data.AtomicData.from_config(
            config, z_table=self._table, cutoff=self.cutoff, heads=self._heads
        )


@contextmanager
def _default_type(torch: Any, kind: Any) -> Iterator[None]:
    """Make numbers of the precision that the model has; mace takes that of torch."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(kind)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


_DEFAULT = MaceSpec()


def compute_mace(
    dataset: Dataset, spec: MaceSpec = _DEFAULT, *, monitor: Monitor = SILENT
) -> Descriptors:
    """Describe every atom by the invariant features of a MACE model.

    They are the scalars that each round of messages leaves, one round after the other, as
    ``MACECalculator.get_descriptors`` returns them: C channels after each of T rounds. They know
    the element of an atom and of its neighbours.

    Parameters
    ----------
    dataset : Dataset
    spec : MaceSpec
        With the file of a model: MACE brings none, and nothing is loaded from elsewhere.
    monitor : Monitor, optional

    Returns
    -------
    Descriptors
        values : float32 array (n_env, T C), without unit. Isolated atoms are left out.

    Raises
    ------
    WinnowError, InputError
        See `analytics.descriptors.learned.compute_learned`.

    Notes
    -----
    **Bandwidth.** Without a published one: `auto` finds it in the data. A width of one model says
    nothing about another.

    **Trust.** The file of a model is a pickle that holds the network as a program: reading it runs
    what it says. On the page only models in the folders of ``winnow serve --models`` are read.

    **Caution.** A model that was trained on the same data knows their labels: a test that is chosen
    by its features is not independent.

    References
    ----------
    Batatia et al., NeurIPS 35, 11423 (2022), arXiv:2206.07697.
    """
    return compute_learned(dataset, spec, monitor=monitor)


DESCRIPTORS.register("mace")((MaceSpec, compute_mace))
