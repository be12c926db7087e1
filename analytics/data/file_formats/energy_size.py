r"""Hartree, eV or kcal/mol: which unit of energy the size of total energies speaks for.

The total energy of all electrons of an atom is close to that of Thomas and Fermi with the two
corrections of Scott and of Schwinger [1]_,

.. math:: E(Z) = -0.7687 Z^{7/3} + Z^2/2 - 0.2699 Z^{5/3} \text{ hartree},

within 8 % for hydrogen and 2 % from carbon on, and bonds change it by less than one. Energies of
pseudopotentials, and those of formation, fit none.

References
----------
.. [1] B.-G. Englert and J. Schwinger, Phys. Rev. A 32, 47 (1985), doi:10.1103/PhysRevA.32.47.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from ase.units import Hartree, kcal, kJ, mol

from analytics.data.frames import Frame

__all__ = ["energy_unit"]

_UNITS = {"hartree": 1.0, "eV": Hartree, "kcal/mol": Hartree * mol / kcal,
          "kJ/mol": Hartree * mol / kJ}  # fmt: skip
_MOST = 200
_TOLERANCE = 0.12


def energy_unit(frames: Sequence[Frame]) -> tuple[str, str]:
    """Return the unit of energies, or "", and the reason; both "" where there are none."""
    ratios = [
        value / total
        for frame in frames[:: max(1, len(frames) // _MOST)]
        if not frame.types and (total := _all_electrons(frame.numbers)) < 0
        if np.isfinite(value := _energy(frame))
    ]
    if not ratios:
        return "", ""
    ratio = float(np.median(ratios))
    for unit, factor in _UNITS.items():
        if abs(ratio / factor - 1) < _TOLERANCE:
            return unit, "that is the size of the total energies of all electrons"
    return "", "their sizes are not those of all electrons in any unit"


def _energy(frame: Frame) -> float:
    """Return the first number whose name is that of an energy."""
    names = [k for k, v in frame.info.items() if isinstance(v, int | float) and v == v]
    for wanted in ("energy", "dft_total_energy"):
        if wanted in names:
            return float(frame.info[wanted])
    named = [name for name in names if name.lower().endswith(("energy", "energies"))]
    apart = ("formation", "atomization", "binding", "interaction", "relative")
    total = [name for name in named if not any(word in name.lower() for word in apart)]
    return float(frame.info[total[0]]) if total else float("nan")


def _all_electrons(numbers: npt.NDArray[np.int64]) -> float:
    z = numbers.astype(np.float64)
    return float(np.sum(-0.7687 * z ** (7 / 3) + z**2 / 2 - 0.2699 * z ** (5 / 3)))
