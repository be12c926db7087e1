"""Columns of the comparison: the methods wanted, their options, the data set they are about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import param

from analytics.data.checks.report import CheckReport
from analytics.data.dataset import Dataset
from analytics.evaluation.embedding import Embedding
from analytics.evaluation.prefixes import PrefixMetrics
from analytics.information.analysis import Analysis
from analytics.selection.base import METHODS, Selection, is_nested
from analytics.selection.certificates.curve import certified_share
from analytics.selection.certificates.dual_bound import TightBound

__all__ = ["COLUMNS", "GIVEN", "Choice", "Opened", "Slot", "lower_first", "only_refined"]

#: At most so many columns stand side by side.
COLUMNS = 4
#: The method of a column that shows a list: somebody's selection.
GIVEN = "given"


def lower_first(title: str) -> str:
    """Write a title as it stands within a sentence: largest force, GraNd, I-optimal design."""
    word = re.split(r"[ -]", title)[0]
    return title[0].lower() + title[1:] if word[1:].islower() else title


class Choice(NamedTuple):
    """What is wanted in a column: a method, its seed and its options (None: the defaults)."""

    method: str
    seed: int = 0
    spec: Any = None

    @property
    def nested(self) -> bool:
        """Whether one order answers every budget."""
        return is_nested(self.method, self.spec)


class Slot(param.Parameterized):
    """One column of the comparison: a method and what it made of the data."""

    method = param.String("random", doc="Name of the selection method.")
    seed = param.Integer(0, bounds=(0, None), doc="Seed of the methods that draw at random.")
    spec = param.Parameter(None, doc="Options of the method; None for its defaults.")
    selection = param.ClassSelector(class_=Selection, doc="Order of the whole data set.")
    retention = param.ClassSelector(class_=PrefixMetrics, doc="Metrics along the order.")
    tight = param.List([], item_type=TightBound, doc="Tightened certificates of the selection.")

    @property
    def options(self) -> Any:
        """Options of the method, the defaults filled in."""
        return METHODS[self.method].spec() if self.spec is None else self.spec

    def certificate(self, size: int) -> float | None:
        """Return at least what share of the best possible objective the first `size` reach."""
        if self.selection is None:
            return None
        return certified_share(self.selection, size, self.tight)

    @property
    def title(self) -> str:
        """Name of the method, or of the list, as a user reads it."""
        own = self.spec.name if self.method == GIVEN and self.spec is not None else ""
        return own or METHODS[self.method].title


def only_refined(before: Analysis, now: Analysis) -> bool:
    """Say whether the figures of an analysis have become exact, and all else is as it was."""
    alike = before.kernel_fingerprint == now.kernel_fingerprint
    return before.dataset is now.dataset and alike


@dataclass(frozen=True)
class Opened:
    """Everything the page shows of a data set; taken over in one step, or not at all."""

    dataset: Dataset
    report: CheckReport
    analysis: Analysis
    embedding: Embedding
    methods: tuple[str, ...]
    orders: tuple[tuple[Selection, PrefixMetrics], ...]

    def only_refines(self, before: Opened | None) -> bool:
        """Say whether only the figures of what was open have become exact."""
        return before is not None and only_refined(before.analysis, self.analysis)
