"""One density as it stands in a file of volumetric data, before it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ase import Atoms

from analytics.runtime.arrays import FloatArray
from analytics.runtime.value import Value

__all__ = ["Volume"]


@dataclass(frozen=True, slots=True)
class Volume(Value):
    """One density as it was read, not yet checked.

    Attributes
    ----------
    atoms : ase.Atoms
        Cell and positions in angstrom.
    density : float array (nx, ny, nz), e/bohr^3
    origin : float array (3,), angstrom
    unit : str
        Of the values in the file, in words.
    note : str
        What was decided on the way.
    assumed : str
        The unit that was taken for one of several, as the end of a sentence.
    hints : mapping of float to str
        Where so many times the integral would be right: what is meant otherwise than it was read.
    """

    atoms: Atoms
    density: FloatArray
    origin: FloatArray
    unit: str
    note: str = ""
    assumed: str = ""
    hints: Mapping[float, str] = field(default_factory=dict)
