"""Selector with the manners of scikit-learn: the methods for arrays of features, no atoms."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.information.analysis import analyse
from analytics.information.kernel import AUTO, COVERED_BELOW, KernelSpec
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint
from analytics.runtime.errors import WinnowError
from analytics.runtime.registry import options_of
from analytics.selection.base import METHODS, select

__all__ = ["Selector"]

#: What `select` calls the groups and rows of a table.
UNITS = {"groups": "structures", "rows": "environments"}
#: Edge of the box that stands for a single row: below that of an isolated atom, angstrom.
EDGE = 7.0


@dataclass(frozen=True, slots=True)
class RowsSpec:
    """Spec of descriptors that were given as an array."""

    digest: str


class Selector(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Select rows, or groups of rows, of an array by any registered method.

    Parameters
    ----------
    method : str
        A name in `METHODS` that needs no atoms: all but those that train a potential.
    size : int or float
        How many groups to keep, or which share of them.
    unit : 'groups' or 'rows'
        What `size` counts. Without groups each row is one.
    bandwidth : float, 'auto' or 'published'
        Width of the kernel in the unit of the features; auto is the one at which a random tenth of
        the groups covers 90 % of the other rows. Scale columns of unlike units beforehand.
    covered_below : float
        Delta entropy below which a row counts as covered, nats.
    random_state : int
        For methods that draw at random.
    **options
        Options of the method.

    Attributes
    ----------
    indices_ : int array
        Selected rows; without groups in the order in which they were picked.
    support_ : bool array (n_rows,)
        Mask of the selected rows.
    groups_ : array
        Selected groups in the order in which they were picked; without groups, of rows.
    gains_ : float array
        What each added to the objective of the method, see `Selection.gains`.
    bandwidth_ : float
        The width that was used.
    selection_, analysis_ : Selection, Analysis
        The whole answer; structures there are the groups, in the order of their first rows.
    n_features_in_ : int

    Notes
    -----
    It is the selection of structures: rows are environments, groups structures. Groups and rows may
    come in any order; ties are broken by what the rows hold, identical ones by their place.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 5))
    >>> selector = winnow.Selector("facility_location", size=0.1).fit(X)
    >>> selector.transform(X).shape
    (20, 5)
    """

    def __init__(
        self,
        method: str = "facility_location",
        *,
        size: float = 0.1,
        unit: str = "groups",
        bandwidth: float | str = AUTO,
        covered_below: float = COVERED_BELOW,
        random_state: int = 0,
        **options: Any,
    ) -> None:
        self.method = method
        self.size = size
        self.unit = unit
        self.bandwidth = bandwidth
        self.covered_below = covered_below
        self.random_state = random_state
        self.options = options

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters and the options of the method that were given."""
        own: dict[str, Any] = super().get_params(deep)
        return own | self.options

    def set_params(self, **params: Any) -> Selector:
        """Set parameters, or options of the method."""
        own = set(super().get_params(deep=False))
        method = params.get("method", self.method)
        options = {name: value for name, value in params.items() if name not in own}
        _refuse_unknown(method, options)
        for name in own & set(params):
            setattr(self, name, params[name])
        self.options = self.options | options
        return self

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        *,
        groups: npt.ArrayLike | None = None,
        forces: npt.ArrayLike | None = None,
    ) -> Selector:
        """Select.

        Parameters
        ----------
        X : array (n_rows, n_features)
            Finite numbers.
        y : array (n_rows,), optional
            Numbers: an energy of each row, summed over its group, for methods that need them. Text:
            the class of each row, the same in all of a group, for those that go by class.
        groups : array (n_rows,), optional
            Name of the group of each row; kept or left out as a whole.
        forces : array (n_rows, 3) or (n_rows,), optional
            Forces, or any importance of a row, for methods that need forces.

        Raises
        ------
        WinnowError
            In one line, if something cannot be used.
        """
        rows = _rows(X)
        if self.unit not in UNITS:
            raise WinnowError(f"unit is {self.unit!r}, not one of {', '.join(UNITS)}")
        _refuse_unknown(self.method, self.options)
        names, order, offsets = _grouped(groups, rows)
        dataset = _dataset(rows[order], offsets, _ordered("y", y, order),
                           _ordered("forces", forces, order))  # fmt: skip
        described = Descriptors(
            values=rows[order],
            structures=np.arange(dataset.n_structures),
            structure_offsets=offsets,
            environments=np.arange(len(rows)),
            spec=RowsSpec(fingerprint(rows[order])),
            source=dataset.fingerprint,
        )
        try:
            kernel = KernelSpec(self.bandwidth, self.covered_below)
            self.analysis_ = analyse(dataset, described, kernel)
            self.selection_ = select(
                self.analysis_, self.method, spec=self.options, size=self.size,
                unit=UNITS[self.unit], seed=self.random_state,
            )  # fmt: skip
        except ValueError as error:  # an option or size out of its bounds
            raise WinnowError(str(error)) from None
        picked = self.selection_.structures
        self.groups_ = names[picked]
        self.gains_ = self.selection_.gains
        self.bandwidth_ = float(self.analysis_.spec.bandwidth)
        self.indices_ = np.concatenate(
            [order[offsets[s] : offsets[s + 1]] for s in picked] or [np.empty(0, np.int64)]
        )
        self.support_ = np.zeros(len(rows), dtype=bool)
        self.support_[self.indices_] = True
        self.n_features_in_ = rows.shape[1]
        return self

    def get_support(self, indices: bool = False) -> npt.NDArray[Any]:
        """Return the mask of the selected rows, or their indices in ascending order."""
        support: npt.NDArray[Any] = self._fitted().support_
        return np.flatnonzero(support) if indices else support

    def transform(self, X: npt.ArrayLike) -> FloatArray:
        """Return the selected rows of an array, in their order in it."""
        support, given = self._fitted().support_, np.asarray(X)
        if len(given) != len(support):
            raise WinnowError(f"X has {len(given)} rows, and {len(support)} when it was fitted")
        return given[support]

    def fit_transform(
        self, X: npt.ArrayLike, y: npt.ArrayLike | None = None, **more: Any
    ) -> FloatArray:
        """Select, and return the selected rows."""
        return self.fit(X, y, **more).transform(X)

    def _fitted(self) -> Selector:
        if not hasattr(self, "support_"):
            raise NotFittedError("this Selector is not fitted: call fit first")
        return self


def _refuse_unknown(method: str, options: dict[str, Any]) -> None:
    entry = METHODS[method]
    if any(each.by_model for each in entry.family()):
        raise WinnowError(f"{method} trains a potential and needs atoms: use winnow.select")
    known = [item.name for item in options_of(entry.spec)]
    for name in set(options) - set(known):
        has = f"it has {', '.join(known)}" if known else "it has none"
        raise WinnowError(f"{name} is neither a parameter nor an option of {method}: {has}")


def _rows(X: npt.ArrayLike) -> FloatArray:
    try:
        rows = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise WinnowError(f"X does not hold numbers: {error}") from None
    if rows.ndim != 2 or 0 in rows.shape:
        raise WinnowError(f"X has shape {rows.shape}, not (n_rows, n_features)")
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise WinnowError(f"X has a value that is not a finite number in row {bad[0]}")
    return rows


def _grouped(
    groups: npt.ArrayLike | None, rows: FloatArray
) -> tuple[npt.NDArray[Any], IntArray, IntArray]:
    """Return the names of the groups by first row, the rows group by group, and the offsets.

    The rows of a group are ordered by what they hold, so that their order in the table is nothing.
    """
    n_rows = len(rows)
    if groups is None:
        return np.arange(n_rows), np.arange(n_rows), np.arange(n_rows + 1)
    given = np.asarray(groups)
    if given.shape != (n_rows,):
        raise WinnowError(f"groups has shape {given.shape}, not ({n_rows},)")
    names, first, owner = np.unique(given, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first))[owner]
    order = np.lexsort((*rows.T[::-1], place))
    return names[np.argsort(first)], order, np.concatenate([[0], np.cumsum(np.bincount(place))])


def _ordered(name: str, given: npt.ArrayLike | None, order: IntArray) -> npt.NDArray[Any] | None:
    if given is None:
        return None
    values = np.asarray(given)
    if len(values) != len(order):
        raise WinnowError(f"{name} has {len(values)} rows, and X has {len(order)}")
    return values[order]


def _dataset(
    rows: FloatArray,
    offsets: IntArray,
    y: npt.NDArray[Any] | None,
    forces: npt.NDArray[Any] | None,
) -> Dataset:
    """Return groups as structures: an atom for each row, at a place that its content decides.

    Nothing is measured at these places; they tell rows apart where ties are broken by content.
    """
    sizes = np.diff(offsets)
    edges = EDGE * np.cbrt(sizes)
    digests = [hashlib.blake2b(row.tobytes(), digest_size=12).digest() for row in rows]
    places = np.frombuffer(b"".join(digests), dtype=np.uint32).reshape(-1, 3) / 2.0**32
    energies, classes = _labels(y, offsets)
    return Dataset(
        numbers=np.full(len(rows), 1),
        positions=places * np.repeat(edges, sizes)[:, None],
        structure_offsets=offsets,
        cells=edges[:, None, None] * np.eye(3),
        pbc=np.ones((len(sizes), 3), dtype=bool),
        energies=energies,
        forces=None if forces is None else _forces(forces),
        config_type=classes,
        name="an array",
    )


def _labels(
    y: npt.NDArray[Any] | None, offsets: IntArray
) -> tuple[FloatArray | None, npt.NDArray[np.str_]]:
    nothing = np.full(len(offsets) - 1, "")
    if y is None:
        return None, nothing
    if y.ndim != 1:
        raise WinnowError(f"y has shape {y.shape}, not ({len(y)},)")
    if y.dtype.kind in "buif":
        return np.add.reduceat(y.astype(np.float64), offsets[:-1]), nothing
    classes = y.astype(str)
    first = classes[offsets[:-1]]
    mixed = np.flatnonzero(classes != np.repeat(first, np.diff(offsets)))
    if len(mixed):
        raise WinnowError("y has more than one class in a group")
    return None, first


def _forces(forces: npt.NDArray[Any]) -> FloatArray:
    if forces.dtype.kind not in "buif" or forces.shape[1:] not in ((), (3,)):
        raise WinnowError(f"forces has shape {forces.shape}, not (n_rows, 3) or (n_rows,)")
    if forces.ndim == 2:
        return forces.astype(np.float64)
    return np.column_stack([forces, np.zeros((len(forces), 2))])
