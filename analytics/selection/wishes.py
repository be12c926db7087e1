"""Wishes: which method to choose for what somebody wants, and what was measured that speaks for it.

Nothing here is a law: suggestions follow `measured.json`, and say their figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from analytics.data.dataset import Dataset
from analytics.selection.base import METHODS, missing_labels
from analytics.selection.measured import measurements

__all__ = ["WISHES", "Suggestion", "measured_in_short", "suggest"]

#: Measured on fewer sets, a method is not suggested for its errors.
ENOUGH = 16


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A method for a wish.

    Attributes
    ----------
    method : str
        A name in `METHODS`.
    reason : str
        What speaks for it, and what against it: sentences.
    """

    method: str
    reason: str


def measured_in_short(method: str) -> str:
    """Return the measured force errors of a method against random ones; empty if there are none."""
    own = measurements()["methods"].get(method)
    if own is None:
        return ""
    bulk, tail = own["random"]["force"], own["high_force"]["force"]
    return f"bulk {bulk['mean']:.2f} · tail {tail['mean']:.2f} · {bulk['sets']} sets"


def suggest(wish: str, dataset: Dataset) -> Suggestion:
    """Return the method for one of `WISHES`; one that the labels of the data set allow."""
    return WISHES[wish](dataset)


def _possible(dataset: Dataset) -> list[str]:
    return [name for name in METHODS if not missing_labels(dataset, name)]


def _figures(method: str, *kinds: tuple[str, str]) -> str:
    own, said = measurements()["methods"][method], []
    for split, quantity in kinds:
        each = own[split][quantity]
        where = "high-force tail" if split == "high_force" else "bulk"
        worst, name = each["worst"]
        said.append(
            f"{quantity} error of the {where} {each['mean']:.2f} of random's "
            f"(at worst {worst:.2f}, {name})"
        )
    shares = ", ".join(f"{100 * budget:g}" for budget in measurements()["budgets"])
    sets = own["random"]["force"]["sets"]
    return f"Retrained at {shares} % of {sets} sets: {'; '.join(said)}."


def _best(names: Iterable[str], kinds: tuple[tuple[str, str], ...]) -> str:
    """Return the method of the lowest errors among those that have failed on no set."""
    known = measurements()["methods"]

    def errors(name: str) -> float:
        own = [known[name][split][quantity] for split, quantity in kinds]
        if any(each["failures"] or each["sets"] < ENOUGH for each in own):
            return np.inf
        return float(np.prod([each["mean"] for each in own]))

    return min((name for name in names if name in known), key=errors)


TAIL = (("high_force", "force"),)
BULK = (("random", "energy"), ("random", "force"))


def _tail(dataset: Dataset) -> Suggestion:
    method = _best(_possible(dataset), TAIL)
    return Suggestion(method, _figures(method, *TAIL, ("random", "force")))


def _cover(dataset: Dataset) -> Suggestion:
    return Suggestion(
        "facility_location",
        "Its objective is to have a kept one close to every environment, and a certificate says "
        f"how near the best possible it comes. {_figures('facility_location', *BULK)}",
    )


def _least_error(dataset: Dataset) -> Suggestion:
    method = _best(_possible(dataset), BULK)
    return Suggestion(method, _figures(method, *BULK, *TAIL))


def _extend(dataset: Dataset) -> Suggestion:
    able = [name for name in _possible(dataset) if METHODS[name].conditional]
    method = _best(able, (("random", "force"),))
    return Suggestion(
        method,
        "It can start from what there is already, and then counts only what is new. Say what that "
        "is under “Extend an existing set”, below the columns.",
    )


def _cheap(dataset: Dataset) -> Suggestion:
    classes = np.unique(dataset.config_type[~dataset.isolated])
    if len(classes) > 1:
        return Suggestion(
            "stratified",
            "No kernel and no training, at any size; never loses one of the "
            f"{len(classes)} classes by chance. {_figures('stratified', ('random', 'force'))}",
        )
    return Suggestion(
        "random", "No kernel and no training, at any size: what every method has to beat."
    )


#: What somebody may want -> what finds the method for it.
WISHES: dict[str, Callable[[Dataset], Suggestion]] = {
    "keep the tail": _tail,
    "cover everything": _cover,
    "train with the least error": _least_error,
    "extend an existing set": _extend,
    "be cheap": _cheap,
}
