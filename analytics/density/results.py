"""Results of a density comparison as a table that can be kept: rows, settings, versions."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.density.energy import version as pyscf_version
from analytics.density.pictures import density_histogram
from analytics.density.readers import EMBEDDED
from analytics.density.study import FULL, ModelResult, Study
from analytics.information.intrinsic_dimension import intrinsic_dimension
from analytics.runtime.assets import asset
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value
from analytics.runtime.versions import versions
from analytics.runtime.writing import write_files

__all__ = [
    "COLUMNS",
    "MORE_COLUMNS",
    "DensityResults",
    "collect",
    "dimension_of",
    "load_results",
    "precomputed",
    "row_of",
    "save_results",
]

#: Columns of the table, with their units.
COLUMNS = {
    "system": "",
    "method": "",
    "kept": "share of the points (or snapshots)",
    "seed": "",
    "n_points": "points",
    "density_error_pct": "% of the electrons",
    "energy_error_mev_atom": "meV/atom",
    "train_seconds": "s of processor time",
}
MORE_COLUMNS = {
    "nrmse": "standard deviations of the density",
    "unseen_error_pct": "% of the electrons",
    "electrons_kept_pct": "% of the electrons",
    "n_snapshots": "snapshots",
    "steps": "steps of training",
}
FILE = asset("density/results.json.gz")
FORMAT = 1


def row_of(result: ModelResult) -> dict[str, Any]:
    """Return a result as a row of the table."""
    row = {name: getattr(result, name) for name in (*COLUMNS, *MORE_COLUMNS)}
    return row | {"by_condition": dict(result.by_condition)}


@dataclass(frozen=True)
class DensityResults(Value):
    """All models of one comparison.

    Attributes
    ----------
    system, title : str
    unit : str
        "points" or "snapshots".
    settings : mapping
        Of the study, as plain values.
    rows : tuple of dict
        `COLUMNS`, `MORE_COLUMNS`, the error by condition, and for seed 0 the histogram of the
        kept points; method "full" is the model of everything.
    facts : mapping
        Numbers of points and snapshots, baseline, intrinsic dimension, histogram of all points.
    versions : mapping
        Of the programs it was made with.
    """

    system: str
    title: str
    unit: str
    settings: Mapping[str, Any]
    rows: tuple[dict[str, Any], ...]
    facts: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def table(self) -> pd.DataFrame:
        """One row per method, share kept and seed, models of all data included."""
        return pd.DataFrame(list(self.rows), columns=[*COLUMNS, *MORE_COLUMNS])

    @property
    def steps(self) -> int:
        """Steps of training of the models of all data."""
        return max((int(r["steps"]) for r in self.rows if r["method"] == FULL), default=0)

    def summary(self) -> pd.DataFrame:
        """Return mean and standard deviation over the seeds by method and share kept.

        Models trained for fewer steps than the rest are left out.
        """
        table = self.table
        if self.settings.get("network", {}).get("epochs", 0) == 0:
            table = table[table["steps"] == self.steps]
        values = ["density_error_pct", "nrmse", "unseen_error_pct", "electrons_kept_pct",
                  "energy_error_mev_atom", "train_seconds"]  # fmt: skip
        grouped = table.groupby(["method", "kept"], sort=False)
        found = grouped[values].agg(["mean", "std"])
        found.columns = [f"{name}_{what}" for name, what in found.columns]
        found["n_points"] = grouped["n_points"].mean().round().astype(int)
        found["seeds"] = grouped["seed"].nunique()
        return found.reset_index()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; NaN becomes None."""
        plain: dict[str, Any] = _plain(
            {name: getattr(self, name) for name in self.__dataclass_fields__}
        )
        return plain

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> DensityResults:
        """Return the value that `to_dict` was made from."""
        numeric = COLUMNS | MORE_COLUMNS
        rows = tuple(
            {k: math.nan if v is None and k in numeric else v for k, v in row.items()}
            for row in content["rows"]
        )
        return cls(**{**content, "rows": rows})


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return None if not math.isfinite(value) else float(f"{value:.6g}")
    return value


def collect(
    study: Study, results: Iterable[ModelResult], *, dimension: bool = True,
    monitor: Monitor = SILENT,
) -> DensityResults:  # fmt: skip
    """Gather finished models; the order of their rows does not depend on who was done first."""
    spec = study.spec
    order = {m: at for at, m in enumerate((FULL, *spec.methods))}
    rows = []
    for r in sorted(results, key=lambda r: (order[r.method], -r.kept, -r.steps, r.seed)):
        row = row_of(r)
        if r.seed == 0 and r.method != FULL:
            row["histogram"] = density_histogram(study, r.rows).points.tolist()
        rows.append(row)
    data = study.data
    everything = density_histogram(study)
    facts = {
        "n_points": len(study.pool),
        "n_train": len(study.split.train),
        "n_test": len(study.split.test),
        "n_unseen": len(study.split.unseen),
        "conditions_seen": sorted({str(data.conditions[s]) for s in study.split.train}),
        "baseline_density_error_pct": study.baseline.density_error_pct,
        "baseline_energy_error_mev_atom": (
            study.energies.baseline_mev_atom if study.energies else math.nan
        ),
        "energy_snapshots": len(study.energies.snapshots) if study.energies else 0,
        "features": study.pool.features.shape[1],
        "histogram_edges": everything.edges,
        "histogram_points": everything.points,
        "histogram_electrons": everything.electrons,
        "notes": data.notes,
        "fingerprint": data.fingerprint,
    }
    if dimension:
        facts |= dimension_of(study, monitor=monitor)
    settings = asdict(spec)
    title = EMBEDDED.get(data.name, data.name)
    made_with = versions() | ({"pyscf": pyscf_version()} if study.energies else {})
    return DensityResults(data.name, title, spec.unit, settings, tuple(rows), facts, made_with)


def dimension_of(study: Study, *, monitor: Monitor = SILENT) -> dict[str, float]:
    """Return the intrinsic dimension of the described points and its standard error."""
    # points nearer than 1e-4 standard deviations are one point seen twice
    found = intrinsic_dimension(study.pool.features, bandwidth=0.1, sample=8_000, monitor=monitor)
    return {
        "intrinsic_dimension": found.dimension,
        "intrinsic_dimension_error": found.error,
    }


def save_results(results: Sequence[DensityResults], path: Path = FILE) -> None:
    """Write comparisons as JSON, gzipped; what the file held before is replaced."""
    content = {"format": FORMAT, "results": [r.to_dict() for r in results]}
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    packed = gzip.compress(text.encode(), 9, mtime=0)
    write_files({path: lambda file: file.write(packed)}, force=True)


def load_results(path: Path = FILE) -> tuple[DensityResults, ...]:
    """Read comparisons that `save_results` wrote."""
    try:
        content = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
        raise InputError(f"cannot be read: {error}", source=path.name) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"holds no results of densities in format {FORMAT}", source=path.name)
    try:
        return tuple(DensityResults.from_dict(item) for item in content["results"])
    except (AttributeError, KeyError, TypeError):
        raise InputError("holds results that are damaged", source=path.name) from None


@cache
def _shipped() -> tuple[DensityResults, ...]:
    return load_results() if FILE.is_file() else ()


def precomputed(system: str, unit: str = "points") -> DensityResults | None:
    """Return the comparison that comes with Winnow for an embedded system, if there is one."""
    return next((r for r in _shipped() if r.system == system and r.unit == unit), None)
