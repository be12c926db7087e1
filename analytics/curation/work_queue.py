"""Work queue: the next things worth doing with a data set, in order, and what each would gain.

The order: errors first, then labels that are doubtful, then other warnings, then what repeats
itself, then classes of which nothing is kept or little is there, then what lies farthest from all
that is kept. Within each of these, what is about more environments comes first. What was waived,
settled or rejected is not in it.

A kind of suggestion is a function with `register`: it gets a `Standing` and yields suggestions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from analytics.curation.findings import Actionable
from analytics.data.dataset import Dataset
from analytics.information.analysis import Analysis
from analytics.information.mean_delta_entropy import delta_entropy_given
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import Registry
from analytics.runtime.text import PAGE
from analytics.runtime.value import Value

__all__ = ["SUGGESTIONS", "Gaps", "Standing", "Suggestion", "find_gaps", "register", "work_queue"]

#: Delta entropy above which an environment is far from what is kept, nats (the coarser threshold
#: of the QUESTS notebooks).
FAR = 1.0
#: A class with fewer structures cannot be held out from a test.
FEW = 5
#: Sets of fewer structures or classes are small as a whole.
ENOUGH, CLASSES = 50, 3
#: Codes of findings about labels that may be wrong, and about structures that repeat others.
_LABELS = ("conflicting", "energy_out_of_line", "further_energies", "labels_apart")
_REPEATS = ("duplicates", "near_duplicates")
#: Notes that are worth something to do.
_NOTES = ("energy_out_of_line", "further_energies", "near_duplicates")
ERRORS, LABELS, WARNINGS, REPEATS, MISSING, NEXT = range(6)


@dataclass(frozen=True, slots=True)
class Gaps(Value):
    """What lies far from everything that is kept.

    Attributes
    ----------
    environments : int array (m,)
        Descriptor rows, the farthest first.
    nats : float array (m,)
        Their delta entropy given the kept set, above `FAR`.
    looked_at : int
        Environments that were looked at: all, or a sample.
    """

    environments: IntArray
    nats: FloatArray
    looked_at: int


@dataclass(frozen=True, slots=True)
class Suggestion(Value):
    """One thing worth doing.

    Attributes
    ----------
    key : str
        Tells it from the others.
    level : int
        Place of its kind in the order.
    size : int
        Environments that it is about.
    text : str
        What to do.
    gain : str
        What that would gain, with its unit.
    finding : str
        Key of the finding that it is about; empty without one.
    structures : int array
        What it is about otherwise, indices in the data set.
    """

    key: str
    level: int
    size: int
    text: str
    gain: str
    finding: str
    structures: IntArray


@dataclass(frozen=True, slots=True)
class Standing:
    """How a curation stands.

    Attributes
    ----------
    analysis : Analysis
    findings : tuple of Actionable
        Those that nothing has been decided about, notes included.
    pinned, rejected : frozenset of int
    kept : int array
        Structures that a method keeps at the budget.
    keeper : str
        Name of that method, in words.
    gaps : Gaps or None
        None until they are known.
    """

    analysis: Analysis
    findings: tuple[Actionable, ...]
    pinned: frozenset[int]
    rejected: frozenset[int]
    kept: IntArray
    keeper: str
    gaps: Gaps | None

    @property
    def dataset(self) -> Dataset:
        """The data set."""
        return self.analysis.dataset

    def size(self, structures: Iterable[int]) -> int:
        """Return how many environments structures have."""
        return int(self.dataset.sizes[np.fromiter(structures, np.int64)].sum())

    def cost(self, structures: Iterable[int]) -> str:
        """Say how much structures are of the set."""
        some = list(structures)
        size = self.size(some)
        share = PAGE.percent(size / max(1, self.analysis.n_environments))
        return (
            f"{PAGE.counted(len(some), 'structure')}, {PAGE.counted(size, 'environment')} "
            f"({share} of all)"
        )


Suggest = Callable[[Standing], Iterable[Suggestion]]
#: Kinds of suggestions by name.
SUGGESTIONS: Registry[Suggest] = Registry("suggestion", {}, groups=("winnow.plugins",))
register = SUGGESTIONS.register


def work_queue(standing: Standing) -> tuple[Suggestion, ...]:
    """Return what is worth doing next, in the order that the module states."""
    found = [one for name in SUGGESTIONS for one in SUGGESTIONS[name](standing)]
    return tuple(sorted(found, key=lambda one: (one.level, -one.size, one.key)))


def find_gaps(
    analysis: Analysis, kept: IntArray, rows: IntArray, monitor: Monitor = SILENT
) -> Gaps:
    r"""Find the environments farthest from what is kept.

    Parameters
    ----------
    analysis : Analysis
    kept : int array (m,)
        Positions of the kept structures in the order of the analysis.
    rows : int array
        Environments to look at where the analysis is sampled.
    monitor : Monitor

    Notes
    -----
    :math:`\delta H(y) = -\ln \sum_j K(y, x_j)` over the kept environments; O(n m) kernels.
    """
    if analysis.sampled is None:
        rows = np.arange(analysis.n_environments)
    nats = delta_entropy_given(analysis, kept, rows, monitor=monitor)
    far = np.flatnonzero(nats > FAR)
    far = far[np.argsort(-nats[far], kind="stable")]
    return Gaps(rows[far], nats[far], len(rows))


@register("findings")
def suggest_findings(standing: Standing) -> Iterator[Suggestion]:
    """Suggest to decide about findings: errors, doubtful labels, warnings, what repeats itself."""
    data = standing.dataset
    for one in standing.findings:
        code, severity = one.finding.code, one.finding.severity
        if severity == "note" and code not in _NOTES:
            continue
        gone = one.removal(data, standing.pinned, standing.rejected).keys() - standing.rejected
        about = gone or set(one.finding.structures.tolist())
        cost = standing.cost(about)
        if severity == "error":
            level, gain = ERRORS, f"{cost} would be sound"
        elif code.startswith(_LABELS):
            level, gain = LABELS, f"labels of {cost} are in doubt"
        elif code in _REPEATS:
            level, gain = REPEATS, f"{cost} say nothing new: room for others in the budget"
        else:
            level, gain = WARNINGS, f"{cost} are in doubt"
        yield Suggestion(
            one.key, level, standing.size(about), one.title, gain, one.key, one.finding.structures
        )


@register("classes")
def suggest_classes(standing: Standing) -> Iterator[Suggestion]:
    """Suggest classes of which nothing is kept, or of which there is little."""
    data = standing.dataset
    names, kind = np.unique(data.config_type, return_inverse=True)
    if len(names) < CLASSES or data.n_structures < ENOUGH:
        return
    real = ~data.isolated
    there = real.copy()
    there[list(standing.rejected)] = False
    kept = np.zeros(data.n_structures, dtype=bool)
    kept[standing.kept] = True
    for at, name in enumerate(names):
        members = np.flatnonzero((kind == at) & real)
        left = members[there[members]]
        if not name or not len(members):
            continue
        key, size = f"class {name}", standing.size(members)
        if len(standing.kept) and not kept[members].any():
            text = f"Nothing of {name} is kept by {standing.keeper}"
            gain = f"{standing.cost(members)}, none of them in the budget"
            yield Suggestion(key, MISSING, size, text, gain, "", members)
        elif len(left) < FEW:
            text = f"Few structures of {name}"
            gain = f"{standing.cost(left)}; with {FEW} and more a test could hold some out"
            yield Suggestion(key, MISSING, size, text, gain, "", members)


@register("next")
def suggest_next(standing: Standing) -> Iterator[Suggestion]:
    """Suggest what lies farthest from all that is kept."""
    gaps = standing.gaps
    if gaps is None or not len(gaps.environments):
        return
    x = standing.analysis.descriptors
    of = x.structures[x.owners[gaps.environments]]
    fits = np.isin(of, list(standing.rejected), invert=True)
    if not fits.any():
        return
    of, nats = of[fits], gaps.nats[fits]
    some = of[np.sort(np.unique(of, return_index=True)[1])]  # the farthest first
    index = standing.dataset.frame_indices[some[0]]
    share = PAGE.percent(len(of) / gaps.looked_at)
    sample = "" if gaps.looked_at == standing.analysis.n_environments else " looked at"
    yield Suggestion(
        "next", NEXT, len(of),
        f"Label or keep more like structure {index}: the sparsest given what "
        f"{standing.keeper} keeps",
        f"{PAGE.counted(len(of), 'environment')} ({share} of those{sample}) in "
        f"{PAGE.counted(len(some), 'structure')} lie over {FAR:g} nat from all that is kept, the "
        f"farthest {nats[0]:.1f} nats",
        "", some,
    )  # fmt: skip
