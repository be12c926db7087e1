"""Folders of finished runs: OUTCAR, vasprun.xml, ML_AB or trajectories of CP2K, one level deep.

Read in the order of the names. The folder of a run is the class of its structures, or the name of
its file where a folder holds several.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from analytics.data.cp2k import is_cp2k_trajectory, read_cp2k
from analytics.data.file_formats.ml_ab import read_ml_ab, recognise_ml_ab
from analytics.data.file_formats.outcar import read_outcar, recognise_outcar
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.file_formats.vasp import open_output
from analytics.data.file_formats.vasprun import read_vasprun, recognise_vasprun
from analytics.data.frames import Frame, LeftOut, index_of, renumbered
from analytics.data.opened import listed
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["read_runs", "recognise_runs"]

_NAMES = re.compile(r"(?i)outcar|vasprun|ml_abn?\b|-pos-\d+\.xyz\Z")
_HEAD = 1 << 16


def _read_trajectory(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    return read_cp2k(path, lambda n: list(range(n)), monitor)


#: What is read of a folder: the first of these that it has. An OUTCAR says more of a run
#: (convergence, moments) than the vasprun.xml beside it, and both more than an ML_AB.
_KINDS: tuple[
    tuple[Callable[[Path, bytes], bool], Callable[[Path, Monitor], Iterable[Frame | LeftOut]]], ...
] = (
    (recognise_outcar, read_outcar),
    (recognise_vasprun, read_vasprun),
    (recognise_ml_ab, read_ml_ab),
    (lambda path, head: is_cp2k_trajectory(path), _read_trajectory),
)


_Output = tuple[Path, Callable[[Path, Monitor], Iterable[Frame | LeftOut]]]


@dataclass(frozen=True, slots=True)
class _Run:
    """A run by its name, and its outputs, the one to read first."""

    label: str
    outputs: tuple[_Output, ...]

    def read(self, monitor: Monitor) -> Iterator[Frame | LeftOut]:
        """Yield the structures of the first output that can be read."""
        for number, (path, read) in enumerate(self.outputs):
            begun = False
            try:
                for one in read(path, monitor):
                    begun = True
                    yield one
                return
            except InputError:  # an OUTCAR of more than ten types, say
                if begun or number + 1 == len(self.outputs):
                    raise


def recognise_runs(path: Path, head: bytes) -> bool:
    """Say whether a folder, or a folder in it, has files named as outputs of VASP or CP2K."""
    return path.is_dir() and any(_named(place) for place in _places(path))


def read_runs(folder: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the structures of all runs in a folder, numbered one run after the other.

    A run that cannot be read is left out.

    Parameters
    ----------
    folder : Path
    monitor : Monitor
    """
    runs = [run for place in _places(folder) for run in _runs(folder, place)]
    if not runs:
        raise InputError("has files named as outputs of VASP or CP2K, and none is one")
    start = 0
    for number, run in enumerate(runs):
        part = Part(monitor, number / len(runs), (number + 1) / len(runs))
        last = start - 1
        try:
            for one in run.read(part):
                moved = renumbered(one, start, run.label)
                last = max(last, index_of(moved))
                if isinstance(moved, Frame) and len(runs) > 1:
                    moved = replace(moved, info={"config_type": run.label, **moved.info})
                yield moved
        except InputError as error:
            last += 1
            yield LeftOut(last, f"{run.label}: {error.cause}")
        start = last + 1


def _places(folder: Path) -> Iterator[Path]:
    yield folder
    yield from (place for place in listed(folder, SILENT) if place.is_dir())


def _named(place: Path) -> list[Path]:
    return [path for path in listed(place, SILENT) if _NAMES.search(path.name) and path.is_file()]


def _runs(folder: Path, place: Path) -> list[_Run]:
    found = [(path, _head(path)) for path in _named(place)]
    kinds: list[list[_Output]] = []
    for recognise, read in _KINDS:
        chosen: list[_Output] = [(path, read) for path, head in found if recognise(path, head)]
        if chosen:
            kinds.append(chosen)
    if not kinds:
        return []
    if len(kinds[0]) == 1 and place != folder:
        # what is of another kind, once, is of the same run
        outputs = [kind[0] for kind in kinds if len(kind) == 1]
        return [_Run(place.relative_to(folder).as_posix(), tuple(outputs))]
    return [_Run(path.relative_to(folder).as_posix(), ((path, read),)) for path, read in kinds[0]]


def _head(path: Path) -> bytes:
    try:
        with open_output(path) as file:
            return file.read(_HEAD)
    except (OSError, EOFError):
        return b""


register("runs_in_folder")(FileFormat("folder of runs", recognise_runs, read_runs))
