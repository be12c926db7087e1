"""Narrow a data set down to the structures that a filter expression or a search matches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from analytics.curation.expression import matching
from analytics.curation.expression_syntax import names_in
from analytics.curation.properties import Properties, Unanalysed
from analytics.curation.search import understood
from analytics.data.dataset import Dataset
from analytics.data.understood import KeyUse
from analytics.runtime.errors import InputError
from analytics.runtime.pieces import fields_of, under

__all__ = ["Narrowed", "narrowed", "where"]

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What is left of a data set.

    Attributes
    ----------
    dataset : Dataset
        The structures that match, and isolated atoms unless the expression names ``isolated``:
        without them there are no reference energies. Indices are those of the file.
    said : str
        The expression as it was understood, and how much it left, in one line.
    """

    dataset: Dataset
    said: str


def narrowed(dataset: Dataset, text: str) -> Narrowed:
    """Narrow a data set down.

    Parameters
    ----------
    dataset : Dataset
    text : str
        See `analytics.curation.search.understood`.

    Raises
    ------
    ExpressionError
        If it cannot be understood.
    InputError
        If no structure matches.
    """
    columns = Properties(Unanalysed(dataset))
    expression = understood(text, columns)
    found = matching(expression, columns)
    isolated = dataset.isolated & ("isolated" not in names_in(expression)) & ~found.structures
    count = int(np.count_nonzero(found.structures))
    told = [f"{expression}: {count} of {dataset.n_structures} structures"]
    extra = int(np.count_nonzero(isolated))
    if extra:
        told.append(f"{extra} isolated atom{'s' * (extra > 1)} besides")
    if found.unknown:
        of = "structures" if found.of == "structure" else "atoms"
        told.append(f"{found.unknown} {of} without a value match neither way")
    said = "; ".join([*told, *found.remarks])
    if count == 0:
        raise InputError(f"no structure matches {said}", source=dataset.name)
    left = dataset.take(np.flatnonzero(found.structures | isolated))
    note = f"only {count} structures where {expression}; other counts here are of the whole file"
    how = replace(
        dataset.understood,
        keys=tuple(_recounted(left, dataset.understood.keys)),
        notes=(*dataset.understood.notes, note),
    )
    return Narrowed(replace(left, understood=how), said)


def where(dataset: Dataset, text: str) -> Dataset:
    """Return the structures that match an expression or a search, and isolated atoms.

    Parameters
    ----------
    dataset : Dataset
    text : str
        Such as ``natoms < 50 and max_force > 10``, see `narrowed` and docs/filters.md.

    Examples
    --------
    >>> few = winnow.where(data, "natoms < 40 and max_force > 1")
    >>> bool((few.sizes < 40).all())
    True
    """
    return narrowed(dataset, text).dataset


def _recounted(dataset: Dataset, keys: Iterable[KeyUse]) -> Iterator[KeyUse]:
    """Count again how many structures each name of a label covers."""
    seen: dict[str, set[int]] = {}
    for use in keys:
        if not dataset.records:
            yield use
            continue
        covered = seen.setdefault(use.label, set())
        having = zip(
            under(dataset.records, "info", use.key, _ABSENT),
            under(dataset.records, "arrays", use.key, _ABSENT),
            fields_of(dataset.records, "forces"),
            strict=True,
        )
        here = {
            s
            for s, (value, array, forces) in enumerate(having)
            if value is not _ABSENT or array is not _ABSENT or use.key == forces
        }
        yield replace(use, frames=len(here - covered))
        covered |= here
