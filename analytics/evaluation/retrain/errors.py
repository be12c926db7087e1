"""Errors of a fit (RMSE) on test structures: totals, per class, parity, spread over resamples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.potential.normal_equations import Equations, ForceTerms
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.value import Value

__all__ = [
    "Errors",
    "Now",
    "Parity",
    "Spread",
    "TestSet",
    "make_test",
    "parity_of_fit",
    "spread",
    "summed_up",
]


@dataclass(frozen=True, slots=True)
class Errors(Value):
    """Errors on one test, or on one class of it.

    Attributes
    ----------
    energy_rmse_mev_atom, force_rmse_ev_a : float
        Root mean squares over structures and over force components; NaN without labels.
    n_structures, n_environments : int
        Size of what was tested, labelled or not.
    """

    energy_rmse_mev_atom: float
    force_rmse_ev_a: float
    n_structures: int
    n_environments: int


@dataclass(frozen=True)
class TestSet(Value):
    """Structures that a fit is tested on, summed up by class.

    Attributes
    ----------
    name : str
    equations : Equations
        Of a data set that holds the structures; its atomic energies are those of the pool.
    structures : int array
    classes : mapping
        config_type -> (structures, sums over their forces). Their union is the test.
    notes : tuple of str
        Which of its labels were left out, and why.
    """

    __test__ = False  # for pytest: no test case

    name: str
    equations: Equations
    structures: IntArray
    classes: Mapping[str, tuple[IntArray, ForceTerms]]
    notes: tuple[str, ...] = ()

    def errors(self, coefficients: FloatArray) -> tuple[Errors, dict[str, Errors]]:
        """Return the errors of a fit on the whole test and on each class, < 1 ms."""
        sums = {
            name: (*self._energy(structures, coefficients), terms.squared_error(coefficients))
            for name, (structures, terms) in self.classes.items()
        }
        by_class = {
            name: self._errors(structures, *sums[name], terms.count)
            for name, (structures, terms) in self.classes.items()
        }
        square, known, force = (sum(part) for part in zip(*sums.values(), strict=True))
        count = sum(terms.count for _, terms in self.classes.values())
        return self._errors(self.structures, square, int(known), force, count), by_class

    def _energy(self, structures: IntArray, coefficients: FloatArray) -> tuple[float, int]:
        """Return the sum of squared errors, (eV/atom)^2, and the number of energies."""
        errors = _energy_errors(self.equations, structures, coefficients)
        known = np.isfinite(errors)
        return float((errors[known] ** 2).sum()), int(known.sum())

    def _errors(
        self, structures: IntArray, square: float, known: int, force: float, count: int
    ) -> Errors:
        return Errors(
            1e3 * float(np.sqrt(square / known)) if known else float("nan"),
            float(np.sqrt(force / count)) if count else float("nan"),
            len(structures),
            int(self.equations.design.dataset.sizes[structures].sum()),
        )


def make_test(name: str, equations: Equations, structures: IntArray | None = None) -> TestSet:
    """Sum up test structures by config_type."""
    dataset = equations.design.dataset
    structures = np.arange(dataset.n_structures) if structures is None else np.asarray(structures)
    labels = dataset.config_type[structures]
    classes = {}
    for label in np.unique(labels).tolist():
        members = structures[labels == label]
        classes[str(label)] = (members, equations.force_terms(members))
    return TestSet(name, equations, frozen(structures, np.int64), classes)


def _energy_errors(
    equations: Equations, structures: IntArray, coefficients: FloatArray
) -> FloatArray:
    predicted = equations.energy_rows[structures] @ coefficients
    sizes = np.maximum(1, equations.design.dataset.sizes[structures])
    return np.asarray((predicted - equations.residuals[structures]) / sizes)


@dataclass(frozen=True, slots=True)
class Parity(Value):
    """Predicted against given values, point by point, each with its way back to the data.

    Attributes
    ----------
    structures : int array (m,)
        Indices into the data set of the test.
    energies, predicted_energies : float arrays (m,), eV/atom
        NaN where not known.
    atoms : int array (k,)
        Rows of the data set, those of the structures one after the other.
    forces, predicted_forces : float arrays (k, 3), eV/angstrom
    classes : str array (m,)
    """

    structures: IntArray
    energies: FloatArray
    predicted_energies: FloatArray
    atoms: IntArray
    forces: FloatArray
    predicted_forces: FloatArray
    classes: np.ndarray[tuple[int], np.dtype[np.str_]]

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        for name in self.__slots__:
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def take(self, offsets: IntArray, places: IntArray) -> Parity:
        """Return the points of some of its structures; structure i has the atoms from offset i."""
        rows = ragged_rows(offsets, places)
        return Parity(
            self.structures[places],
            self.energies[places],
            self.predicted_energies[places],
            self.atoms[rows],
            self.forces[rows],
            self.predicted_forces[rows],
            self.classes[places],
        )


def parity_of_fit(equations: Equations, structures: IntArray, coefficients: FloatArray) -> Parity:
    """Return what a fit predicts for structures, next to their labels."""
    design, dataset = equations.design, equations.design.dataset
    structures = np.asarray(structures, dtype=np.int64)
    sizes = np.maximum(1, dataset.sizes[structures])
    atomic = design.composition[structures] @ equations.atomic
    energies = equations.energy_rows[structures] @ coefficients + atomic
    atoms = ragged_rows(dataset.structure_offsets, structures)
    single = coefficients[: equations.n_functions].astype(np.float32)
    forces = (design.force_rows[design.force_part(structures)] @ single).reshape(-1, 3)
    known = design.force_known[atoms][:, None]
    return Parity(
        structures,
        design.energies[structures] / sizes,
        energies / sizes,
        atoms,
        np.where(known, design.forces.reshape(-1, 3)[atoms], np.nan),
        np.where(known, forces.astype(np.float64), np.nan),
        dataset.config_type[structures],
    )


# ------------------------------------------------------------------------------- over resamples


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation over resamples; NaN where there is no label.

    Attributes
    ----------
    energy, energy_std : float, meV/atom
    force, force_std : float, eV/angstrom
    n_structures : float
        Mean number of structures tested on.
    resamples : int
    """

    energy: float
    energy_std: float
    force: float
    force_std: float
    n_structures: float
    resamples: int


@dataclass(frozen=True)
class Now:
    """Errors at one budget: of all of a test and by class, spread over resamples."""

    total: Spread
    classes: dict[str, Spread]


def summed_up(errors: Sequence[tuple[Errors, Mapping[str, Errors]]]) -> Now:
    """Return mean and spread over the resamples; that of a class over those that have it."""
    names = sorted({name for _, classes in errors for name in classes})
    classes = {
        name: spread([classes[name] for _, classes in errors if name in classes]) for name in names
    }
    return Now(spread([total for total, _ in errors]), classes)


def spread(errors: Sequence[Errors]) -> Spread:
    """Return mean and standard deviation over resamples (divided by n - 1; NaN for one)."""
    energy, energy_std = _mean([each.energy_rmse_mev_atom for each in errors])
    force, force_std = _mean([each.force_rmse_ev_a for each in errors])
    return Spread(
        energy,
        energy_std,
        force,
        force_std,
        float(np.mean([each.n_structures for each in errors])),
        len(errors),
    )


def _mean(values: Sequence[float]) -> tuple[float, float]:
    known = np.array(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if len(known) == 0:
        return float("nan"), float("nan")
    return float(known.mean()), float(known.std(ddof=1)) if len(known) > 1 else float("nan")
