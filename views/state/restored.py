"""Restore a session: which of its decisions still apply to its file as it is now. No Panel."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from analytics.data.dataset import Dataset
from analytics.descriptors.base import DESCRIPTORS, descriptor_name
from analytics.information.analysis import Analysis
from analytics.information.kernel import KernelSpec
from analytics.runtime.errors import WinnowError
from analytics.runtime.registry import spec_from
from analytics.selection.base import METHODS
from analytics.selection.given import written
from views.state.columns import Choice
from views.state.decisions import Step, fitting
from views.state.looking import NOTHING
from views.state.saved import SavedSession, marks_of

__all__ = [
    "Restored",
    "live_choice",
    "live_settings",
    "ranges",
    "restored",
    "settings_of",
    "where_now",
]


@dataclass(frozen=True, slots=True)
class Restored:
    """What comes back of a session.

    Attributes
    ----------
    values : dict
        Parameters of the session.
    undo, redo : list of Step
    lost : tuple of str
        What does not apply any more, in words.
    """

    values: dict[str, Any]
    undo: list[Step]
    redo: list[Step]
    lost: tuple[str, ...]


def ranges(indices: Iterable[int]) -> str:
    """Write indices shortly: 3, 7–9, 12."""
    return written(sorted(indices)).replace(",", ", ").replace("-", "–")


def live_settings(saved: SavedSession) -> tuple[Any, KernelSpec]:
    """Return the specs of descriptor and kernel.

    Raises
    ------
    WinnowError
        If this Winnow does not know one of them.
    """
    name, options = saved.descriptor
    if name not in DESCRIPTORS:
        raise WinnowError(f"this Winnow has no descriptor {name!r}")
    try:
        return spec_from(DESCRIPTORS[name][0], options), spec_from(KernelSpec, saved.kernel)
    except (TypeError, ValueError) as error:
        raise WinnowError(f"settings of the session: {error}") from None


def live_choice(choice: Choice, instead: Choice) -> tuple[Choice, str]:
    """Return a choice with its options as a spec; another, and why, if that cannot be."""
    if choice.method not in METHODS:
        return instead, f"method {choice.method!r} (this Winnow has none of that name)"
    if choice.spec is None:
        return choice, ""
    try:
        return choice._replace(spec=spec_from(METHODS[choice.method].spec, choice.spec)), ""
    except (TypeError, ValueError) as error:
        return choice._replace(spec=None), f"options of {choice.method} ({error})"


def where_now(dataset: Dataset, marks: Mapping[int, int]) -> dict[int, int]:
    """Find structures that were decided about in a file that has changed since.

    Parameters
    ----------
    dataset : Dataset
        As it is now.
    marks : mapping of int to int
        Structure as it was numbered -> its digest, see `marks_of`.

    Returns
    -------
    dict of int to int
        Number then -> number now, of those that are still there. What has the same place still
        comes first; of several that are equal the first.
    """
    there = range(dataset.n_structures)
    same = marks_of(dataset, (s for s in marks if s in there))
    found = {s: s for s, mark in same.items() if mark == marks[s]}
    if len(found) < len(marks):
        places: dict[int, int] = {}
        for s, mark in marks_of(dataset, there).items():
            places.setdefault(mark, s)
        taken = set(found.values())
        for s in marks.keys() - found.keys():
            now = places.get(marks[s], -1)
            if now >= 0 and now not in taken:
                found[s] = now
                taken.add(now)
    return found


def restored(
    saved: SavedSession, analysis: Analysis, now: Mapping[int, int] | None = None
) -> Restored:
    """Return what of a session applies to the data set that is open.

    Parameters
    ----------
    saved : SavedSession
    analysis : Analysis
        Of the file as it is now.
    now : mapping of int to int, optional
        Where structures are now, see `where_now`; None if the file is as it was.
    """
    data, lost = analysis.dataset, list[str]()
    isolated = data.isolated

    def place(structure: int) -> int:
        at = structure if now is None else now.get(structure, -1)
        return at if 0 <= at < data.n_structures and not isolated[at] else -1

    places = {s: place(s) for s in saved.decided}
    gone = {s for s, at in places.items() if at < 0}
    for name, some in (("pinned", saved.pinned), ("rejected", saved.rejected)):
        away = gone.intersection(some)
        if away:
            lost.append(f"{name} {ranges(away)}")
    tail = gone.difference(saved.pinned, saved.rejected)
    if tail:
        lost.append(f"steps to undo or redo about {ranges(tail)}")

    def moved(step: Step) -> Step:
        def there(structures: Iterable[int]) -> list[int]:
            return sorted(places[s] for s in structures if places[s] >= 0)

        removals = {
            places[s]: one._replace(structure=places[s])
            for s, one in step.removals.items()
            if places.get(s, -1) >= 0
        }
        choices = [live_choice(choice, choice)[0] for choice in step.choices]
        return step._replace(
            pinned=there(step.pinned), rejected=there(step.rejected), removals=removals,
            choices=choices,
        )  # fmt: skip

    step = moved(Step(saved.pinned, saved.rejected, saved.removals, []))
    brush, n = saved.brush, analysis.n_environments
    if now is not None and len(brush):
        lost.append(f"the brush of {len(brush)} environments")
        brush = NOTHING
    brush = brush[(brush >= 0) & (brush < n)]
    named = {name: rows[rows < n] for name, rows in saved.named_brushes.items()}
    if now is not None and named:
        lost.append(f"the brushes {', '.join(named)}")
        named = {}
    values = {
        "pinned": step.pinned,
        "rejected": step.rejected,
        "removals": step.removals,
        "waived": dict(saved.waived),
        "budget": fitting(saved.budget, analysis.n_structures, step.pinned, step.rejected),
        "brush": brush,
        "named_brushes": named,
        "kept_lists": dict(saved.kept_lists),
        "searches": saved.searches,
        **_inspected(saved, data),
    }
    known = [
        [moved(one) for one in steps if all(c.method in METHODS for c in one.choices)]
        for steps in (saved.undo, saved.redo)
    ]
    left_out = len(saved.undo) + len(saved.redo) - len(known[0]) - len(known[1])
    if left_out:
        steps = f"{left_out} step{'s' * (left_out > 1)}"
        lost.append(f"{steps} to undo or redo (methods this Winnow does not have)")
    return Restored(values, known[0], known[1], tuple(lost))


def _inspected(saved: SavedSession, data: Dataset) -> dict[str, int]:
    if not 0 <= saved.active < data.n_structures:
        return {}
    atoms = int(data.sizes[saved.active])
    atom = saved.active_atom if 0 <= saved.active_atom < atoms else -1
    return {"active": saved.active, "active_atom": atom}


def settings_of(descriptor: Any, kernel: KernelSpec) -> tuple[tuple[str, dict[str, Any]], Any]:
    """Return name and options of a descriptor, and the options of a kernel, as plain values."""
    own = descriptor_name(descriptor), dataclasses.asdict(descriptor)
    return own, dataclasses.asdict(kernel)
