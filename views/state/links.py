"""Links: the state of the page in an address that somebody else can open. No Panel here.

An address carries names and numbers that people can read and write (docs/links.md). It holds no
token, and no path of what was uploaded. Nothing in one is trusted: what cannot be understood is
left out, and told in one line.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import numpy as np

from analytics.curation.ledger import Removal, now
from analytics.data.read_options import READING
from analytics.descriptors.base import DESCRIPTORS, descriptor_name
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import IntArray
from analytics.runtime.registry import options_of, spec_from
from analytics.selection.base import METHODS, Budget
from analytics.selection.given import written
from views.state.columns import COLUMNS, GIVEN, Choice
from views.state.decisions import fitting, usual_budget
from views.state.looking import NOTHING

__all__ = [
    "NAMES",
    "PRESETS",
    "Link",
    "Preset",
    "arrival",
    "packed_rows",
    "read_link",
    "unpacked_rows",
]

#: Characters of an address that a brush, pins or rejections may take; longer brushes stay on the
#: server under a key.
LONGEST = 1200
#: Of a whole value that is read.
MOST = 4000
#: Environments of a brush, so that no address makes a server work for long.
ROWS = 100_000_000
#: Structures that are pinned, or forced out, all ranges together; for the same reason.
STRUCTURES = 1_000_000
#: First letters of the fingerprint of the data, so that a brush is not put on other data.
CHECK = 12
#: Characters of a query that may stand as they are.
PLAIN = "/:,~@.-_="
#: The step of what a link forces out.
FROM_LINK = "Link"
_KEY = re.compile(r"[a-z0-9]{12}\Z")
_RANGES = re.compile(r"\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Preset:
    """Columns and a stage that go by a name.

    Attributes
    ----------
    methods : tuple of str
    stage : str
    text : str
        What it is for.
    """

    methods: tuple[str, ...]
    stage: str
    text: str


PRESETS = {
    "usual": Preset(
        ("random", "facility_location", "largest_force"), "Compare",
        "random, coverage and importance side by side",
    ),
    "tail": Preset(
        ("largest_force", "outlier_score", "msc"), "Compare",
        "keep the tail: large forces and sparse environments",
    ),
    "cover": Preset(
        ("facility_location", "msc", "farthest_environment"), "Compare",
        "cover everything: each environment close to a kept one",
    ),
    "train": Preset(
        ("recommended", "random", "facility_location"), "Retrain",
        "train with the least error, and see it trained",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """What an address says; everything may be missing.

    Attributes
    ----------
    data : str
        Name of a file that the server may open; empty for the one that it opens by itself.
    check : str
        First letters of the fingerprint of the data that brush, pins and rejections are about.
    reading : mapping
        How the file is to be read.
    choices : tuple of Choice
        What is wanted in each column; `spec` is a spec, or None for the defaults.
    budget : Budget or None
    pinned, rejected : tuple of int
        Structures, by their indices in the original file.
    descriptor : spec or None
    kernel : mapping
        Options of the kernel that are not the defaults.
    stage, map, colour, size : str
        Empty where nothing was said.
    at : str
        Where in the stage: of a lesson, screen, controls and answer.
    structure : int
        Under inspection, by its index in the original file; -1 where nothing was said.
    brush : str
        What is searched for and brushed.
    rows : str
        Brushed descriptor rows, see `packed_rows`, or the key of such on the server.
    troubles : tuple of str
        What could not be understood.
    """

    data: str = ""
    check: str = ""
    reading: Mapping[str, Any] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    budget: Budget | None = None
    pinned: tuple[int, ...] = ()
    rejected: tuple[int, ...] = ()
    descriptor: Any = None
    kernel: Mapping[str, Any] = field(default_factory=dict)
    stage: str = ""
    at: str = ""
    map: str = ""
    colour: str = ""
    size: str = ""
    structure: int = -1
    brush: str = ""
    rows: str = ""
    troubles: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The key of a brush that is kept on the server; empty for one that is in the address."""
        return self.rows if _KEY.match(self.rows) else ""

    def query(self) -> str:
        """Return what stands behind the question mark of an address."""
        values = {
            "data": self.data,
            **{name: _plain(value) for name, value in self.reading.items()},
            "methods": ",".join(_column(each) for each in self.choices),
            "budget": "" if self.budget is None else str(self.budget),
            "stage": self.stage,
            "at": self.at,
            "map": self.map,
            "colour": self.colour,
            "size": self.size,
            "descriptor": "" if self.descriptor is None else _descriptor(self.descriptor),
            **{name: _plain(value) for name, value in self.kernel.items()},
            "structure": "" if self.structure < 0 else str(self.structure),
            "pin": written(sorted(self.pinned)),
            "reject": written(sorted(self.rejected)),
            "brush": self.brush,
            "rows": self.rows,
            "check": self.check,
        }
        return "&".join(f"{k}={quote(v, safe=PLAIN)}" for k, v in values.items() if v)


