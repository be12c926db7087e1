"""Convergence of the electronic loop (SCF) in outputs that ASE reads without a word about it.

The text is looked through for what each code prints at the end of a loop. The loops are those of
the frames where there are as many, or where the energies are the same; where neither is so, it is
said that some did not converge.

References
----------
Gaussian: https://gaussian.com/scf/; Quantum ESPRESSO: ``scf_must_converge`` in
https://www.quantum-espresso.org/Doc/INPUT_PW.html; CASTEP: ``max_scf_cycles`` in
https://castep-docs.github.io/castep-docs/; FHI-aims and GPAW: their manuals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ase.units import Ha, Ry

from analytics.data.frames import SCF_CONVERGED, Frame

__all__ = ["LOOPS", "Loop", "flagged", "loops_in"]

#: Energies of a loop and of a frame are the same up to this, eV: both were printed.
_SAME = 1e-5


@dataclass(frozen=True, slots=True)
class _Printed:
    """What a code prints: at the end of each loop (with its energy), and if it did not converge.

    Attributes
    ----------
    end : str
        Regular expression; its group is the energy.
    failed : str
        Of a line that stands between two ends, or on the second.
    unit : float
        Of the energy, eV.
    """

    end: str
    failed: str
    unit: float = 1.0


#: By the name of the format in ASE.
LOOPS = {
    "gaussian-out": _Printed(
        r"SCF Done:\s+E\(\S+\)\s*=\s*(\S+)", r"Convergence criterion not met", unit=Ha
    ),
    "espresso-out": _Printed(
        r"convergence (?:has been|NOT) achieved", r"convergence NOT achieved", unit=Ry
    ),
    "castep-castep": _Printed(
        r"Final energy.*=\s*(\S+)\s+eV", r"max. SCF cycles performed but system has not reached"
    ),
    "aims-output": _Printed(
        r"Self-consistency cycle converged\.|SCF cycle not converged", r"SCF cycle not converged"
    ),
    "gpaw-out": _Printed(r"Converged after|Did not converge", r"Did not converge"),
}


@dataclass(frozen=True, slots=True)
class Loop:
    """One electronic loop of a file.

    Attributes
    ----------
    converged : bool
    energy : float or None
        That was printed at its end, eV.
    line : int
        Where it ended, one-based.
    """

    converged: bool
    energy: float | None
    line: int


def loops_in(path: Path, kind: str) -> list[Loop]:
    """Return the electronic loops of an output; none for formats that are not in `LOOPS`.

    Parameters
    ----------
    path : Path
    kind : str
        Name of the format in ASE.
    """
    if kind not in LOOPS:
        return []
    printed = LOOPS[kind]
    end, failed = (re.compile(text.encode()) for text in (printed.end, printed.failed))
    found, bad, number = [], False, 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            bad = bad or failed.search(line) is not None
            if match := end.search(line):
                energy = _number(match[1], printed.unit) if end.groups and match[1] else None
                found.append(Loop(not bad, energy, number))
                bad = False
    if bad:  # and the run stopped
        found.append(Loop(False, None, number))
    return found


def _number(word: bytes, unit: float) -> float | None:
    try:
        return unit * float(word.replace(b"D", b"E"))
    except ValueError:
        return None


def flagged(frames: Sequence[Frame], loops: Sequence[Loop]) -> list[Frame]:
    """Return frames with `SCF_CONVERGED` among their values, or with a note.

    Parameters
    ----------
    frames : sequence of Frame
        All frames of the file.
    loops : sequence of Loop
        All loops of the file; none leaves the frames as they are.
    """
    failed = [loop for loop in loops if not loop.converged]
    if not loops:
        return list(frames)
    states = _states(frames, loops)
    note, with_energy = "", any("energy" in frame.info for frame in frames)
    if states is None:
        note = (
            f"{len(failed)} of {len(loops)} electronic loops in the file did not converge, the "
            f"first at line {failed[0].line}; which frames these are cannot be told"
        )
    elif lost := len(failed) - states.count(False):
        note = f"{lost} electronic loop{'s' * (lost > 1)} that did not converge gave no frame"
    return [
        replace(
            frame,
            info=frame.info
            if states is None or (with_energy and "energy" not in frame.info)  # ended before
            else {**frame.info, SCF_CONVERGED: states[at]},
            notes=(*frame.notes, note) if note else frame.notes,
        )
        for at, frame in enumerate(frames)
    ]


def _states(frames: Sequence[Frame], loops: Sequence[Loop]) -> list[bool] | None:
    """Return whether the loop of each frame converged, or None if that cannot be told."""
    n = len(frames)
    if all(loop.converged for loop in loops):
        return [True] * n
    by_energy = [_of_energy(frame.info.get("energy"), loops) for frame in frames]
    told = [state for state in by_energy if state is not None]
    if len(told) == n:
        return told
    if len(loops) >= n and not any(loop.converged for loop in loops[n:]):
        return [loop.converged for loop in loops[:n]]  # and those that follow gave no frame
    return [loops[-1].converged] if n == 1 else None


def _of_energy(energy: object, loops: Sequence[Loop]) -> bool | None:
    if not isinstance(energy, float):
        return None
    same = {
        loop.converged
        for loop in loops
        if loop.energy is not None and abs(loop.energy - energy) < _SAME
    }
    return same.pop() if len(same) == 1 else None
