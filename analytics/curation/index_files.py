"""Index files: a selection made elsewhere, as indices (text, JSON, numpy) or as structures."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np

from analytics.curation.file_comparison import same_structures
from analytics.data.dataset import Dataset
from analytics.data.readers import read
from analytics.runtime.documents import LARGEST, load_json
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor
from analytics.selection.given import structures_of

__all__ = ["read_selection"]

#: Endings of files of indices; anything else is read as structures.
TEXT, JSON, NUMPY = (".txt", ".dat", ".idx", ".csv", ".list"), (".json",), (".npy",)
#: Where JSON documents have their list: recipes of Winnow (in the order of picking), and others.
NAMES = (
    "picked_frame_indices", "kept_frame_indices", "indices", "structures", "selected",
)  # fmt: skip


def read_selection(
    path: str | Path, dataset: Dataset, monitor: Monitor = SILENT
) -> tuple[int, ...]:
    """Read which structures of a data set a file names, in its order.

    Parameters
    ----------
    path : str or Path
        Zero-based indices of the original file: one or several a line (`.txt`, `.csv`; what
        follows a # is a remark, words in the first line are a heading), a list in JSON or a recipe
        of Winnow (`.json`), or an integer array of one dimension (`.npy`; a mask of booleans, one
        for each structure of the file, means what is true). Otherwise structures, which are looked
        up by their atoms and cell.
    dataset : Dataset

    Returns
    -------
    tuple of int
        Indices of the original file, each once.

    Raises
    ------
    InputError
        Naming the file, and the first index that is outside or there twice; or which structure
        of it the data set does not have.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind in TEXT:
        found = _of_text(path)
    elif kind in JSON:
        found = _of_json(path)
    elif kind in NUMPY:
        found = _of_array(path, dataset)
    else:
        return _of_structures(path, dataset, monitor)
    if not found:
        raise InputError("it names no structure", source=path.name)
    structures_of(found, dataset, path.name)
    return tuple(found)


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise InputError("is far too large for a list of indices", source=path.name)
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", source=path.name) from None


def _of_text(path: Path) -> list[int]:
    found: list[int] = []
    lines = _content(path).decode("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        words = re.split(r"[\s,;]+", line.partition("#")[0].strip())
        if number == 1 and not any(character.isdigit() for character in line):
            continue
        for word in filter(None, words):
            if not (word.isascii() and word.isdigit() and len(word) < 19):
                raise InputError(
                    f"line {number}: {word[:30]!r} is no index (0, 1, 2, ...)", source=path.name
                )
            found.append(int(word))
    return found


def _of_json(path: Path) -> list[int]:
    content: Any = load_json(path)
    if isinstance(content, dict):
        content = next((content[name] for name in NAMES if name in content), None)
    if not isinstance(content, list):
        raise InputError(f"has no list of indices, nor one named {NAMES[2]}", source=path.name)
    for value in content:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**62:
            raise InputError(f"{str(value)[:30]!r} is no index (0, 1, 2, ...)", source=path.name)
    return content


def _of_array(path: Path, dataset: Dataset) -> list[int]:
    try:
        array = np.load(io.BytesIO(_content(path)), allow_pickle=False)
    except (ValueError, OSError, EOFError):
        raise InputError("is no array of numpy", source=path.name) from None
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.kind not in "iub":
        raise InputError("is no list of whole numbers in one dimension", source=path.name)
    if array.dtype.kind == "b":
        if len(array) != dataset.n_structures:
            raise InputError(
                f"is a mask of {len(array)}, and {dataset.name} has {dataset.n_structures} "
                "structures",
                source=path.name,
            )
        return [int(frame) for frame in dataset.frame_indices[array]]
    return [int(index) for index in array]


def _of_structures(path: Path, dataset: Dataset, monitor: Monitor) -> tuple[int, ...]:
    part = read(path, monitor=monitor)
    pairs = same_structures(part, dataset)
    # of several that are equal, each takes another
    wanted: dict[int, int] = {}
    taken: set[int] = set()
    for own, there in pairs.tolist():
        if own not in wanted and there not in taken:
            wanted[own] = there
            taken.add(there)
    for own in range(part.n_structures):
        if own not in wanted:
            raise InputError(
                f"{dataset.name} has no structure with the same atoms and cell",
                source=path.name,
                structure=int(part.frame_indices[own]),
            )
    return tuple(int(dataset.frame_indices[wanted[own]]) for own in sorted(wanted))
