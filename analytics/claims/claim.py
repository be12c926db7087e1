"""Published claims and verdicts on them: the registry, and what a claim gives back.

A claim is one file: a function that measures, under `register`. It takes the evidence of a data
set (see `Evidence`) and returns what it measured; the verdict follows from the interval alone.
Claims of a plug-in are about evidence of its own, which it names as their `subject`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analytics.claims.registry import CLAIMS
from analytics.runtime.value import Value

__all__ = [
    "DATA_SET",
    "VERDICTS",
    "Answer",
    "CannotBeAsked",
    "Claim",
    "Measured",
    "NotComputed",
    "ask",
    "claims_about",
    "register",
]

VERDICTS = ("reproduced", "not reproduced", "undecided", "not computed", "cannot be asked")
#: The subject of claims that are asked of a file.
DATA_SET = "data set"


class CannotBeAsked(Exception):
    """The data do not allow the question; the message says why.

    Parameters
    ----------
    reason : str
    figures : mapping, optional
        What could be measured all the same, see `Measured`.
    """

    verdict = "cannot be asked"

    def __init__(self, reason: str, figures: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.figures = {} if figures is None else figures


class NotComputed(CannotBeAsked):
    """The data would allow the question, but what it needs was not computed."""

    verdict = "not computed"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a claim found in the data.

    Attributes
    ----------
    value, low, high : float
        The figure that decides and its 95 % interval.
    threshold : float
        What it is held against.
    unit : str
        Of the figure: "ratio of errors", "nats", ...
    words : str
        The figures in words.
    below : bool
        Whether the claim holds below the threshold, or above it.
    strict : bool
        Whether the threshold itself is no success: a tie is not "better".
    figures : mapping
        More numbers, for tables across data sets and for drawing: plain values and lists.
    """

    value: float
    low: float
    high: float
    threshold: float
    unit: str
    words: str
    below: bool = False
    strict: bool = False
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """One of the first three `VERDICTS`: the side of the threshold on which the interval is."""
        if not (math.isfinite(self.value) and self.low <= self.high):
            return "undecided"
        if self.strict and self.low == self.threshold == self.high:
            return "undecided"
        holds, fails = (
            (self.high <= self.threshold, self.low > self.threshold)
            if self.below
            else (self.low >= self.threshold, self.high < self.threshold)
        )
        return "reproduced" if holds else "not reproduced" if fails else "undecided"


@dataclass(frozen=True, slots=True)
class Claim(Value):
    """A published claim.

    Attributes
    ----------
    name : str
    sentence : str
        What it says, in our words.
    paper : str
        Where it was published.
    criterion : str
        When it counts as reproduced.
    changed_by : str
        What would change the verdict.
    subject : str
        What it is asked of: `DATA_SET`, or the evidence of a plug-in.
    needs : tuple of str
        "forces", "energies", "classes", "tests": without these it cannot be asked.
    measure : callable
        Takes the evidence.
    across : callable, optional
        Takes the answers by data set, and measures across them: for claims about many sets.
    """

    name: str
    sentence: str
    paper: str
    criterion: str
    changed_by: str
    subject: str
    needs: tuple[str, ...]
    measure: Callable[[Any], Measured]
    across: Callable[[Mapping[str, Answer]], Measured] | None = None


@dataclass(frozen=True, slots=True)
class Answer(Value):
    """A claim held against one data set.

    Attributes
    ----------
    name, statement, paper, criterion, changed_by : str
        Of the claim, see `Claim`.
    verdict : str
        One of `VERDICTS`.
    measured : str
        The figures in words, or why the claim cannot be asked.
    value, low, high, threshold : float
        The figure that decides, its 95 % interval, what it is held against; NaN if not asked.
    unit : str
    figures : mapping
    """

    name: str
    statement: str
    paper: str
    criterion: str
    changed_by: str
    verdict: str
    measured: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    threshold: float = math.nan
    unit: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values by name, for JSON and tables."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Answer:
        """Return the value that `to_dict` was made from, null (None) being NaN."""
        numbers = ("value", "low", "high", "threshold")
        plain: dict[str, Any] = dict(content)
        return cls(**plain | {name: math.nan for name in numbers if plain[name] is None})


def register(
    name: str,
    *,
    sentence: str,
    paper: str,
    criterion: str,
    changed_by: str,
    subject: str = DATA_SET,
    needs: tuple[str, ...] = (),
    across: Callable[[Mapping[str, Answer]], Measured] | None = None,
) -> Callable[[Callable[[Any], Measured]], Callable[[Any], Measured]]:
    """Return a decorator that files the function that measures a claim; see `Claim`."""

    def add(measure: Callable[[Any], Measured]) -> Callable[[Any], Measured]:
        claim = Claim(name, sentence, paper, criterion, changed_by, subject, needs, measure, across)
        CLAIMS.register(name)(claim)
        return measure

    return add


def claims_about(subject: str, names: Sequence[str] | None = None) -> list[Claim]:
    """Return the claims about a subject in the order they are registered, or those named."""
    every = [CLAIMS[name] for name in (CLAIMS if names is None else names)]
    return [claim for claim in every if claim.subject == subject]


def ask(claim: Claim, evidence: Any) -> Answer:
    """Hold a claim against evidence, which is asked first whether it has what the claim needs."""
    told = (claim.name, claim.sentence, claim.paper, claim.criterion, claim.changed_by)
    try:
        for need in claim.needs:
            evidence.require(need)
        found = claim.measure(evidence)
    except CannotBeAsked as reason:
        return Answer(*told, reason.verdict, str(reason), figures=reason.figures)
    return answer_of(claim, found)


def answer_of(claim: Claim, found: Measured) -> Answer:
    """Return what was measured as the answer to a claim."""
    return Answer(
        claim.name,
        claim.sentence,
        claim.paper,
        claim.criterion,
        claim.changed_by,
        found.verdict,
        found.words,
        found.value,
        found.low,
        found.high,
        found.threshold,
        found.unit,
        found.figures,
    )