KERNEL = ("bandwidth", "covered_below")
#: Every name that a link may have in an address.
NAMES = (
    "preset", "data", *READING, "strict", "methods", "budget", "stage", "at", "map", "colour",
    "size", "descriptor", *KERNEL, "structure", "pin", "reject", "brush", "rows", "check",
)  # fmt: skip


# ---- reading ------------------------------------------------------------------------------------


def read_link(arguments: Mapping[str, Iterable[bytes]]) -> Link | None:
    """Return what an address says; None if it says nothing.

    Parameters
    ----------
    arguments : mapping of str to bytes
        As a server gives them: every value of each name, of which the last counts.
    """
    given = {}
    for name in NAMES:
        values = list(arguments.get(name, ()))
        if values:
            given[name] = values[-1].decode(errors="replace").strip()
    if not given:
        return None
    troubles: list[str] = []

    def take(name: str, read: Callable[[str], Any], otherwise: Any) -> Any:
        text = given.get(name, "")
        if not text:
            return otherwise
        try:
            if len(text) > MOST:
                raise ValueError
            return read(text)
        except (ValueError, TypeError, KeyError):
            troubles.append(f"{name} {text[:60]!r}")
            return otherwise

    preset = take("preset", PRESETS.__getitem__, None)
    named = tuple(Choice(name) for name in preset.methods) if preset else ()
    choices = take("methods", lambda text: _columns(text, troubles), ()) or named
    return Link(
        data=take("data", str, ""),
        check=take("check", str, "")[:CHECK],
        reading={name: take(name, str, "") for name in READING if given.get(name)}
        | ({"strict": True} if given.get("strict") in ("1", "true") else {}),
        choices=choices,
        budget=take("budget", _budget, None),
        pinned=take("pin", _indices, ()),
        rejected=take("reject", _indices, ()),
        descriptor=take("descriptor", _described, None),
        kernel={
            name: value for name in KERNEL
            if (value := take(name, lambda text, n=name: _kernel(n, text), None)) is not None
        },
        stage=take("stage", str, preset.stage if preset else ""),
        at=take("at", str, ""),
        map=take("map", str, ""),
        colour=take("colour", str, ""),
        size=take("size", str, ""),
        structure=take("structure", lambda text: _indices(text)[0], -1),
        brush=take("brush", str, ""),
        rows=take("rows", _rows, ""),
        troubles=tuple(troubles),
    )  # fmt: skip


def _budget(text: str) -> Budget | None:
    found = Budget.parse(text)
    if found.value == 0:
        raise ValueError(text)
    return found


def _columns(text: str, troubles: list[str]) -> tuple[Choice, ...]:
    """Read ``random:3,facility_location~width=2``; what is not known is left out, and told."""
    found = []
    for part in text.split(","):
        try:
            found.append(_choice(part.strip()))
        except (ValueError, TypeError, KeyError):
            troubles.append(f"method {part.strip()[:60]!r}")
    if len(found) > COLUMNS:
        troubles.append(f"more than {COLUMNS} methods")
    return tuple(found[:COLUMNS])


def _choice(text: str) -> Choice:
    head, *options = text.split("~")
    name, colon, seed = head.partition(":")
    if name not in METHODS or name == GIVEN or (colon and not (seed.isascii() and seed.isdigit())):
        raise ValueError(text)
    spec = _spec(METHODS[name].spec, options)
    if spec == METHODS[name].spec():
        spec = None
    return Choice(name, int(seed[:9]) if seed else 0, spec)


def _described(text: str) -> Any:
    name, *options = text.split("~")
    if name not in DESCRIPTORS:
        raise ValueError(text)
    return _spec(DESCRIPTORS[name][0], options)


def _spec(kind: type, options: Iterable[str]) -> Any:
    known = {item.name: item for item in options_of(kind)}
    values = {}
    for option in options:
        name, _, value = option.partition("=")
        values[name] = known[name].read(value)
    return spec_from(kind, values)


