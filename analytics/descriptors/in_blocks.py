"""Descriptors of large sets: block by block, kept on disk as they are made, in single precision.

A row of descriptors depends on the atoms of its own structure alone, so that blocks of whole
structures give the rows that all of them together would. Each block is kept in the store
(`analytics.runtime.store`): work that was killed goes on where it was. All rows then lie in a file
that is mapped (`analytics.runtime.growing`), not in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from analytics.data.dataset import Dataset
from analytics.descriptors.base import (
    DescriptorMethod,
    Descriptors,
    described_atoms,
    descriptor_fingerprint,
    resolved_spec,
)
from analytics.runtime.arrays import IntArray, fingerprint
from analytics.runtime.cache import shared_cache
from analytics.runtime.growing import Growing
from analytics.runtime.progress import Monitor, Part
from analytics.runtime.provenance import code_version

__all__ = ["LARGE", "describe_in_blocks", "is_large"]

#: Environments from which they are described in blocks and kept in single precision. At 63
#: numbers each they would take a gigabyte of memory.
LARGE = 2_000_000
#: Environments of a block, about: some seconds of work, 16 MB.
BLOCK = 1 << 16


def is_large(dataset: Dataset) -> bool:
    """Say whether the descriptors of a data set are made in blocks; that depends on it alone."""
    return dataset.n_environments >= LARGE


def describe_in_blocks(
    dataset: Dataset, spec: Any, method: DescriptorMethod, monitor: Monitor
) -> Descriptors:
    """Describe every environment, in blocks that are kept on disk.

    Parameters
    ----------
    dataset : Dataset
    spec : dataclass
    method : function
        Of the descriptor to which the spec belongs.
    monitor : Monitor

    Returns
    -------
    Descriptors
        values : float32 array (n_env, d), in a file if it is large; each number is that of the
        method rounded once, by up to 6e-8 of itself.

    Notes
    -----
    The memory taken is that of a block on top of the data set. On disk it is twice 4 n d bytes, as
    far as the store has room; what it has dropped is made again.
    """
    spec = resolved_spec(spec, dataset)
    structures, rows, offsets = described_atoms(dataset)
    made = descriptor_fingerprint(dataset, spec)
    code = code_version(method, type(spec), describe_in_blocks)
    # only descriptors that say so look at what else the file has
    bare = dataset if hasattr(spec, "reads") else replace(dataset, records=())
    store, values = shared_cache().store, None
    for first, stop in _blocks(offsets):
        share = Part(monitor, offsets[first] / offsets[-1], offsets[stop] / offsets[-1])
        key = fingerprint("block of descriptors", made, code, first, stop)
        entry = store.load(key)
        if entry is None:
            part = method(bare.take(structures[first:stop]), spec, monitor=share)
            found = part.values.astype(np.float32)
            store.save(key, values=found)
        else:
            found = entry["values"]
        values = Growing(np.float32, found.shape[1:]) if values is None else values
        values.extend(found)
        share.report(1.0, "descriptors")
        monitor.checkpoint()
    assert values is not None
    return Descriptors(
        values=values.finish(),
        structures=structures,
        structure_offsets=offsets,
        environments=rows,
        spec=spec,
        source=dataset.fingerprint,
        fingerprint=made,
    )


def _blocks(offsets: IntArray) -> Iterator[tuple[int, int]]:
    """Yield the structures first..stop-1 of each block."""
    first, n = 0, len(offsets) - 1
    while first < n:
        stop = min(n, int(np.searchsorted(offsets, offsets[first] + BLOCK, side="left")))
        yield first, stop
        first = stop
