"""Species against atomic numbers: two columns that name the element and disagree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from ase.data import chemical_symbols

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject
from analytics.runtime.pieces import fields_of, keys_in

NAMES = ("Z", "z", "numbers", "atomic_numbers", "atomic_number", "species")


@register("species_columns")
def check_species_columns(subject: Subject) -> Iterator[Finding]:
    """Compare the elements with other per-atom columns that name them."""
    dataset, found, worst = subject.dataset, [], ""
    have = keys_in(dataset.records, "arrays")
    names = [name for name in NAMES if name in have]
    for s, arrays in enumerate(fields_of(dataset.records, "arrays") if names else ()):
        for name in names if arrays else ():
            other = arrays.get(name)
            if other is None or other.dtype.kind not in "iu" or other.ndim != 1:
                continue
            numbers = dataset.numbers[dataset.rows(s)]
            if len(other) == len(numbers) and not np.array_equal(other, numbers):
                atom = int(np.flatnonzero(other != numbers)[0])
                word = chemical_symbols[numbers[atom]]
                worst = worst or (
                    f"atom {atom} of frame {dataset.frame_indices[s]}: {word}, and "
                    f"{name}={other[atom]}"
                )
                found.append(s)
                break
    yield from subject.having(
        "species_disagree", "warning", np.array(found, dtype=np.int64),
        "two columns for the element that disagree; the species was taken", worst,
        "find out which column is right, and delete the other",
    )  # fmt: skip
