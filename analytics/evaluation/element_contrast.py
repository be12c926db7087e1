"""Elements: the figures of a data set beside those of a descriptor that does not see elements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from analytics.descriptors.channels import SpeciesDistanceSpec
from analytics.descriptors.composition import CompositionSpec
from analytics.descriptors.distances import DistanceSpec, describe
from analytics.descriptors.species import parse_species
from analytics.information.analysis import Analysis
from analytics.information.kernel import kernel_sums
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value

__all__ = ["ElementContrast", "element_contrast"]

#: Environments that the figures without elements are averaged over, at most.
SAMPLE = 5_000
#: Effective numbers that differ by more than this factor differ in kind.
IN_KIND = 1.2


@dataclass(frozen=True, slots=True)
class ElementContrast(Value):
    """Effective number of environments with elements told apart, and without.

    Both at the same width, so that elements are the only difference.

    Attributes
    ----------
    elements : tuple of str
        Symbols, by alphabet.
    n_environments : int
    effective : float
        exp(D) of the analysis.
    effective_blind, effective_blind_error : float
        The same without elements, and its standard error: 0 if nothing was sampled.
    entropy_blind, entropy_blind_error : float, nats
        H without elements.
    n_sampled : int
        Environments that the figures without elements are averages over.
    """

    elements: tuple[str, ...]
    n_environments: int
    effective: float
    effective_blind: float
    effective_blind_error: float
    entropy_blind: float
    entropy_blind_error: float
    n_sampled: int

    def _facts(self) -> Iterator[str]:
        yield f"{self.effective_blind:.1f} effective environments without elements"
        yield f"{self.effective:.1f} with them"

    @property
    def sampled(self) -> bool:
        """Whether the figures without elements are estimates."""
        return self.n_sampled < self.n_environments

    @property
    def redundancy_blind(self) -> float:
        """Share of environments beyond the effective number without elements."""
        return max(0.0, 1.0 - self.effective_blind / self.n_environments)

    @property
    def differs(self) -> bool:
        """Whether the effective numbers differ by a fifth and by more than their error."""
        gap = abs(self.effective - self.effective_blind)
        return bool(
            max(self.effective, self.effective_blind)
            > IN_KIND * min(self.effective, self.effective_blind)
            and gap > 2.0 * self.effective_blind_error
        )

    @property
    def finding(self) -> str:
        """The difference in one sentence; empty where there is none to speak of."""
        if not self.differs:
            return ""
        return (
            f"{_plain(self.effective_blind)} effective environments without elements, "
            f"{_plain(self.effective)} with them"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "elements": list(self.elements),
            "effective_environments": self.effective,
            "effective_environments_blind": self.effective_blind,
            "effective_environments_blind_error": self.effective_blind_error,
            "redundancy_blind": self.redundancy_blind,
            "entropy_blind_nats": self.entropy_blind,
            "entropy_blind_error": self.entropy_blind_error,
            "n_sampled": self.n_sampled,
            "finding": self.finding,
        }


def element_contrast(analysis: Analysis, monitor: Monitor = SILENT) -> ElementContrast | None:
    """Measure what a descriptor that sees elements tells apart beyond distances.

    Parameters
    ----------
    analysis : Analysis
    monitor : Monitor

    Returns
    -------
    ElementContrast or None
        None where there is nothing to compare: one element, or a descriptor without elements, or
        one that is not made of distances.

    Notes
    -----
    Describes all n environments again without elements and sums the kernel of at most 5 000 of
    them, drawn with seed 0, over all: O(n) and O(s n d).
    """
    spec = analysis.descriptors.spec
    if not isinstance(spec, CompositionSpec | SpeciesDistanceSpec):
        return None
    symbols = tuple(chemical_symbols[number] for number in parse_species(spec.species))
    if len(symbols) < 2:
        return None
    x = describe(
        analysis.dataset, DistanceSpec(spec.k, spec.cutoff), monitor=Part(monitor, 0.0, 0.4)
    ).values
    n, h = len(x), analysis.spec.bandwidth
    part = Part(monitor, 0.4, 1.0, "without elements")
    if n <= SAMPLE:
        sums = kernel_sums(x, bandwidth=h, monitor=part)
    else:
        rows = np.sort(np.random.default_rng(0).choice(n, SAMPLE, replace=False))
        sums = kernel_sums(x[rows], x, bandwidth=h, monitor=part)
    logs, inverse = np.log(sums), 1.0 / sums
    shrink = np.sqrt((1.0 - len(sums) / n) / len(sums))  # of a mean, without replacement
    return ElementContrast(
        elements=symbols,
        n_environments=n,
        effective=float(np.exp(analysis.diversity_nats)),
        effective_blind=float(n * inverse.mean()),
        effective_blind_error=float(n * inverse.std() * shrink),
        entropy_blind=float(np.log(n) - logs.mean()),
        entropy_blind_error=float(logs.std() * shrink),
        n_sampled=len(sums),
    )


def _plain(number: float) -> str:
    return f"{number:.1f}" if number < 10 else f"{number:,.0f}".replace(",", " ")
