"""Results kept on disk between runs, under the fingerprint of what they were made from."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Store"]


def _default_folder() -> Path:
    own, shared = os.environ.get("WINNOW_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if own:
        return Path(own)
    return (Path(shared) if shared else Path.home() / ".cache") / "winnow"


class Store:
    """A folder of npz files; safe to share, safe to delete.

    Writes are atomic (a temporary file, then a rename). An entry that cannot be read is treated
    as absent. A folder that cannot be written is no error: results are then made again.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or _default_folder()

    def load(self, key: str) -> Mapping[str, Any] | None:
        """Return the arrays kept under `key`, or None."""
        path = self.folder / f"{key}.npz"
        try:
            # opened here, because np.load leaves the file of a damaged archive open
            with path.open("rb") as handle, np.load(handle, allow_pickle=False) as found:
                return {name: found[name] for name in found.files}
        except Exception:  # a damaged entry can fail in any way; it is made again
            return None

    def save(self, key: str, **arrays: Any) -> None:
        """Keep arrays under `key`."""
        part = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=self.folder, suffix=".part", delete=False
            ) as handle:
                part = Path(handle.name)
                np.savez(handle, **arrays)
            part.replace(self.folder / f"{key}.npz")
        except OSError:
            if part is not None:
                part.unlink(missing_ok=True)
