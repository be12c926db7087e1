"""Tables of scores and properties, of structures and of environments: CSV or parquet with units.

A table goes with a sidecar, ``columns.json``, that says of each column what it is and in which
unit; a parquet file has the same in its own metadata. Structures are numbered from zero, as in the
original file.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from analytics.curation.properties import Properties, Property
from analytics.information.analysis import Analysis
from analytics.report.contents import Decided
from analytics.runtime.archive import zipped
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import SILENT, Monitor
from analytics.selection.base import Selection

__all__ = ["FORMATS", "Described", "environment_table", "structure_table", "table_files"]

FORMATS = ("csv", "parquet")
NO_PARQUET = "parquet needs pyarrow: pip install 'winnow-atomistic[formats]', or take CSV"


@dataclass(frozen=True, slots=True)
class Described:
    """A table and what its columns are.

    Attributes
    ----------
    table : DataFrame
    columns : mapping of str to str
        Name of a column -> what it is, with its unit.
    """

    table: pd.DataFrame
    columns: Mapping[str, str]


def structure_table(
    analysis: Analysis,
    orders: Sequence[Selection] = (),
    size: int = 0,
    decided: Decided | None = None,
) -> Described:
    """Return a row per structure: every property, and what was decided and picked.

    Parameters
    ----------
    analysis : Analysis
    orders : sequence of Selection
        Columns of a comparison.
    size : int
        How many structures each keeps.
    decided : Decided, optional
    """
    data, decided = analysis.dataset, decided or Decided()
    n = data.n_structures
    columns: dict[str, Any] = {"structure": data.frame_indices}
    said = {"structure": "index in the original file, from zero"}
    _add_properties(Properties(analysis), "structure", columns, said)
    for at, order in enumerate(orders, start=1):
        rank = np.zeros(n, dtype=np.int64)
        rank[order.structures] = np.arange(1, len(order) + 1)
        kept = (rank > 0) & (rank <= size) | data.isolated
        name = f"{at}_{order.method}"
        columns |= {f"rank_{name}": rank, f"kept_{name}": kept}
        said[f"rank_{name}"] = f"column {at}: place in the order of picking, from 1; 0: never"
        said[f"kept_{name}"] = f"column {at}: whether it is kept at {size} structures"
    columns["pinned"] = np.isin(np.arange(n), decided.keep)
    columns["rejected"] = np.isin(np.arange(n), decided.drop)
    reasons = np.full(n, "", dtype=object)
    for one in decided.removals:
        reasons[one.structure] = ": ".join(part for part in (one.step, one.reason) if part)
    columns["reason"] = reasons
    said |= {
        "pinned": "forced in",
        "rejected": "forced out",
        "reason": "by which step it was forced out, and why",
    }
    return Described(pd.DataFrame(columns), said)


def environment_table(analysis: Analysis) -> Described:
    """Return a row per environment that was analysed: every property, standard errors beside."""
    data, described = analysis.dataset, analysis.descriptors
    owner = described.structures[described.owners]
    atom = np.asarray(described.environments) - data.structure_offsets[owner]
    columns: dict[str, Any] = {"structure": data.frame_indices[owner], "atom": atom}
    said = {
        "structure": "index in the original file, from zero",
        "atom": "index within the structure, from zero",
    }
    _add_properties(Properties(analysis), "environment", columns, said)
    error = analysis.outliers.standard_error
    if error is not None:
        columns["outlier_score_error"] = np.where(analysis.outliers.known, error, np.nan)
        said["outlier_score_error"] = "standard error of the outlier score where it is known, nats"
    return Described(pd.DataFrame(columns), said)


def _add_properties(
    known: Properties, of: str, columns: dict[str, Any], said: dict[str, str]
) -> None:
    for each in known.available():
        if each.of == of and each.name not in columns:
            columns[each.name] = known.values(each.name)
            said[each.name] = _said(each)


def _said(shown: Property) -> str:
    return f"{shown.title}, {shown.unit}" if shown.unit else shown.title


def table_files(
    tables: Mapping[str, Described], kind: str = "csv", monitor: Monitor = SILENT
) -> bytes:
    """Return an archive (zip) of tables with what their columns are; runs in a worker process.

    Parameters
    ----------
    tables : mapping of str to Described
        By the names of the files, without an ending.
    kind : str
        One of `FORMATS`.
    monitor : Monitor

    Raises
    ------
    WinnowError
        For parquet without pyarrow.
    """

    def members() -> Iterator[tuple[str, bytes | str]]:
        for name, each in tables.items():
            monitor.checkpoint()
            yield f"{name}.{kind}", _csv(each) if kind == "csv" else _parquet(each)
        said = {name: dict(each.columns) for name, each in tables.items()}
        yield "columns.json", json.dumps(said, indent=2, ensure_ascii=False)

    return zipped(members())


def _csv(described: Described) -> str:
    text: str = described.table.to_csv(index=False, lineterminator="\n")
    return text


def _parquet(described: Described) -> bytes:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise WinnowError(NO_PARQUET) from None
    table = arrow.Table.from_pandas(described.table, preserve_index=False)
    fields = [
        field.with_metadata({"description": described.columns.get(field.name, "")})
        for field in table.schema
    ]
    table = table.cast(arrow.schema(fields, metadata=table.schema.metadata))
    content = io.BytesIO()
    parquet.write_table(table, content)
    return content.getvalue()
