"""Files of volumetric data, plain or compressed: CHGCAR of VASP, Gaussian cube, XSF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from analytics.data.opened import opened
from analytics.density.chgcar import is_chgcar, read_chgcar
from analytics.density.cube import is_cube, read_cube
from analytics.density.volume import Volume
from analytics.density.xsf import is_xsf, read_xsf
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["NoDensity", "is_npz", "read_volumes"]


class NoDensity(InputError):
    """A file that is none of volumetric data."""

    def __init__(self, source: str, more: str = "") -> None:
        kinds = "neither npz, nor CHGCAR, nor a Gaussian cube, nor XSF"
        super().__init__(f"no electron density: {kinds}{more}", source=source)


def is_npz(path: Path) -> bool:
    """Whether a file begins as a zip archive does."""
    with path.open("rb") as handle:
        return handle.read(4) == b"PK\x03\x04"


def read_volumes(
    path: Path, species: Mapping[str, str] | None = None, *, monitor: Monitor = SILENT
) -> tuple[Volume, ...]:
    """Read a file of volumetric data; which kind it is, is found out from its first lines.

    Parameters
    ----------
    path : Path
    species : mapping of str to str, optional
        Elements of the types 1, 2, ... of a file that names none.
    monitor : Monitor, optional

    Returns
    -------
    tuple of Volume
        One, or one for each unit that it may be in; the likeliest first.

    Raises
    ------
    NoDensity
        If it is none.
    InputError
        If it is damaged or ends too early.
    """
    text = _text(path, monitor)
    head = text[:4000].splitlines()[:40]
    if is_cube(head):
        return read_cube(text, path.name)
    if is_chgcar(head):
        return (read_chgcar(text, path, species or {}),)
    if is_xsf(head):
        return read_xsf(text, path.name)
    raise NoDensity(path.name)


def _text(path: Path, monitor: Monitor) -> str:
    with opened(path, monitor) as content:
        raw = content.read(0, content.size)
    if b"\0" in raw[:4096]:
        raise NoDensity(path.name, " (not text)")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:  # a title in another encoding; numbers are the same in all
        text = raw.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")
