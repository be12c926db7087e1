"""Saved session: what a user has done, as one JSON document that can be read back. No Panel.

Long lists of indices are packed (differences, zlib, base64), so that a brush of 500 000
environments takes a few kilobytes. Nothing in a file is trusted: whatever is not as it was written
is one line of error, and what only a newer Winnow knows is named.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.curation.expression_syntax import LONGEST as LONGEST_SEARCH
from analytics.curation.ledger import Removal, Waiver
from analytics.data.dataset import Dataset
from analytics.runtime.arrays import IntArray
from analytics.runtime.documents import LONGEST_OPTION, Entries, load_json, parse_json
from analytics.runtime.errors import InputError, WinnowError
from analytics.runtime.versions import version_of
from views.state.brushing import LONGEST, MOST, RECENT
from views.state.columns import COLUMNS, Choice
from views.state.decisions import UNDO_DEPTH, Step
from views.state.questions import ASKED, Question

__all__ = [
    "FORMAT", "FORMAT_VERSION", "Packing", "SavedSession", "Source", "as_json", "load",
    "marks_of", "parse",
]  # fmt: skip

FORMAT = "winnow-session"
#: Raised by one whenever an older Winnow could no longer open a session.
FORMAT_VERSION = 3
#: Longer lists of indices are packed.
PLAIN = 64
#: zlib packs no better than that.
RATIO = 1040


@dataclass(frozen=True, slots=True)
class Source:
    """The file that a session is about.

    Attributes
    ----------
    path : str
        As it was opened; of an upload, its place in the folder of uploads.
    uploaded : bool
        Whether it came through the browser and is kept with the sessions.
    keys : dict of str to (str, bool or None)
        What the user said of how it is to be read: names of labels, elements of types, units.
    name, fingerprint, n_structures, n_environments
        Of the data set that was read.
    """

    path: str
    uploaded: bool
    keys: dict[str, str | bool | None]
    name: str
    fingerprint: str
    n_structures: int
    n_environments: int


@dataclass(frozen=True, slots=True)
class SavedSession:
    """Everything that a user has chosen and decided about one file.

    Attributes
    ----------
    source : Source
    descriptor : tuple of str and mapping
        Name and options.
    kernel : mapping
        Options of the kernel.
    choices : list of Choice
        What is wanted in each column shown; `spec` is a mapping of options, or None for the
        defaults.
    budget : int
    pinned, rejected, removals, waived
        As in `Step`.
    brush : int array (n,)
        Highlighted environments, descriptor rows, ascending.
    kept_lists : mapping of str to str
        Name of a kept selection -> indices of the original file, in order.
    named_brushes : mapping of str to int array
        Name -> rows, as those of `brush`.
    searches : list of str
        What was searched for, the newest first.
    active, active_atom : int
        Under inspection.
    map_kind : str
    undo, redo : list of Step
        The newest last.
    marks : mapping of int to int
        Structure -> short digest of its atoms and cell, for every structure that was decided
        about: tells in a file that has changed which decisions still apply.
    stage : str
        Title of the stage shown; empty for the one that the page opens with.
    stages : mapping of str to mapping
        Title of a stage -> what was chosen there (JSON values).
    question : Question or None
        What another file, not opened yet, has asked.
    title : str
        What the user calls it; empty if nothing was said.
    saved : float
        When, seconds since 1970.
    unknown : tuple of str
        Entries of the file that this Winnow does not know.
    """

    source: Source
    descriptor: tuple[str, Mapping[str, Any]]
    kernel: Mapping[str, Any]
    choices: list[Choice]
    budget: int
    pinned: list[int]
    rejected: list[int]
    removals: dict[int, Removal]
    brush: IntArray
    active: int = -1
    active_atom: int = -1
    map_kind: str = "PCA"
    undo: list[Step] = field(default_factory=list)
    redo: list[Step] = field(default_factory=list)
    waived: Mapping[str, Waiver] = field(default_factory=dict)
    named_brushes: Mapping[str, IntArray] = field(default_factory=dict)
    searches: list[str] = field(default_factory=list)
    kept_lists: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[int, int] = field(default_factory=dict)
    stage: str = ""
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    question: Question | None = None
    title: str = ""
    saved: float = 0.0
    unknown: tuple[str, ...] = ()

    @property
    def decided(self) -> set[int]:
        """Structures that a pin or a rejection is about, those of undo and redo included."""
        found = {*self.pinned, *self.rejected}
        for step in (*self.undo, *self.redo):
            found.update(step.pinned, step.rejected)
        return found

    def to_bytes(self, packing: Packing | None = None) -> bytes:
        """Return the session as JSON."""
        return as_json(self.to_dict(packing))

    def to_dict(self, packing: Packing | None = None) -> dict[str, Any]:
        """Return plain values, for JSON."""
        packed = packing or Packing()
        structures = sorted(self.marks)
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "winnow": version_of("winnow-atomistic"),
            "title": self.title,
            "saved": self.saved,
            "source": dataclasses.asdict(self.source),
            "descriptor": {"name": self.descriptor[0], "spec": dict(self.descriptor[1])},
            "kernel": dict(self.kernel),
            "budget": self.budget,
            **packed.step(Step(self.pinned, self.rejected, self.removals, self.choices)),
            "waivers": _plain_waivers(self.waived),
            "brush": _packed(self.brush),
            "named_brushes": [
                {"name": name, "rows": packed.once(rows, _packed)}
                for name, rows in self.named_brushes.items()
            ],
            "searches": self.searches,
            "kept_lists": [{"name": n, "indices": held} for n, held in self.kept_lists.items()],
            "active": self.active,
            "active_atom": self.active_atom,
            "map": self.map_kind,
            "undo": [packed.whole_step(step) for step in self.undo],
            "redo": [packed.whole_step(step) for step in self.redo],
            "marks": {
                "structures": _packed(structures),
                "digests": _packed([self.marks[s] for s in structures]),
            },
            "stage": self.stage,
            "stages": {name: dict(chosen) for name, chosen in self.stages.items()},
            **({"question": dataclasses.asdict(self.question)} if self.question else {}),
        }


def as_json(content: Mapping[str, Any]) -> bytes:
    """Return what a file holds, for a session as plain values."""
    return json.dumps(content, allow_nan=False, indent=1).encode()


def marks_of(dataset: Dataset, structures: Iterable[int]) -> dict[int, int]:
    """Return a short digest of the atoms and the cell of each of the structures given."""
    found = {}
    for structure in structures:
        rows = dataset.rows(structure)
        digest = zlib.crc32(dataset.numbers[rows].tobytes())
        digest = zlib.crc32(dataset.positions[rows].tobytes(), digest)
        found[int(structure)] = zlib.crc32(dataset.cells[structure].tobytes(), digest)
    return found


def load(path: str | Path) -> SavedSession:
    """Read a session from a file.

    Raises
    ------
    InputError
        Naming the file, and what is wrong in one line.
    """
    path = Path(path)
    return _checked(load_json(path), path.name)


def parse(content: bytes, name: str = "session") -> SavedSession:
    """Return the session that a file holds.

    Parameters
    ----------
    content : bytes
    name : str
        Of the file, for the error.
    """
    return _checked(parse_json(content, name), name)


def _checked(content: Any, name: str) -> SavedSession:
    try:
        return _session(_Entries(content, "the session"))
    except WinnowError as error:
        raise InputError(str(error), source=name) from None


# ---- writing ------------------------------------------------------------------------------------


def _packed(values: npt.ArrayLike) -> Any:
    """Return indices as a list, or as text where there are many."""
    array = np.asarray(values, dtype=np.int64)
    if len(array) <= PLAIN:
        return array.tolist()
    data = zlib.compress(np.diff(array, prepend=0).astype("<i8").tobytes(), 6)
    return {"count": len(array), "packed": base64.b64encode(data).decode("ascii")}


class Packing:
    """Packs steps, and remembers what it has packed: most steps share their lists with others."""

    def __init__(self) -> None:
        #: By identity; the value is held so that no other can get its.
        self._known: dict[tuple[int, Callable[[Any], Any]], tuple[Any, Any]] = {}
        self._used: set[tuple[int, Callable[[Any], Any]]] = set()

    def step(self, step: Step) -> dict[str, Any]:
        """Return plain values."""
        return {
            "pinned": self.once(step.pinned, _packed),
            "rejected": self.once(step.rejected, _packed),
            "reasons": self.once(step.removals, _by_reason),  # what an older Winnow reads
            "removals": self.once(step.removals, _by_step),
            "columns": [_plain_choice(choice) for choice in step.choices],
        }

    def whole_step(self, step: Step) -> dict[str, Any]:
        """Return plain values, those that a session has elsewhere among them."""
        return self.step(step) | {
            "waivers": self.once(step.waived, _plain_waivers),
            "budget": step.budget,
            "reading": None if step.reading is None else dict(step.reading),
            "what": step.what,
            **({} if step.aim is None else {"aim": step.aim}),
        }

    def forget(self) -> None:
        """Forget what has not been used since the last time."""
        self._known = {key: held for key, held in self._known.items() if key in self._used}
        self._used.clear()

    def once(self, value: Any, pack: Callable[[Any], Any]) -> Any:
        """Return what a value is packed to, from memory where it was packed before."""
        key = (id(value), pack)
        if key not in self._known:
            self._known[key] = (value, pack(value))
        self._used.add(key)
        return self._known[key][1]


def _by_reason(removals: Mapping[int, Removal]) -> list[dict[str, Any]]:
    groups: dict[str, list[int]] = {}
    for structure in sorted(removals):
        if removals[structure].reason:
            groups.setdefault(removals[structure].reason, []).append(structure)
    return [{"reason": why, "structures": _packed(group)} for why, group in groups.items()]


def _by_step(removals: Mapping[int, Removal]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, ...], list[int]] = {}
    for structure in sorted(removals):
        groups.setdefault(removals[structure][1:], []).append(structure)
    named = (dict(zip(Removal._fields[1:], how, strict=True)) for how in groups)
    return [
        how | {"structures": _packed(some)}
        for how, some in zip(named, groups.values(), strict=True)
    ]


def _plain_waivers(waived: Mapping[str, Waiver]) -> list[dict[str, str]]:
    return [one._asdict() for one in waived.values()]


def _plain_choice(choice: Choice) -> dict[str, Any]:
    spec = choice.spec
    if spec is not None:
        spec = dataclasses.asdict(spec) if dataclasses.is_dataclass(spec) else dict(spec)
    return {"method": choice.method, "seed": choice.seed, "spec": spec}


# ---- reading ------------------------------------------------------------------------------------


class _Entries(Entries):
    """The entries of an object of the file; what is not taken out is known."""

    def __init__(self, content: Any, document: str, place: str = "") -> None:
        super().__init__(content, document, place)
        self._taken = set[str]()

    def __getitem__(self, name: str) -> Any:
        self._taken.add(name)
        return super().__getitem__(name)

    def unknown(self) -> tuple[str, ...]:
        """Return the names of what has not been taken out."""
        return tuple(sorted(name[:100] for name in set(self.content) - self._taken))

    def numbers(self, name: str) -> IntArray:
        """Return whole numbers, packed or not."""
        value, place = self[name], self._path(name)
        if isinstance(value, list):
            return np.array([self._whole(v, place, -1) for v in value], dtype=np.int64)
        entries = self.object(name)
        count, data = entries.whole("count"), entries["packed"]
        damaged = self.damaged(f"{place}.packed", f"{count} packed numbers", data)
        if not isinstance(data, str) or count * 8 > RATIO * len(data):
            raise damaged
        try:
            unpacking = zlib.decompressobj()
            raw = unpacking.decompress(base64.b64decode(data, validate=True), count * 8 + 1)
        except (binascii.Error, ValueError, zlib.error):
            raise damaged from None
        if len(raw) != count * 8 or not unpacking.eof:
            raise damaged
        return np.cumsum(np.frombuffer(raw, dtype="<i8"), dtype=np.int64)

    def structures(self, name: str) -> list[int]:
        """Return indices that must rise: a set."""
        found = self.numbers(name)
        if len(found) and (found[0] < 0 or (np.diff(found) <= 0).any()):
            raise WinnowError(f"the session is damaged: {self._path(name)} is not in order")
        return [int(s) for s in found.tolist()]


def _session(file: _Entries) -> SavedSession:
    _check_format(file)
    marks = file.object("marks")
    marked, digests = marks.structures("structures"), marks.numbers("digests")
    if len(marked) != len(digests):
        raise WinnowError("the session is damaged: marks have other lengths")
    descriptor, step = file.object("descriptor"), _step(file)
    stages = file.object("stages")
    found = {
        "source": _source(file.object("source")),
        "descriptor": (descriptor.text("name"), descriptor.plain("spec")),
        "kernel": file.plain("kernel"),
        "choices": step.choices,
        "budget": file.whole("budget"),
        "pinned": step.pinned,
        "rejected": step.rejected,
        "removals": step.removals,
        "waived": step.waived,
        "brush": np.array(file.structures("brush"), dtype=np.int64),
        "named_brushes": _named_brushes(file) if "named_brushes" in file else {},
        "searches": _searches(file) if "searches" in file else [],
        "kept_lists": {
            each.text("name")[:LONGEST]: each.text("indices", LONGEST_OPTION)
            for each in (file.each("kept_lists", MOST) if "kept_lists" in file else ())
        },
        "active": file.whole("active", -1),
        "active_atom": file.whole("active_atom", -1),
        "map_kind": file.text("map"),
        "undo": [_step(one) for one in file.each("undo", UNDO_DEPTH)],
        "redo": [_step(one) for one in file.each("redo", UNDO_DEPTH)],
        "marks": dict(zip(marked, digests.tolist(), strict=True)),
        "stage": file.text("stage"),
        "stages": {name: stages.object(name).content for name in stages.content},
        "question": _question(file.object("question")) if "question" in file else None,
        "title": file.text("title"),
        "saved": _time(file),
    }
    return SavedSession(**found, unknown=file.unknown())


def _check_format(file: _Entries) -> None:
    if file.content.get("format") != FORMAT:
        raise WinnowError("this is not a Winnow session")
    file["format"], file["winnow"]
    version = file["format_version"]
    if version not in range(1, FORMAT_VERSION + 1):
        shown = repr(version)[:20]
        raise WinnowError(
            f"the session has format version {shown}; this Winnow reads versions up to "
            f"{FORMAT_VERSION}"
        )


def _time(file: _Entries) -> float:
    value = file["saved"]
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e11:
        raise file.damaged("saved", "a time", value)
    return float(value)


def _source(file: _Entries) -> Source:
    keys = file.object("keys")
    return Source(
        path=file.text("path"),
        uploaded=file.flag("uploaded"),
        keys=_options(keys),
        name=file.text("name"),
        fingerprint=file.text("fingerprint"),
        n_structures=file.whole("n_structures"),
        n_environments=file.whole("n_environments"),
    )


def _options(file: _Entries) -> dict[str, str | bool | None]:
    return {
        k: v if v is None or isinstance(v, bool) else file.text(k) for k, v in file.content.items()
    }


def _question(file: _Entries) -> Question:
    of = file.sequence("of", 1000)
    if not of or not all(isinstance(name, str) for name in of):
        raise file.damaged(file._path("of"), "names", of)
    what = file.text("what")
    if what not in ASKED:
        raise file.damaged(file._path("what"), " or ".join(ASKED), what)
    options = _options(file.object("options"))
    return Question(file.text("path"), options, what, tuple(of), file.text("text"))


def _step(file: _Entries) -> Step:
    reasons: dict[int, str] = {}
    for group in file.each("reasons", 1_000_000):
        reasons |= dict.fromkeys(group.structures("structures"), group.text("reason"))
    removals = {s: Removal(s, reason=why) for s, why in reasons.items()}
    for group in file.each("removals", 1_000_000) if "removals" in file else ():
        how = [group.text(name) for name in Removal._fields[1:]]
        removals |= {s: Removal(s, *how) for s in group.structures("structures")}
    pinned, rejected = file.structures("pinned"), file.structures("rejected")
    if not {*pinned}.isdisjoint(rejected):
        raise WinnowError("the session is damaged: structures are both pinned and rejected")
    columns = list(file.each("columns", COLUMNS))
    if not columns:
        raise file.damaged("columns", f"a list of 1 to {COLUMNS}", columns)
    return Step(
        pinned,
        rejected,
        removals,
        [_choice(column) for column in columns],
        _waived(file) if "waivers" in file else {},
        file.whole("budget") if "budget" in file else 0,
        _options(file.object("reading")) if "reading" in file else None,
        file.text("what") if "what" in file else "",
        file.text("aim") if "aim" in file else None,
    )


def _named_brushes(file: _Entries) -> dict[str, IntArray]:
    return {
        each.text("name")[:LONGEST]: np.array(each.structures("rows"), dtype=np.int64)
        for each in file.each("named_brushes", MOST)
    }


def _searches(file: _Entries) -> list[str]:
    found = file.sequence("searches", RECENT)
    if not all(isinstance(text, str) for text in found):
        raise file.damaged("searches", "texts", found)
    return [text[:LONGEST_SEARCH] for text in found]


def _waived(file: _Entries) -> dict[str, Waiver]:
    found = [
        Waiver(*(one.text(name) for name in Waiver._fields)) for one in file.each("waivers", 10_000)
    ]
    return {one.finding: one for one in found}


def _choice(file: _Entries) -> Choice:
    spec = None if file["spec"] is None else file.plain("spec")
    return Choice(file.text("method"), file.whole("seed"), spec)