def _kernel(name: str, text: str) -> Any:
    if text in ("auto", "published") and name == "bandwidth":
        return text
    value = float(text)
    if not 1e-12 <= value <= 1e6:
        raise ValueError(text)
    return value


def _indices(text: str) -> tuple[int, ...]:
    """Read ``3,7-9``."""
    if not _RANGES.match(text):
        raise ValueError(text)
    found: set[int] = set()
    left = STRUCTURES
    for part in text.split(","):
        first, _, last = part.partition("-")
        some = range(int(first), int(last or first) + 1)
        left -= len(some)
        if left < 0:
            raise ValueError(text)
        found.update(some)
    return tuple(sorted(found))


def _rows(text: str) -> str:
    if not _KEY.match(text):
        unpacked_rows(text)
    return text


# ---- arriving -----------------------------------------------------------------------------------


def arrival(link: Link, analysis: Analysis, rows: IntArray) -> tuple[dict[str, Any], list[str]]:
    """Return what a link changes of a session whose file is open now.

    Parameters
    ----------
    link : Link
    analysis : Analysis
    rows : int array
        What it has brushed, if that is rows.

    Returns
    -------
    values : dict
        Parameters of the session.
    lost : list of str
        What does not apply, in words.
    """
    data, n, lost = analysis.dataset, analysis.n_structures, list(link.troubles)
    about = bool(len(rows) or link.pinned or link.rejected)
    if about and not data.fingerprint.startswith(link.check):
        lost.append("brush, pins and rejections: the link was made for other data")
        link, rows = replace(link, pinned=(), rejected=()), NOTHING
    frames = data.structure_of_frame()
    pinned, rejected = (
        {frames[f] for f in some if f in frames and not data.isolated[frames[f]]}
        for some in (link.pinned, link.rejected)
    )
    gone = [f for f in (*link.pinned, *link.rejected) if f not in frames]
    if gone:
        lost.append(f"{len(gone)} structures that are not in the file, {gone[0]} the first")
    rejected -= pinned
    budget = link.budget.of(n) if link.budget is not None else usual_budget(n)
    values: dict[str, Any] = {
        "pinned": sorted(pinned),
        "rejected": sorted(rejected),
        "removals": {s: Removal(s, FROM_LINK, "", now(), "rule") for s in sorted(rejected)},
        "budget": fitting(budget, n, pinned, rejected),
        "brush": rows[rows < analysis.n_environments],
    }
    if link.structure in frames:
        values["active"] = frames[link.structure]
    elif link.structure >= 0:
        lost.append(f"structure {link.structure}")
    if link.colour:
        values["colour_by"] = link.colour
    if link.size:
        values["size_by"] = link.size
    return values, lost


# ---- writing ------------------------------------------------------------------------------------


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    return f"{value:g}" if isinstance(value, float) else str(value or "")


def _column(choice: Choice) -> str:
    seed = f":{choice.seed}" if choice.seed else ""
    return f"{choice.method}{seed}{_options(choice.spec)}"


def _descriptor(spec: Any) -> str:
    return f"{descriptor_name(spec)}{_options(spec)}"


def _options(spec: Any) -> str:
    if spec is None:
        return ""
    told = ((item.name, getattr(spec, item.name), item.default) for item in options_of(type(spec)))
    return "".join(f"~{name}={value}" for name, value, default in told if value != default)


# ---- brushes ------------------------------------------------------------------------------------


def packed_rows(rows: IntArray) -> str:
    """Return descriptor rows as text for an address: how many, and their differences, packed."""
    data = zlib.compress(np.diff(rows, prepend=0).astype("<i8").tobytes(), 9)
    return f"{len(rows)}.{base64.urlsafe_b64encode(data).decode('ascii').rstrip('=')}"


def unpacked_rows(text: str) -> IntArray:
    """Return the rows of `packed_rows`, ascending.

    Raises
    ------
    ValueError
        If they are none.
    """
    count, _, data = text.partition(".")
    if not (count.isascii() and count.isdigit() and 0 < int(count[:12]) <= ROWS):
        raise ValueError("no rows")
    size = 8 * int(count)
    try:
        unpacking = zlib.decompressobj()
        packed = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
        raw = unpacking.decompress(packed, size + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError("damaged rows") from error
    if len(raw) != size:
        raise ValueError("damaged rows")
    rows = np.cumsum(np.frombuffer(raw, dtype="<i8"), dtype=np.int64)
    if len(rows) == 0 or rows[0] < 0 or (np.diff(rows) <= 0).any():
        return NOTHING
    return rows
