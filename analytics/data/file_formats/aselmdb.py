"""ASE databases in LMDB (aselmdb of fairchem: OMat24, OMol25, OC20), and LMDB folders of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from analytics.data.file_formats.optional_library import optional_library
from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.formats import atoms_of_row, frame_from_atoms
from analytics.data.frames import Frame, LeftOut
from analytics.data.opened import listed
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor

#: The first meta page of LMDB has this after the header of the page.
_MAGIC = b"\xde\xc0\xef\xbe"
#: Bytes of that page that are looked at.
_META = 152
#: Bytes that a structure may unpack to.
_LARGEST = 1 << 28
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def recognise(path: Path, head: bytes) -> bool:
    """Say whether it is an LMDB file, or a folder with some."""
    with suppress(OSError, InputError):
        if path.is_dir():
            return bool(_files(path))
    return head[16:20] == _MAGIC


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Yield the structures in the order of their ids, file after file."""
    lmdb = optional_library("lmdb", "an LMDB database")
    index = 0
    for place in _files(path) if path.is_dir() else [path]:
        which = f"{place.name} is" if path.is_dir() else "is"
        if not _is_whole(place):
            raise InputError(f"{which} a damaged LMDB file: pages are missing at its end")
        try:
            for packed in _values(lmdb, place):
                yield _read(index, packed)
                index += 1
                if index % 100 == 0:
                    monitor.checkpoint()
        except lmdb.Error as error:
            raise InputError(f"{which} a damaged LMDB file ({error})") from None


def _values(lmdb: Any, place: Path) -> Iterator[bytes]:
    """Yield the values of the keys that are numbers, in their order."""
    database = lmdb.open(
        str(place), subdir=False, readonly=True, lock=False, create=False, readahead=False
    )
    with database, database.begin() as transaction:
        keys = (bytes(key) for key in transaction.cursor().iternext(values=False))
        for key in sorted((key for key in keys if key.isdigit()), key=int):
            yield transaction.get(key)


def _is_whole(path: Path) -> bool:
    """Say whether all pages are there; reading would die of one that is missing at the end.

    The library maps the file; a page of it is not there to be read if a copy was cut short. The
    two first pages say how long a page is and which is the last in use.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(_META)
        page = int.from_bytes(first[40:44], "little")
        file.seek(page if 512 <= page <= 1 << 16 else 0)
        metas = [first, file.read(_META)]
    if any(len(meta) < _META or meta[16:20] != _MAGIC for meta in metas):
        return False
    last = max((int.from_bytes(m[144:152], "little"), m[136:144]) for m in metas)[1]
    return (int.from_bytes(last, "little") + 1) * page <= size


def _read(index: int, packed: bytes) -> Frame | LeftOut:
    if packed.startswith(_PICKLE):
        raise InputError(
            "is an LMDB of pickled Python objects (Open Catalyst, torch_geometric), which are "
            "programs and not unpickled here; fairchem reads it, and writes it as aselmdb"
        )
    try:
        return frame_from_atoms(index, atoms_of_row(_row(packed)))
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
        return LeftOut(index, f"its row is not as ASE has it: {type(error).__name__}: {error}")


def _row(packed: bytes) -> Any:
    from ase.db.row import AtomsRow
    from ase.io.jsonio import decode

    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, _LARGEST)
    except zlib.error as error:
        raise ValueError(f"it cannot be decompressed ({error})") from None
    if unpacker.unconsumed_tail:
        raise ValueError(f"it unpacks to more than {_LARGEST} bytes")
    values = decode(text.decode())  # type: ignore[no-untyped-call]
    values.setdefault("unique_id", "")
    return AtomsRow(values)  # type: ignore[no-untyped-call]


def _files(path: Path) -> list[Path]:
    """Return the LMDB files in a folder, none of them a link to somewhere else."""
    found = []
    for place in listed(path, SILENT):
        likely = place.name == "data.mdb" or place.suffix in (".aselmdb", ".lmdb", ".mdb")
        if likely and place.is_file() and not place.is_symlink():
            with place.open("rb") as file:
                if file.read(20)[16:] == _MAGIC:
                    found.append(place)
    return found


register("aselmdb")(FileFormat("ASE database in LMDB (aselmdb)", recognise, read))
