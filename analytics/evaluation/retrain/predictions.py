"""Predictions of another model that a file carries along: found by name, compared with the labels.

A file written by an evaluation of, say, MACE has ``MACE_energy`` in the comment line and
``MACE_forces`` among the columns. Any name of that form is a model, in either order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.data.dataset import Dataset
from analytics.data.label_names import meaning_of
from analytics.evaluation.retrain.errors import Errors, Parity
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError
from analytics.runtime.pieces import keys_in, under
from analytics.runtime.value import Value

BoolArray = npt.NDArray[np.bool_]

__all__ = ["Prediction", "errors_of", "find_predictions", "parity_of_prediction"]

_BEFORE = re.compile(r"(?P<model>.+?)[_-](?P<what>energy|forces?|E|F)\Z", re.IGNORECASE)
_AFTER = re.compile(r"(?P<what>energy|forces?)[_-](?P<model>.+)\Z", re.IGNORECASE)
#: What stands where the name of a model would, but names labels or something else.
_NO_MODELS = {
    *("ref", "dft", "qm", "total", "free", "potential", "dft_total", "ref_total", "ref_free"),
    *("dft_free", "corrected_total", "kinetic", "atomic", "per_atom", "ev", "ev_a", "xtb_ref"),
    *("isolated", "formation", "cohesive", "binding", "interaction", "dispersion", "zero_point"),
}


#: What predictions under plain names (energy, forces) are called.
PLAIN = "energy, forces"


@dataclass(frozen=True, slots=True)
class Prediction(Value):
    """The names under which a file carries what a model predicts.

    Attributes
    ----------
    model : str
    energy_key, forces_key : str or None
    """

    model: str
    energy_key: str | None = None
    forces_key: str | None = None


def find_predictions(dataset: Dataset) -> tuple[Prediction, ...]:
    """Return the models whose predictions a data set carries, by name.

    Names in use as labels, and those that usually mean labels (REF, DFT), are left out; where the
    labels are a reference's, the plain energy and forces beside them are somebody's prediction.
    """
    used = {use.key for use in dataset.understood.keys}
    used |= {str(dataset.keys.energy), str(dataset.keys.forces)}
    info = set(keys_in(dataset.records, "info")) - used
    arrays = set(keys_in(dataset.records, "arrays")) - used
    found: dict[str, dict[str, str]] = {}
    named = [*_models(info, "energy"), *_models(arrays, "forces")]
    for key, what, model in [*named, *_plain_ones(dataset)]:
        values = _energies(dataset, key) if what == "energy" else _forces(dataset, key)
        if np.isfinite(values).any():
            found.setdefault(model, {}).setdefault(f"{what}_key", key)
    return tuple(Prediction(model, **keys) for model, keys in sorted(found.items()))


def _models(keys: Iterable[str], what: str) -> list[tuple[str, str, str]]:
    found = []
    for key in sorted(keys):
        match = _BEFORE.fullmatch(key) or _AFTER.fullmatch(key)
        if match is None or match["what"][0].lower() != what[0]:
            continue
        if match["model"].lower().replace("-", "_") not in _NO_MODELS:
            found.append((key, what, match["model"]))
    return found


def _plain_ones(dataset: Dataset) -> list[tuple[str, str, str]]:
    """Return plain names that a reference's labels were preferred to."""
    found: list[tuple[str, str, str]] = []
    for one in dataset.understood.candidates:
        chosen = dataset.keys.energy if one.label == "energy" else dataset.keys.forces
        if one.label not in ("energy", "forces") or one.difference is None or chosen is None:
            continue
        if meaning_of(chosen).origin == "reference" and meaning_of(one.key).origin == "plain":
            found.append((one.key, one.label, PLAIN))
    return found


