from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of published data sets, next to the checkout or where WINNOW_DATA says."""
    here = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("WINNOW_DATA", here))
    if not folder.is_dir():
        pytest.skip(f"no data sets in {folder}")
    return folder


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and returns its path."""

    def write(content: str | bytes, name: str = "a.xyz"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
