"""Recipe: everything needed to make a selection again, as plain JSON values.

The command line, a notebook and the page all write the same recipe. All indices in it are
zero-based and refer to the original file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analytics.curation.duplicates import Duplicates
from analytics.curation.ledger import Removal as Rejection
from analytics.curation.ledger import Waiver
from analytics.curation.reasons import copy_reasons
from analytics.data.dataset import Dataset
from analytics.data.export import write_subset
from analytics.data.read_options import READING, LabelKeys
from analytics.descriptors.base import descriptor_name
from analytics.evaluation.comparison import measure
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import IntArray
from analytics.runtime.documents import Entries, load_json
from analytics.runtime.errors import InputError, WinnowError
from analytics.runtime.value import Value, content_fingerprint
from analytics.runtime.versions import versions
from analytics.runtime.writing import write_files
from analytics.selection.base import RULES, UNITS, WRITERS, Budget, Selection

__all__ = [
    "FORMAT_VERSION",
    "NamedBrush",
    "Recipe",
    "Removal",
    "forced_out",
    "forced_structures",
    "kept_structures",
    "make_recipe",
    "removable_copies",
]

#: Raised by one whenever an older Winnow could no longer replay a recipe.
FORMAT_VERSION = 2

#: The steps of a recipe.
REJECT, DROP_DUPLICATES, SELECT = "reject", "drop_duplicates", "select"
#: Why a structure was forced out, if nobody said.
UNSAID = "rejected by the user"
#: The step of what a recipe forces out without naming its step.
FROM_RECIPE = "Recipe"
_SLICE = re.compile(r"-?[0-9]{0,18}:-?[0-9]{0,18}(:-?[1-9][0-9]{0,17})?", re.ASCII)


#: What a ledger says of a rejection beyond its reason.
_HOW = ("by", "when", "kind")


@dataclass(frozen=True, slots=True)
class Removal:
    """Structures taken out by one step for one reason; indices refer to the original file.

    Attributes
    ----------
    step : str
        One of the steps of the recipe.
    reason : str
    structures : tuple of int
    by, when, kind : str
        Of what a user rejected: see `analytics.curation.ledger.Removal`; empty where not known.
    """

    step: str
    reason: str
    structures: tuple[int, ...]
    by: str = ""
    when: str = ""
    kind: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON; what is not known is left out."""
        known = {name: getattr(self, name) for name in _HOW if getattr(self, name)}
        return {
            "step": self.step, "reason": self.reason, **known, "structures": list(self.structures),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class NamedBrush:
    """What a user marked under a name; it does not change what is selected.

    Attributes
    ----------
    name : str
    structures : tuple of int
        Those with a marked environment, ascending, by their index in the original file.
    environments : int
        How many environments are marked.
    """

    name: str
    structures: tuple[int, ...]
    environments: int


@dataclass(frozen=True, slots=True)
class Recipe(Value):
    """What was selected, from what, by which method and with which settings.

    Attributes
    ----------
    name : str
        Name of the file read, without its folder.
    fingerprint : str
        Digest of the data read.
    frames : str or tuple of int or None
        Which structures of the file were read: None for the first n (all of them, as a rule), a
        slice such as "0:1000:10" that may follow the file name and an "@", or a list.
    keys : LabelKeys
        Where the labels were read from.
    reading : mapping
        What the user said of how to read the file (names of labels, elements of types, units), as
        arguments of `analytics.data.readers.read`.
    n_structures, n_environments : int
        Of the data read, isolated atoms included.
    descriptor : str
        Name of the descriptor; its options are `descriptor_spec`.
    kernel_spec : mapping
        Options of the kernel; its width as the number that it was.
    method : str
        Name of the selection method; its options are `method_spec`.
    seed : int
    budget : int or float
        As it was asked for: a number, or a share of what was analysed, see `Budget`.
    keep, drop : tuple of int
        Structures forced in and out.
    picked : tuple of int
        Structures picked, in the order they were.
    isolated : tuple of int
        Isolated atoms: kept besides, and not counted in the budget.
    metrics, full_set : mapping
        Figures of the structures picked (`analytics.measure`) and of all structures analysed;
        None where there is no value.
    versions : mapping
        Of Winnow, Python and the libraries that a result depends on.
    unit : str
        What the budget counts: "structures" or "environments".
    duplicates : mapping or None
        Options with which near-duplicates were taken out before the selection.
    reference : mapping or None
        Name, fingerprint and frames of the set that the selection adds to.
    ledger : tuple of Removal
        Every structure that is not kept, once, by the step that removed it.
    waivers : tuple of Waiver
        Findings that were looked at and left as they are, and why.
    sample : mapping or None
        What the kernels were sampled with, if they were: the number of environments, the seed,
        and whether entropy, diversity and outlier scores are exact even so.
    parts : int
        In how many parts the structures were dealt for a selection in two rounds; 1 for one round.
    demand : mapping or None
        How many environments and candidates were drawn, if that was asked for.
    equations : str
        Fingerprint of the normal equations that were given to a method that selects by a model;
        empty if it made its own, as it does where a recipe is replayed.
    rules : int
        `analytics.selection.base.RULES` of the Winnow that made it.
    width : mapping or None
        How the width of the kernel was asked for, what the data would choose and the published one
        (`Width.to_dict`); None in recipes that say nothing of it.
    """

    name: str
    fingerprint: str
    frames: str | tuple[int, ...] | None
    keys: LabelKeys
    n_structures: int
    n_environments: int
    descriptor: str
    descriptor_spec: Mapping[str, Any]
    kernel_spec: Mapping[str, Any]
    method: str
    method_spec: Mapping[str, Any]
    seed: int
    budget: float
    keep: tuple[int, ...]
    drop: tuple[int, ...]
    picked: tuple[int, ...]
    isolated: tuple[int, ...]
    metrics: Mapping[str, Any]
    full_set: Mapping[str, Any]
    versions: Mapping[str, str]
    unit: str = "structures"
    duplicates: Mapping[str, Any] | None = None
    reference: Mapping[str, Any] | None = None
    ledger: tuple[Removal, ...] = ()
    sample: Mapping[str, Any] | None = None
    parts: int = 1
    demand: Mapping[str, int] | None = None
    equations: str = ""
    reading: Mapping[str, Any] = field(default_factory=dict)
    rules: int = RULES
    width: Mapping[str, Any] | None = None
    waivers: tuple[Waiver, ...] = ()
    brushes: tuple[NamedBrush, ...] = ()

    def _identity(self) -> str:
        return content_fingerprint(self)  # `fingerprint` is that of the data

    def _facts(self) -> Iterator[str]:
        yield from (self.method, f"{self.size} of {self.n_structures} structures", self.name)

    @property
    def rounds(self) -> int:
        """Number of rounds in which the structures were picked."""
        return 2 if self.parts > 1 else 1

    @property
    def reasons(self) -> dict[int, str]:
        """Why each structure forced out was, by its index in the original file."""
        rejected = (removal for removal in self.ledger if removal.step == REJECT)
        return {s: removal.reason for removal in rejected for s in removal.structures}

    def removals(self, places: Mapping[int, int]) -> list[Rejection]:
        """Return how structures were forced out.

        Parameters
        ----------
        places : mapping of int to int
            Index in the original file -> index in the data set; what is not there is left out.
        """
        return [
            Rejection(places[s], one.by, one.reason, one.when, one.kind)
            for one in self.ledger
            if one.step == REJECT
            for s in one.structures
            if s in places
        ]

    @property
    def kept(self) -> tuple[int, ...]:
        """Structures kept, isolated atoms included, ascending: the order of the exported file."""
        return tuple(sorted({*self.picked, *self.isolated}))

    @property
    def size(self) -> int:
        """Number of structures picked."""
        return len(self.picked)

    @property
    def steps(self) -> tuple[dict[str, Any], ...]:
        """What was done, in order; the ledger names these steps."""
        steps: list[dict[str, Any]] = []
        if self.drop:
            steps.append({"step": REJECT, "structures": list(self.drop)})
        if self.duplicates is not None:
            steps.append({"step": DROP_DUPLICATES, "spec": dict(self.duplicates)})
        last: dict[str, Any] = {"step": SELECT, "method": self.method}
        last |= {"spec": dict(self.method_spec)}
        last |= {"seed": self.seed, "budget": self.budget, "unit": self.unit}
        last |= {"rounds": self.rounds, "parts": self.parts}
        steps.append(last if self.demand is None else last | {"demand": dict(self.demand)})
        return tuple(steps)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        environments = int(self.metrics["n_environments"])
        return {
            "format": "winnow-recipe",
            "format_version": FORMAT_VERSION,
            "input": {
                "name": self.name,
                "fingerprint": self.fingerprint,
                "frames": list(self.frames) if isinstance(self.frames, tuple) else self.frames,
            },
            "keys": asdict(self.keys),
            "reading": dict(self.reading),
            "n_structures": self.n_structures,
            "n_environments": self.n_environments,
            "n_kept": len(self.kept),
            "n_kept_environments": environments + len(self.isolated),
            "n_rest": self.n_structures - len(self.kept),
            "descriptor": {"name": self.descriptor, "spec": dict(self.descriptor_spec)},
            "kernel": dict(self.kernel_spec),
            "width": None if self.width is None else dict(self.width),
            "method": self.method,
            "spec": dict(self.method_spec),
            "seed": self.seed,
            "rounds": self.rounds,
            "parts": self.parts,
            "demand": None if self.demand is None else dict(self.demand),
            "rules": self.rules,
            "sample": None if self.sample is None else dict(self.sample),
            "equations": self.equations or None,
            "budget": {
                "given": self.budget,
                "unit": self.unit,
                "structures": self.size,
                "environments": environments,
                "fraction": self.size / int(self.full_set["n_structures"]),
            },
            "keep": list(self.keep),
            "drop": list(self.drop),
            "picked_frame_indices": list(self.picked),
            "isolated_frame_indices": list(self.isolated),
            "kept_frame_indices": list(self.kept),
            "metrics": dict(self.metrics),
            "full_set": dict(self.full_set),
            "versions": dict(self.versions),
            "reference": None if self.reference is None else dict(self.reference),
            "steps": list(self.steps),
            "ledger": [removal.to_dict() for removal in self.ledger],
            "waivers": [waiver._asdict() for waiver in self.waivers],
            "brushes": [
                {**asdict(brush), "structures": list(brush.structures)} for brush in self.brushes
            ],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Recipe:
        """Return the recipe of which `content` is the `to_dict`; more keys than that are ignored.

        Raises
        ------
        WinnowError
            If it is no recipe, or one of a newer format.
        """
        if content.get("format") != "winnow-recipe":
            raise WinnowError("this is not a Winnow recipe")
        if content.get("format_version") not in range(1, FORMAT_VERSION + 1):
            raise WinnowError(
                f"the recipe has format version {repr(content.get('format_version'))[:20]}; "
                f"this Winnow reads versions up to {FORMAT_VERSION}"
            )
        return cls(**_fields(Entries(dict(content), "the recipe")))

    def save(self, path: str | Path, *, force: bool = False, **more: Any) -> None:
        """Write the recipe as JSON, with `more` entries where the caller has any.

        A file that exists is replaced only with `force`.
        """
        text = _json({**self.to_dict(), **more}) + "\n"
        write_files({Path(path): lambda file: file.write(text.encode())}, force=force)

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a recipe from JSON."""
        source = Path(path).name
        content = load_json(Path(path))
        if not isinstance(content, dict):
            raise InputError("this is not a Winnow recipe", source=source)
        try:
            return cls.from_dict(content)
        except InputError:
            raise
        except WinnowError as error:
            raise InputError(str(error), source=source) from None


def kept_structures(dataset: Dataset, selection: Selection, size: int | None = None) -> IntArray:
    """Return what an export keeps: the first `size` picks and every isolated atom.

    Parameters
    ----------
    dataset : Dataset
    selection : Selection
    size : int, optional
        Number of picks (default: all of them).

    Returns
    -------
    int array
        Indices into the data set, ascending.
    """
    return np.union1d(_picks(selection, size), np.flatnonzero(dataset.isolated))


def make_recipe(
    analysis: Analysis,
    selection: Selection,
    size: int | None = None,
    *,
    budget: float | None = None,
    duplicates: Duplicates | None = None,
    reference: Dataset | None = None,
    reasons: Mapping[int, str] | None = None,
    removals: Iterable[Rejection] = (),
    waivers: Iterable[Waiver] = (),
    brushes: Iterable[NamedBrush] = (),
) -> Recipe:
    """Describe the first `size` structures of a selection so that they can be selected again.

    Parameters
    ----------
    analysis : Analysis
        The one that the selection was made from.
    selection : Selection
    size : int, optional
        Number of structures picked (default: all of the selection).
    budget : int or float, optional
        What the user asked for, if that was not the number of structures.
    duplicates : Duplicates, optional
        The near-duplicates that were taken out before; `removable_copies` are then those of the
        structures forced out that the user did not reject.
    reference : Dataset, optional
        The set that the selection adds to.
    reasons : mapping of int to str, optional
        Why structures were forced out, by their index in the data set, in a few words (see
        `analytics.curation.reasons`); without one it says that the user rejected them.
    removals : iterable of analytics.curation.ledger.Removal, optional
        How structures were forced out: step, reason, time; comes before `reasons`.
    waivers : iterable of Waiver, optional
        Findings that were left as they are.
    brushes : iterable of NamedBrush, optional
        What was marked under names.

    Examples
    --------
    >>> made = winnow.recipe(information, kept)
    >>> made.method, made.size
    ('facility_location', 10)
    """
    _same_analysis(analysis, selection)
    picks, dataset = _picks(selection, size), analysis.dataset
    frames = dataset.frame_indices
    spec = analysis.descriptors.spec
    copies = np.empty(0, dtype=np.int64)
    if duplicates is not None:
        copies = removable_copies(duplicates, selection.keep)
    rejected = np.setdiff1d(selection.drop, copies)
    return Recipe(
        name=dataset.name,
        fingerprint=dataset.fingerprint,
        frames=_frames_read(frames),
        keys=dataset.keys,
        reading=dataset.understood.options,
        n_structures=dataset.n_structures,
        n_environments=dataset.n_environments,
        descriptor=descriptor_name(spec),
        descriptor_spec=asdict(spec),
        kernel_spec=asdict(analysis.spec),
        method=selection.method,
        method_spec=asdict(selection.spec),
        seed=selection.seed,
        budget=Budget(len(picks) if budget is None else budget).value,
        keep=_ints(frames[selection.keep]),
        drop=_ints(frames[rejected]),
        picked=_ints(frames[picks]),
        isolated=_ints(frames[dataset.isolated]),
        metrics=_finite(measure(analysis, selection, len(picks))),
        full_set=_full_set(analysis),
        versions=versions(),
        unit=selection.unit,
        duplicates=None if duplicates is None else asdict(duplicates.spec),
        reference=None if reference is None else _identity(reference),
        ledger=(
            *_rejections(frames, rejected, reasons or {}, removals),
            *_ledger(dataset, selection, picks, rejected, copies, duplicates),
        ),
        sample=_sample(analysis),
        parts=selection.parts,
        demand=_demand(selection),
        equations=selection.equations,
        width=analysis.width.to_dict(),
        waivers=tuple(waivers),
        brushes=tuple(brushes),
    )


@WRITERS.register(".json")
def _save_recipe(
    selection: Selection, analysis: Analysis, path: str | Path, *, force: bool
) -> None:
    make_recipe(analysis, selection).save(path, force=force)


@WRITERS.register(".extxyz")
@WRITERS.register(".xyz")
def _save_structures(
    selection: Selection, analysis: Analysis, path: str | Path, *, force: bool
) -> None:
    _same_analysis(analysis, selection)
    kept = kept_structures(analysis.dataset, selection)
    write_subset(analysis.dataset, kept, path, force=force)


def forced_structures(recipe: Recipe, dataset: Dataset) -> tuple[set[int], set[int]]:
    """Return what a recipe forces in and out, copies that it dropped among them.

    Returns
    -------
    keep, drop : set of int
        Indices into the data set, of what it has; isolated atoms are neither.
    """
    frames, isolated = dataset.structure_of_frame(), dataset.isolated
    copies = [f for r in recipe.ledger if r.step == DROP_DUPLICATES for f in r.structures]

    def here(structures: Iterable[int]) -> set[int]:
        return {frames[f] for f in structures if f in frames and not isolated[frames[f]]}

    keep = here(recipe.keep)
    return keep, here([*recipe.drop, *copies]) - keep


def forced_out(recipe: Recipe, dataset: Dataset) -> dict[int, Rejection]:
    """Return how each structure that a recipe forces out was, by its index in the data set."""
    _, drop = forced_structures(recipe, dataset)
    frames = dataset.structure_of_frame()
    found = {s: Rejection(s, FROM_RECIPE, kind="rule") for s in sorted(drop)}
    for group in recipe.ledger:
        step, kind = group.by or FROM_RECIPE, group.kind or "rule"
        found |= {
            s: Rejection(s, step, group.reason, group.when, kind)
            for s in (frames.get(f, -1) for f in group.structures)
            if s in drop
        }
    return found


def _same_analysis(analysis: Analysis, selection: Selection) -> None:
    if selection.source != analysis.fingerprint:
        raise ValueError("the selection was made from another analysis")


def removable_copies(duplicates: Duplicates, keep: Iterable[int]) -> IntArray:
    """Return the near-duplicates to be taken out: the copies that are not forced in."""
    return np.setdiff1d(duplicates.copies, np.asarray(list(keep), dtype=np.int64))


def _identity(dataset: Dataset) -> dict[str, Any]:
    frames = _frames_read(dataset.frame_indices)
    return {
        "name": dataset.name,
        "fingerprint": dataset.fingerprint,
        "frames": list(frames) if isinstance(frames, tuple) else frames,
        "keys": asdict(dataset.keys),
        "reading": dict(dataset.understood.options),
        "n_structures": dataset.n_structures,
        "n_environments": dataset.n_environments,
    }


def _ledger(
    dataset: Dataset,
    selection: Selection,
    picks: IntArray,
    rejected: IntArray,
    copies: IntArray,
    duplicates: Duplicates | None,
) -> tuple[Removal, ...]:
    """Return every structure that is not kept and was not rejected, by step and reason."""
    frames = dataset.frame_indices
    found: list[Removal] = []
    if duplicates is not None:
        reasons = copy_reasons(duplicates, frames, copies)
        told = {structure: (reason,) for structure, reason in reasons.items()}
        found += _grouped(DROP_DUPLICATES, frames, told)
    everything = np.arange(dataset.n_structures)
    gone = np.concatenate([picks, rejected, copies, everything[dataset.isolated]])
    left = np.setdiff1d(everything, gone)
    if len(left):
        reason = f"not picked by {selection.method} at budget {len(picks)}"
        found.append(Removal(SELECT, reason, _ints(frames[left])))
    return tuple(found)


def _rejections(
    frames: IntArray,
    rejected: IntArray,
    reasons: Mapping[int, str],
    removals: Iterable[Rejection],
) -> tuple[Removal, ...]:
    """Return the structures forced out, by reason, and by step and time where they are known."""
    how = {one.structure: (one.reason, one.step, one.when, one.kind) for one in removals}
    told: dict[int, tuple[str, ...]] = {}
    for s in _ints(rejected):
        why, *rest = how.get(s, (reasons.get(s, ""),))
        told[s] = (" ".join(why.split()) or UNSAID, *rest)
    return _grouped(REJECT, frames, told)


def _grouped(
    step: str, frames: IntArray, told: Mapping[int, tuple[str, ...]]
) -> tuple[Removal, ...]:
    """Return what one step took out, an entry for each reason and way, as they come first."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for structure, words in told.items():
        groups.setdefault(words, []).append(int(frames[structure]))
    return tuple(
        Removal(step, reason, tuple(group), *how) for (reason, *how), group in groups.items()
    )


def _sample(analysis: Analysis) -> dict[str, Any] | None:
    if analysis.sampled is None:
        return None
    size, exact = analysis.sampled, analysis.exact
    return {"environments": size, "seed": analysis.seed, "exact_scores": exact}


def _demand(selection: Selection) -> dict[str, int] | None:
    if not selection.demand:
        return None
    return {"environments": selection.demand, "candidates": selection.candidates}


def _picks(selection: Selection, size: int | None) -> IntArray:
    size = len(selection) if size is None else size
    if not 0 <= size <= len(selection):
        raise ValueError(f"size is {size}; the selection has {len(selection)} structures")
    return selection.structures[:size]


def _frames_read(frames: IntArray) -> str | tuple[int, ...] | None:
    steps = np.unique(np.diff(frames))
    if np.array_equal(frames, np.arange(len(frames))):
        return None
    if len(frames) == 1 or (len(steps) == 1 and steps[0] > 0):
        step = int(steps[0]) if len(steps) else 1
        return f"{frames[0]}:{frames[-1] + 1}:{step}"
    return _ints(frames)


def _full_set(analysis: Analysis) -> dict[str, float | int | None]:
    return {
        "n_structures": analysis.n_structures,
        "n_environments": analysis.n_environments,
        "entropy_nats": analysis.entropy_nats,
        "diversity_nats": analysis.diversity_nats,
        "max_entropy_nats": analysis.max_entropy_nats,
        "sampled_environments": analysis.sampled,
    }


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace NaN and infinity, which JSON does not have, by None."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def _ints(values: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _fields(content: Entries) -> dict[str, Any]:
    """Return what a recipe is made of, each entry checked."""
    data, descriptor, budget = (content.object(name) for name in ("input", "descriptor", "budget"))
    fields: dict[str, Any] = {
        "name": data.text("name"),
        "fingerprint": data.text("fingerprint"),
        "frames": _frames_given(data),
        "keys": _keys_given(content.object("keys")),
        "n_structures": content.whole("n_structures"),
        "n_environments": content.whole("n_environments"),
        "descriptor": descriptor.text("name"),
        "descriptor_spec": descriptor.plain("spec"),
        "kernel_spec": content.plain("kernel"),
        "method": content.text("method"),
        "method_spec": content.plain("spec"),
        "seed": content.whole("seed"),
        "keep": content.indices("keep"),
        "drop": content.indices("drop"),
        "picked": content.indices("picked_frame_indices"),
        "isolated": content.indices("isolated_frame_indices"),
        "versions": content.plain("versions"),
        # what recipes of earlier versions do not have
        "reading": _reading_given(content) if "reading" in content else {},
        "unit": budget.text("unit") if "unit" in budget else "structures",
        "duplicates": _duplicates_step(content),
        "reference": _reference_given(content) if "reference" in content else None,
        "sample": _sample_given(content.object("sample")) if "sample" in content else None,
        "parts": content.whole("parts", 1) if "parts" in content else 1,
        "demand": _demand_given(content.object("demand")) if "demand" in content else None,
        "rules": content.whole("rules") if "rules" in content else 1,
        "equations": content.text("equations") if "equations" in content else "",
        "ledger": _ledger_given(content) if "ledger" in content else (),
        "width": content.plain("width") if "width" in content else None,
        "waivers": _waivers_given(content) if "waivers" in content else (),
        "brushes": _brushes_given(content) if "brushes" in content else (),
    }
    fields["budget"] = _budget_given(budget, len(fields["picked"]))
    fields |= _figures_given(content)
    if fields["unit"] not in UNITS:
        raise budget.damaged("budget.unit", f"one of {', '.join(UNITS)}", fields["unit"])
    if both := set(fields["keep"]) & set(fields["drop"]):
        raise WinnowError(f"the recipe is damaged: it forces structure {min(both)} in and out")
    return fields


def _figures_given(content: Entries) -> dict[str, Any]:
    metrics, full_set = content.object("metrics"), content.object("full_set")
    metrics.whole("n_environments")
    full_set.whole("n_structures", 1)
    found = {name: content.plain(name) for name in ("metrics", "full_set")}
    entropy = found["full_set"].get("entropy_nats")
    if isinstance(entropy, str | bool):
        raise full_set.damaged("full_set.entropy_nats", "a number", entropy)
    return found


def _frames_given(data: Entries) -> str | tuple[int, ...] | None:
    """Return which structures of a file were read, see `Recipe.frames`."""
    frames = data["frames"]
    if frames is None:
        return None
    if not isinstance(frames, str):
        return data.indices("frames")
    if _SLICE.fullmatch(frames) is None:
        raise data.damaged("input.frames", "a slice such as 0:1000:10", frames)
    return frames


def _keys_given(keys: Entries) -> LabelKeys:
    names = ("energy", "forces", "config_type", "stress")
    return LabelKeys(**{name: keys.text(name) if name in keys else None for name in names})


def _reading_given(content: Entries) -> dict[str, Any]:
    reading = content.object("reading")
    names = [name for name in READING if name in reading]
    said: dict[str, Any] = {name: reading.text(name) for name in names}
    return said | ({"strict": reading.flag("strict")} if "strict" in reading else {})


def _reference_given(content: Entries) -> dict[str, Any]:
    reference = content.object("reference")
    for name in ("name", "fingerprint"):
        reference.text(name)
    for name in ("n_structures", "n_environments"):
        reference.whole(name)
    if "frames" in reference:
        _frames_given(reference)
    if "keys" in reference:
        _keys_given(reference.object("keys"))
    if "reading" in reference:
        _reading_given(reference)
    return dict(reference.content)


def _sample_given(sample: Entries) -> dict[str, Any]:
    if "environments" in sample:
        sample.whole("environments", 1)
    if "seed" in sample:
        sample.whole("seed")
    if "exact_scores" in sample:
        sample.flag("exact_scores")
    return dict(sample.content)


def _demand_given(demand: Entries) -> dict[str, int]:
    # the output of a command says more
    return {name: demand.whole(name, 1) for name in ("environments", "candidates")}


def _ledger_given(content: Entries) -> tuple[Removal, ...]:
    return tuple(
        Removal(
            entry.text("step"),
            entry.text("reason"),
            entry.indices("structures"),
            *(entry.text(name) if name in entry else "" for name in _HOW),
        )
        for entry in content.each("ledger")
    )


def _waivers_given(content: Entries) -> tuple[Waiver, ...]:
    return tuple(
        Waiver(*(entry.text(name) for name in Waiver._fields)) for entry in content.each("waivers")
    )


def _brushes_given(content: Entries) -> tuple[NamedBrush, ...]:
    return tuple(
        NamedBrush(entry.text("name"), entry.indices("structures"), entry.whole("environments"))
        for entry in content.each("brushes")
    )


def _budget_given(budget: Entries, picked: int) -> float:
    """Return the budget of a recipe; one that says 1.0 and picked one structure meant a count."""
    given = budget["given"]
    try:
        if isinstance(given, str):  # "10%", as earlier versions wrote it
            return Budget.parse(budget.text("given")).value
        counted = isinstance(given, float) and (given > 1 or (given == 1 and picked == 1))
        if counted or isinstance(given, int):
            given = budget.whole("given")
        return Budget(given).value
    except ValueError:
        raise budget.damaged("budget.given", "a budget", given) from None


def _duplicates_step(content: Entries) -> dict[str, Any] | None:
    """Return the options of the step that takes out duplicates, None without one."""
    steps = content.each("steps") if "steps" in content else ()
    return next((s.plain("spec") for s in steps if s.text("step") == DROP_DUPLICATES), None)


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