def _energies(dataset: Dataset, key: str | None) -> FloatArray:
    """Return a per-structure number, eV, NaN where it is missing or no number."""
    found = np.full(dataset.n_structures, np.nan)
    for s, given in enumerate(under(dataset.records, "info", key or "", np.nan)):
        value = np.asarray(given)
        if value.size == 1 and value.dtype.kind in "iuf":
            found[s] = float(value.reshape(()))
    return found


def _forces(dataset: Dataset, key: str | None) -> FloatArray:
    """Return a per-atom vector, eV/angstrom, NaN where it is missing."""
    found = np.full((dataset.n_environments, 3), np.nan)
    for s, given in enumerate(under(dataset.records, "arrays", key or "", np.empty(0))):
        value = np.asarray(given)
        if value.dtype.kind in "iuf" and value.shape == (int(dataset.sizes[s]), 3):
            found[dataset.rows(s)] = value
    return found


def parity_of_prediction(
    dataset: Dataset, prediction: Prediction, *, align: bool = False
) -> Parity:
    """Return what a model predicts, next to the labels.

    Parameters
    ----------
    dataset : Dataset
    prediction : Prediction
        From `find_predictions`.
    align : bool
        Subtract from the energies the best constant per species: models and labels often count
        from different reference energies.

    Raises
    ------
    InputError
        If the data set has no labels to compare with.
    """
    if dataset.energies is None and dataset.forces is None:
        raise InputError("no energies or forces to compare predictions with", source=dataset.name)
    nothing = np.full(dataset.n_structures, np.nan)
    known = nothing if dataset.energies is None else np.asarray(dataset.energies)
    predicted = _energies(dataset, prediction.energy_key)
    if align:
        predicted = predicted - _shift(dataset, predicted - known)
    sizes = np.maximum(1, dataset.sizes)
    forces = np.full((dataset.n_environments, 3), np.nan)
    return Parity(
        np.arange(dataset.n_structures),
        known / sizes,
        predicted / sizes,
        np.arange(dataset.n_environments),
        forces if dataset.forces is None else dataset.forces,
        _forces(dataset, prediction.forces_key),
        dataset.config_type,
    )


def _shift(dataset: Dataset, differences: FloatArray) -> FloatArray:
    """Return what constants per species explain of differences, eV, (n_structures,)."""
    species, column = np.unique(dataset.numbers, return_inverse=True)
    counts = np.zeros((dataset.n_structures, len(species)))
    owner = np.repeat(np.arange(dataset.n_structures), dataset.sizes)
    np.add.at(counts, (owner, column), 1.0)
    known = np.isfinite(differences)
    if not known.any():
        return np.zeros(dataset.n_structures)
    sizes = counts[known].sum(axis=1)
    scaled = counts[known] / sizes[:, None]
    constants = np.linalg.lstsq(scaled, differences[known] / sizes, rcond=None)[0]
    return np.asarray(counts @ constants)


def errors_of(parity: Parity, dataset: Dataset) -> tuple[Errors, dict[str, Errors]]:
    """Return the errors of a parity, in all and by class, as `TestSet.errors` does for a fit.

    Parameters
    ----------
    parity : Parity
        Of structures of `dataset`.
    dataset : Dataset
    """
    energy = (parity.predicted_energies - parity.energies) ** 2
    force = (parity.predicted_forces - parity.forces) ** 2
    sizes = dataset.sizes[parity.structures]
    owner = np.repeat(parity.classes, sizes)

    def errors(inside: BoolArray, atoms: BoolArray) -> Errors:
        return Errors(
            1e3 * _root_mean(energy[inside]),
            _root_mean(force[atoms]),
            int(inside.sum()),
            int(atoms.sum()),
        )

    by_class = {
        str(name): errors(parity.classes == name, owner == name)
        for name in np.unique(parity.classes)
    }
    return errors(np.full(len(energy), True), np.full(len(owner), True)), by_class


def _root_mean(squares: FloatArray) -> float:
    known = squares[np.isfinite(squares)]
    return float(np.sqrt(known.mean())) if len(known) else float("nan")
