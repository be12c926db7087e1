"""Gathered structures: what a reader yields, packed as it comes, so that memory does not fill.

Positions and atomic numbers become flat arrays at once, all else that a structure says is packed
some hundred structures together (`analytics.runtime.pieces`). What is asked of all structures is
asked by columns: which keys there are, what is under one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.frames import Columns, Frame, LeftOut
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.growing import Growing
from analytics.runtime.pieces import PIECE, PieceWriter

__all__ = ["MANY", "Gathered", "Gatherer", "Said", "gathered"]

#: Structures from which they are packed: few are quicker as they are.
MANY = 2048


@dataclass(frozen=True, slots=True)
class Said:
    """What a frame says beside its numbers, positions, cell and periodicity."""

    info: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]]
    comment: str
    columns: Columns
    types: tuple[str, ...]
    units: dict[str, str]
    assumed: tuple[str, ...]
    notes: tuple[str, ...]
    format: str


class Gathered:
    """The structures of a file, before their labels are told apart from the rest.

    Attributes
    ----------
    indices : int array (n,)
        Zero-based place of each in the file.
    offsets : int array (n + 1,)
    numbers : int array (n_atoms,)
    positions : float array (n_atoms, 3)
        As the file has them.
    cells : float array (n, 3, 3)
    pbc : bool array (n, 3)
    said : sequence of Said
    left_out : list of LeftOut
    notes : Counter of str
        In how many structures each was made.
    types : set of str
        Words for types of atoms.
    formats : tuple of str
    units : bool
        Whether any structure states units.
    """

    def __init__(self, gatherer: Gatherer) -> None:
        self.left_out, self.notes = gatherer.left_out, gatherer.notes
        self.types, self.units = gatherer.types, gatherer.units
        self.formats = tuple(gatherer.formats)
        self.indices: IntArray = gatherer.indices.finish()
        self.offsets: IntArray = np.concatenate([[0], np.cumsum(gatherer.sizes.finish())])
        self.numbers: IntArray = gatherer.numbers.finish()
        self.positions: FloatArray = gatherer.positions.finish()
        self.cells: FloatArray = gatherer.cells.finish()
        self.pbc: npt.NDArray[np.bool_] = gatherer.pbc.finish()
        self.said: Sequence[Said] = gatherer.said()

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def sizes(self) -> IntArray:
        """Number of atoms of each structure, int array (n,)."""
        return np.diff(self.offsets)

    def frames(self) -> Iterator[Frame]:
        """Yield the structures one after the other."""
        for s, said in enumerate(self.said):
            rows = slice(int(self.offsets[s]), int(self.offsets[s + 1]))
            yield Frame(
                int(self.indices[s]), self.numbers[rows], self.positions[rows], self.cells[s],
                self.pbc[s], said.info, said.arrays, said.comment, said.columns, said.types,
                said.units, said.assumed, said.notes, said.format,
            )  # fmt: skip

    def changed(self, change: Callable[[Frame], Frame | LeftOut]) -> Gathered:
        """Return them with each structure changed, or left out."""
        made = Gatherer()
        made.left_out += self.left_out
        for frame in self.frames():
            made.add(change(frame))
        return made.finish()


class Gatherer:
    """Takes structures one after the other. See `Gathered`."""

    def __init__(self) -> None:
        self.left_out: list[LeftOut] = []
        self.notes: Counter[str] = Counter()
        self.formats: dict[str, None] = {}
        self.types: set[str] = set()
        self.units = False
        self.indices, self.sizes = Growing(np.int64), Growing(np.int64)
        self.numbers, self.positions = Growing(np.int64), Growing(np.float64, (3,))
        self.cells, self.pbc = Growing(np.float64, (3, 3)), Growing(np.bool_, (3,))
        self._waiting: list[Frame] = []
        self._said: list[Said] = []
        self._writer: PieceWriter[Said] | None = PieceWriter()  # none where they cannot be packed

    def add(self, one: Frame | LeftOut) -> None:
        """Add what was found."""
        if isinstance(one, LeftOut):
            self.left_out.append(one)
            return
        self.notes.update(one.notes)
        name = one.format or ("extended XYZ" if one.columns else "")
        if name:
            self.formats[name] = None
        self.types.update(one.types)
        self.units = self.units or bool(one.units)
        self._waiting.append(one)
        if len(self._waiting) == PIECE:
            self._settle()

    def finish(self) -> Gathered:
        """Return all of them."""
        self._settle()
        return Gathered(self)

    def said(self) -> Sequence[Said]:
        """Return what they say, packed if they are many."""
        return self._said if self._writer is None or len(self._said) else self._writer.finish()

    def _settle(self) -> None:
        """Put what waits into the flat arrays, and what else is said to the rest."""
        frames, self._waiting = self._waiting, []
        if not frames:
            return
        self.indices.extend([frame.index for frame in frames])
        self.sizes.extend([len(frame.numbers) for frame in frames])
        self.numbers.extend(np.concatenate([frame.numbers for frame in frames]))
        self.positions.extend(np.concatenate([frame.positions for frame in frames]))
        self.cells.extend(np.array([frame.cell for frame in frames]))
        self.pbc.extend(np.array([frame.pbc for frame in frames]))
        self._said += [
            Said(
                frame.info, frame.arrays, frame.comment, frame.columns, frame.types, frame.units,
                frame.assumed, frame.notes, frame.format,
            )
            for frame in frames
        ]  # fmt: skip
        if self._writer is None or len(self.indices) < MANY:
            return
        said, self._said = self._said, []
        try:
            for start in range(0, len(said), PIECE):
                self._writer.add(said[start : start + PIECE])
        except TypeError:  # what no file holds, but ASE's info may
            self._said = [*self._writer.finish(), *said[start:]]
            self._writer = None


def gathered(found: Iterable[Frame | LeftOut]) -> Gathered:
    """Return what a reader yields, gathered."""
    made = Gatherer()
    for one in found:
        made.add(one)
    return made.finish()
