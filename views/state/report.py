"""Report, figures, tables, structures of what is shown, made in a worker. No Panel here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from analytics.data.dataset import Dataset
from analytics.data.export import exported_bytes
from analytics.data.export_formats.registry import EXPORT_FORMATS
from analytics.information.analysis import Analysis
from analytics.report.contents import Decided, Report, Table, Wanted, compile_report
from analytics.report.page import figure_files, report_file
from analytics.report.tables import environment_table, structure_table, table_files
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import Monitor, Part
from analytics.selection.base import Selection
from views.state.jobs import Place
from views.state.session import Session

__all__ = ["make_figures", "make_report", "make_scores", "make_structures"]

#: So many atoms are written in a fraction of a second: nobody has to wait for a worker process.
FEW = 50_000
Done = Callable[[bytes], None]
Failed = Callable[[Exception], None]


def make_report(session: Session, tables: Sequence[Table], done: Done, failed: Failed) -> None:
    """Write down what is open and decided, in the background.

    Parameters
    ----------
    session : Session
    tables : sequence of Table
        What stages have to add.
    done, failed : callable
        Get the file, or the error, which is told to the user in any case.
    """
    _make(session, "report", report_file, tables, done, failed)


def make_figures(session: Session, done: Done, failed: Failed) -> None:
    """Draw the figures of a report into an archive of files, in the background."""
    _make(session, "figures", figure_files, (), done, failed)


def make_scores(session: Session, kind: str, done: Done, failed: Failed) -> None:
    """Write the tables of structures and environments into an archive, in the background."""
    analysis = session.analysis
    if analysis is None:
        return
    orders = tuple(slot.selection for slot in session.slots if slot.selection is not None)
    size, decided = session.budget, decided_in(session)

    def work(monitor: Monitor) -> bytes:
        return session.compute(
            scores_file, analysis, orders, size, decided, kind, name="tables", monitor=monitor
        )

    session.run("scores file", work, done, failed=failed)


def make_structures(
    session: Session, which: str, structures: IntArray, format: str, done: Done, failed: Failed
) -> None:
    """Write structures in a format by its name, in the background.

    Parameters
    ----------
    session : Session
    which : str
        Of the files that may be made at the same time.
    structures : int array (n,)
        Indices into the data set.
    format : str
        In `EXPORT_FORMATS`.
    done, failed : callable
        See `make_report`.
    """
    data = session.dataset
    if data is None:
        return

    few = int(data.sizes[structures].sum()) <= FEW

    def work(monitor: Monitor) -> bytes:
        if few:
            return structures_file(data, structures, format, monitor)
        return session.compute(
            structures_file, data, structures, format, name="export", monitor=monitor
        )

    place: Place = "here" if few else "workers"
    session.run(f"file of the {which}", work, done, failed=failed, place=place)


def structures_file(dataset: Dataset, structures: IntArray, format: str, monitor: Monitor) -> bytes:
    """Return the file."""
    return exported_bytes(dataset, structures, EXPORT_FORMATS[format], monitor)


def scores_file(
    analysis: Analysis,
    orders: tuple[Selection, ...],
    size: int,
    decided: Decided,
    kind: str,
    monitor: Monitor,
) -> bytes:
    """Return the archive; runs in a worker process."""
    tables = {
        "structures": structure_table(analysis, orders, size, decided),
        "environments": environment_table(analysis),
    }
    return table_files(tables, kind, monitor)


def decided_in(session: Session) -> Decided:
    """Return what a user has decided, as a report has it."""
    return Decided(tuple(session.pinned), session.ledger, tuple(session.waived.values()))


def _make(
    session: Session,
    stage: str,
    write: Callable[[Report, Monitor], bytes],
    tables: Sequence[Table],
    done: Done,
    failed: Failed,
) -> None:
    analysis = session.analysis
    if analysis is None:
        return
    wanted = [
        Wanted(slot.method, slot.seed, slot.spec, tuple(slot.tight))
        for slot in session.slots
        if slot.selection is not None
    ]
    maps = {each.method: each for each in (session.embedding, session.umap) if each is not None}
    listed = session.findings.listed
    size, pipeline, decided = session.budget, session.pipeline, decided_in(session)

    def work(monitor: Monitor) -> bytes:
        report = compile_report(
            pipeline,
            analysis,
            wanted,
            size,
            decided=decided,
            listed=listed,
            maps=tuple(maps.values()),
            tables=tables,
            made=time.strftime("%Y-%m-%d"),
            monitor=Part(monitor, 0.0, 0.8, stage),
        )
        part = Part(monitor, 0.8, 1.0, stage)
        return session.compute(write, report, name=stage, monitor=part)

    session.run(stage, work, done, failed=failed)
