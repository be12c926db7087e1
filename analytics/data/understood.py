"""What was understood of a file: frames, keys and the frames they cover, units, what is open.

Readers and the choice of labels fill it in; `winnow check`, `winnow analyse`, the Data stage and
`Dataset.understood` show it, so that a person can verify at a glance that the file was read as it
was meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from analytics.data.frames import LeftOut
from analytics.runtime.value import Value

__all__ = ["Candidate", "KeyUse", "Label", "Understood", "UnitUse"]

Label = Literal["energy", "forces", "stress", "config_type"]


@dataclass(frozen=True, slots=True)
class KeyUse(Value):
    """A name in the file that a label was read from, and how many frames it covers.

    A label with several of them was read from another name where the first is missing.
    """

    label: Label
    key: str
    frames: int


@dataclass(frozen=True, slots=True)
class Candidate(Value):
    """A name of the right shape that was not chosen for a label.

    Attributes
    ----------
    label : str
    key : str
    frames : int
        Frames that have it.
    difference : float or None
        Root mean square difference from the label that was chosen, over the frames that have
        both: eV/atom for energies, eV/angstrom for forces, eV/angstrom^3 for stress.
    note : str
        What it looks like, and the option that takes it.
    """

    label: Label
    key: str
    frames: int
    difference: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class UnitUse(Value):
    """The unit of a quantity in the file, and where that is known from.

    Attributes
    ----------
    quantity : str
        'length', 'energy', 'forces' or 'stress'.
    unit : str
        As the file has it; the data set holds angstrom, eV, eV/angstrom and eV/angstrom^3.
    known_from : 'format', 'file', 'user' or 'assumed'
    factor : float
        By which the values of the file were multiplied.
    frames : int
        Frames that it holds for.
    """

    quantity: str
    unit: str
    known_from: Literal["format", "file", "user", "assumed"]
    factor: float = 1.0
    frames: int = 0


@dataclass(frozen=True, slots=True)
class Understood(Value):
    """How a file was read.

    Attributes
    ----------
    format : str
        What kind of file it was taken for.
    frames_in_file : int
        All frames, also those that were not asked for or were left out.
    left_out : tuple of LeftOut
        Frames, or labels of frames, that cannot be used.
    keys : tuple of KeyUse
    candidates : tuple of Candidate
    units : tuple of UnitUse
    notes : tuple of str
        What was decided on the way, one sentence each, with the number of frames.
    options : mapping
        What was said about the reading, as further arguments of `analytics.data.readers.read`.
    """

    format: str = ""
    frames_in_file: int = 0
    left_out: tuple[LeftOut, ...] = ()
    keys: tuple[KeyUse, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    units: tuple[UnitUse, ...] = ()
    notes: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def keys_of(self, label: Label) -> tuple[KeyUse, ...]:
        """Return the names that a label was read from, the one of most frames first."""
        return tuple(use for use in self.keys if use.label == label)

    def _facts(self) -> Iterator[str]:
        yield f"{self.frames_in_file} frames"
        yield f"{len(self.left_out)} left out"
        yield ", ".join(f"{use.label} from {use.key} ({use.frames})" for use in self.keys)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        from dataclasses import asdict

        return asdict(self)
