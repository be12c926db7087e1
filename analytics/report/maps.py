"""Maps as pictures: every point of an embedding, what is kept on top, as a PNG that is embedded."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.evaluation.embedding import Embedding
from analytics.runtime.arrays import FloatArray
from analytics.runtime.html import Markup, img

__all__ = ["embedded", "map_picture", "png"]

#: Pixels across and down.
SIZE = (480, 400)
#: Share of the points at each end of an axis that a map does not make room for.
OUTSIDE = 0.0005
#: Where a smaller share of the pixels has points, single ones would not be seen.
SPARSE = 0.05
#: Lightest and darkest grey of what is not kept.
FAINT, DARK = 0.84, 0.55


def map_picture(embedding: Embedding, kept: npt.NDArray[np.bool_], colour: str) -> bytes:
    """Draw all environments of a map in grey, and those of the kept structures over them.

    Parameters
    ----------
    embedding : Embedding
    kept : bool array (n,)
        Of the environments of the map.
    colour : str
        "#rrggbb" of what is kept.

    Returns
    -------
    bytes
        A PNG.

    Notes
    -----
    O(n) for n environments; grey goes by the logarithm of how many fall on a pixel, so that the
    density is told at any number.
    """
    width, height = SIZE
    placed = np.isfinite(embedding.xy).all(axis=1)
    across, down = (_places(*each) for each in zip(embedding.xy[placed].T, SIZE, strict=True))
    at = (height - 1 - down) * width + across
    everything, ours = (_counts(some) for some in (at, at[kept[placed]]))
    picture = np.ones((height * width, 3))
    there = everything > 0
    level = np.log1p(everything[there]) / max(np.log1p(everything.max()), 1e-9)
    picture[there] = (FAINT + (DARK - FAINT) * level)[:, None]
    picture[ours > 0] = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    return png(np.round(255 * picture).astype(np.uint8).reshape(height, width, 3))


def embedded(content: bytes, title: str) -> Markup:
    """Write a PNG into a page; `title` is for readers who do not see it."""
    data = base64.b64encode(content).decode("ascii")
    width, height = SIZE
    return img(src=f"data:image/png;base64,{data}", alt=title, width=width, height=height)


def _counts(at: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return how many points fall on each pixel; where few pixels have any, they are larger."""
    width, height = SIZE
    counts = np.bincount(at, minlength=width * height)
    sparse = (counts > 0).sum() < SPARSE * len(counts)
    return _spread(counts.reshape(height, width), 1).ravel() if sparse else counts


def _places(values: FloatArray, size: int) -> npt.NDArray[np.intp]:
    """Return the pixel of each value along one side; what is far out lies on the rim."""
    low, high = np.quantile(values, [OUTSIDE, 1 - OUTSIDE]) if len(values) else (0.0, 1.0)
    room = 0.02 * (high - low) or 1.0
    low, high = low - room, high + room
    found = np.floor((values - low) / (high - low) * size)
    return np.asarray(np.clip(found, 0, size - 1), dtype=np.intp)


def _spread(counts: npt.NDArray[Any], by: int) -> npt.NDArray[Any]:
    """Return the largest count within so many pixels."""
    padded = np.pad(counts, by)
    height, width = counts.shape
    beside = [
        padded[i : i + height, j : j + width] for i in range(2 * by + 1) for j in range(2 * by + 1)
    ]
    return np.asarray(np.max(beside, axis=0))


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Write a picture (height, width, 3) as PNG.

    References
    ----------
    Portable Network Graphics, third edition, W3C (2025), sections 5 and 11.
    """
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)  # first byte: no filter
    rows[:, 1:] = pixels.reshape(height, -1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 9))
        + chunk(b"IEND", b"")
    )
