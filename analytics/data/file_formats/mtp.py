"""MTP .cfg files of MLIP-2 and MLIP-3: configurations between BEGIN_CFG and END_CFG."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.file_formats.named_values import labelled, number, numbers_of
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.progress import Monitor

Lines = list[str]


def recognise(path: Path, head: bytes) -> bool:
    """Say whether the first line that is not empty begins a configuration."""
    return head.lstrip().startswith(b"BEGIN_CFG")


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the configurations; types of atoms are numbers from 0, which are no elements."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for index, (start, lines, whole) in enumerate(_blocks(file)):
            if index % 100 == 0:
                monitor.checkpoint()
            try:
                if not whole:
                    raise ValueError("it has no END_CFG: the file was cut short")
                yield from labelled(_frame(index, lines), start)
            except KeyError as error:
                yield LeftOut(index, f"its AtomData have no column {error}", line=start)
            except (ValueError, IndexError) as error:
                yield LeftOut(index, str(error), line=start)


def _blocks(file: Any) -> Iterator[tuple[int, Lines, bool]]:
    """Yield the number of the first line, the lines of each configuration, and its being whole."""
    start = 0
    lines: Lines | None = None
    for line_number, line in enumerate(file, 1):
        word = line.strip()
        if word == "BEGIN_CFG":
            if lines is not None:
                yield start, lines, False
            start, lines = line_number, []
        elif word == "END_CFG" and lines is not None:
            yield start, lines, True
            lines = None
        elif lines is not None and word:
            lines.append(word)
    if lines is not None:
        yield start, lines, False


def _frame(index: int, lines: Lines) -> Frame:
    parts = _parts(lines)
    size = int(_one(parts, "Size")[0])
    names, table = parts.get("AtomData", ([], []))
    rows = [row.split() for row in table]
    if len(rows) != size or any(len(row) != len(names) for row in rows):
        raise ValueError(f"its AtomData are not {size} rows of {len(names)} values")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    vectors = np.array([row.split() for row in parts.get("Supercell", ([], []))[1]], dtype=float)
    cell = np.zeros((3, 3))
    cell[: len(vectors)] = vectors if len(vectors) else 0
    info: dict[str, Any] = _features(lines)
    if "Energy" in parts:
        info["energy"] = number(_word(parts, "Energy"))
    if "PlusStress" in parts:  # the virial in eV: positive where the cell wants to expand
        info["virial"] = _tensor(parts, "PlusStress")
    elif "Stress" in parts:  # of early versions, with the other sign
        info["virial"] = -_tensor(parts, "Stress")
    return Frame(
        index=index,
        numbers=np.zeros(size, dtype=np.int64),
        positions=_positions(columns, cell),
        cell=cell,
        pbc=np.arange(3) < len(vectors),
        info=info,
        arrays=_arrays(columns),
        types=tuple(columns["type"]) if "type" in columns else ("0",) * size,
    )


def _parts(lines: Lines) -> dict[str, tuple[list[str], Lines]]:
    """Return the words beside each keyword and the lines below it."""
    found: dict[str, tuple[list[str], Lines]] = {}
    below: Lines = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word[0].isalpha():
            below = []
            found.setdefault(word.rstrip(":"), (rest.split(), below))
        else:
            below.append(line)
    return found


def _one(parts: dict[str, tuple[list[str], Lines]], name: str) -> npt.NDArray[np.float64]:
    """Return the numbers in the line below a keyword."""
    if name not in parts or not parts[name][1]:
        raise ValueError(f"it has no {name}")
    return np.array(parts[name][1][0].split(), dtype=float)


def _word(parts: dict[str, tuple[list[str], Lines]], name: str) -> str:
    """Return the first word below a keyword."""
    if not parts[name][1]:
        raise ValueError(f"it has no {name}")
    return parts[name][1][0].split()[0]


def _tensor(parts: dict[str, tuple[list[str], Lines]], name: str) -> npt.NDArray[np.float64]:
    """Return the symmetric tensor below a keyword, whose line names the components."""
    components, values = parts[name][0], _one(parts, name)
    if len(values) != len(components):
        raise ValueError(f"its {name} has {len(values)} numbers for {' '.join(components)}")
    tensor = np.zeros((3, 3))
    for component, value in zip(components, values.tolist(), strict=True):
        i, j = ("xyz".index(axis) for axis in component)
        tensor[i, j] = tensor[j, i] = value
    return tensor


def _features(lines: Lines) -> dict[str, str]:
    """Return the features by name; one may go over several lines."""
    found: dict[str, str] = {}
    for line in lines:
        words = line.split(None, 2)
        if words[0] == "Feature" and len(words) > 1:
            value = words[2] if len(words) > 2 else ""
            found[words[1]] = f"{found[words[1]]}\n{value}" if words[1] in found else value
    return found


def _positions(columns: dict[str, list[str]], cell: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    for prefix in ("cartes", "direct"):
        if f"{prefix}_x" in columns:
            values = np.array([columns.pop(f"{prefix}_{axis}") for axis in "xyz"], dtype=float).T
            return values if prefix == "cartes" else values @ cell
    raise ValueError("its AtomData have no cartes_x and no direct_x")


def _arrays(columns: dict[str, list[str]]) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {}
    if "fx" in columns:
        arrays["forces"] = numbers_of([columns.pop(f"f{axis}") for axis in "xyz"]).T
    for name, words in columns.items():
        if name not in ("id", "type"):
            arrays[name] = np.array(words, dtype=float)
    return arrays


register("mtp")(FileFormat("MTP .cfg (MLIP-2, MLIP-3)", recognise, read))
