"""Run every compiled kernel of the project on little, and print what came out, as JSON.

The argument is the number of threads. `test_compiled` runs it in processes of their own.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from compiled_functions import compiled_functions, is_cached
from density_makers import archive, data_of
from makers import make_analysis, make_dataset

from analytics.curation.conflicts import conflicts
from analytics.curation.duplicates import near_duplicates
from analytics.data.checks.registry import check
from analytics.data.dataset import Dataset
from analytics.density.descriptor import PointSpec, describe_points, superposition_features
from analytics.descriptors.channels import compute_species_distances
from analytics.descriptors.distances import DistanceSpec, compute_distances
from analytics.evaluation.prefixes import prefix_metrics
from analytics.geometry.lattice import reduced_lattices
from analytics.geometry.neighbours import neighbour_pairs
from analytics.information.analysis import analyse
from analytics.information.intrinsic_dimension import intrinsic_dimension
from analytics.information.kernel import kernel_sums, log_kernel_sums
from analytics.information.near_rows import near_rows
from analytics.information.sampling import draw_sample
from analytics.information.sparsest import sparse_log_sums
from analytics.information.structure_kernel import structure_kernel
from analytics.information.width_sums import width_sums
from analytics.linalg.farthest import farthest_points
from analytics.potential.basis import choose_basis
from analytics.potential.design_rows import compute_design
from analytics.potential.linear_ace import choose_scales
from analytics.potential.spec import AceSpec, RetrainSpec
from analytics.selection.base import select
from analytics.selection.certificates.dual_bound import tighten

SIZES = [6, 5, 8, 7, 6, 9, 12, 8]


def points(n: int = 1500, dimensions: int = 20) -> np.ndarray:
    """Return points of which some lie far from the others, and some coincide."""
    x = np.random.default_rng(1).normal(size=(n, dimensions))
    x[:10] += 50.0
    x[10:20] = x[20:30]
    return x


def kernels() -> Iterator[Any]:
    x, offsets = points(), np.arange(0, 1501, 10)
    yield kernel_sums(x, bandwidth=1.5)
    yield kernel_sums(x, bandwidth=1.5, leave_one_out=True)
    yield near_rows(x, offsets, np.arange(150), x[::3], np.full(500, 0.05), bandwidth=1.5)
    yield kernel_sums(x[::3], x, bandwidth=1.5)
    sparse = sparse_log_sums(points(6000), draw_sample(6000, 400, 0), bandwidth=1.5)
    yield sparse.logs, sparse.error, sparse.floor
    yield log_kernel_sums(x, bandwidth=0.5, leave_one_out=True)
    for sample in (None, draw_sample(len(x), 400, 0)):
        found = structure_kernel(x, offsets, bandwidth=1.5, sample=sample)
        yield found.sums.data, found.peaks.data, found.sums.indices, found.totals()
    yield intrinsic_dimension(x, seed=0)
    at_widths = width_sums(x[::3], x, offsets, (0.75, 1.5, 3.0))
    yield at_widths.sums, at_widths.squares


def structures() -> Iterator[Any]:
    dataset = make_dataset(SIZES, seed=3)
    described = compute_distances(dataset)
    yield described.values
    yield compute_distances(dataset, DistanceSpec(k=4, cutoff=7.0)).values
    yield compute_species_distances(dataset).values
    yield reduced_lattices(dataset.cells, dataset.pbc)
    lattices = reduced_lattices(dataset.cells, dataset.pbc)
    for pairs in neighbour_pairs(dataset.positions, dataset.structure_offsets, lattices, 5.0):
        yield pairs.centres, pairs.neighbours, pairs.vectors
    yield [dataclasses.astuple(finding) for finding in check(dataset).findings]
    perturbed = dataclasses.replace(dataset, positions=dataset.positions + 1e-5)
    twice = data_twice(dataset, perturbed)
    both = compute_distances(twice)
    yield near_duplicates(twice, both)
    yield conflicts(twice, both)
    yield analyse(dataset, described).outliers.environment
    spec = RetrainSpec(references=12)
    yield compute_design(dataset, choose_basis(dataset, spec))
    basis, _ = choose_scales(dataset, AceSpec(pairs=4, triples=3), [None])
    yield compute_design(dataset, basis)


def data_twice(one: Dataset, other: Dataset) -> Dataset:
    """Return a data set with the structures of two."""
    joined = {
        name: np.concatenate([getattr(one, name), getattr(other, name)])
        for name in ("numbers", "positions", "cells", "pbc", "energies", "forces")
    }
    offsets = one.structure_offsets
    return Dataset(structure_offsets=np.concatenate([offsets, offsets[-1] + offsets[1:]]), **joined)


def selections() -> Iterator[Any]:
    analysis = make_analysis(seed=3, dimensions=6)
    for name in ("msc", "facility_location", "saturated_coverage", "farthest_environment"):
        found = select(analysis, name)
        yield found.structures, found.gains
    found = select(analysis, "facility_location")
    yield dataclasses.astuple(prefix_metrics(analysis, found.structures, np.array([1, 5, 20])))
    for name in ("facility_location", "saturated_coverage"):
        yield tighten(analysis, select(analysis, name), 5, steps=20)


def densities() -> Iterator[Any]:
    made = data_of(archive(2))
    where = made.points_of(0, np.arange(0, 1200, 7))
    spec = PointSpec(cutoff=4.0, channels=5)
    found = describe_points(made, 0, where, spec)
    yield found, superposition_features(made, 0, where, spec)
    yield farthest_points(found, 20, first=3)


def flat(value: Any) -> bytes:
    """Return the bytes of a result: arrays as they are, values field by field."""
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value).tobytes()
    if isinstance(value, list | tuple):
        return b"".join(map(flat, value))
    if isinstance(value, dict):
        return b"".join(map(flat, value.items()))
    if dataclasses.is_dataclass(value):
        return b"".join(flat(getattr(value, field.name)) for field in dataclasses.fields(value))
    return repr(value).encode()


def main() -> None:
    threads = int(sys.argv[1])
    os.cpu_count = lambda: threads
    found = {
        f"{part.__name__} {i}": hashlib.sha256(flat(result)).hexdigest()
        for part in (kernels, structures, selections, densities)
        for i, result in enumerate(part())
    }
    cached = [f for f in compiled_functions() if is_cached(f)]
    report = {
        "results": found,
        "not run": [f.__name__ for f in cached if not f.signatures],
        "compiled": sum(sum(f.stats.cache_misses.values()) for f in cached),
        "loaded": sum(sum(f.stats.cache_hits.values()) for f in cached),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
