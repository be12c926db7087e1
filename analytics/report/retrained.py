"""Tables of a report with the errors of potentials that were trained on the selections."""

from __future__ import annotations

from collections.abc import Iterable

from analytics.evaluation.retrain.agreement import agreement
from analytics.evaluation.retrain.evaluate import WHOLE_POOL, RetrainResult
from analytics.potential.potentials import POTENTIALS
from analytics.report.contents import Table
from analytics.runtime.text import PAGE
from analytics.selection.base import METHODS

__all__ = ["ErrorRow", "error_table", "named_test", "retrained_tables", "title_of"]

#: Name, energy error and its deviation (meV/atom), force error and its deviation (eV/angstrom).
ErrorRow = tuple[str, float, float, float, float]
HEAD = ("trained on", "energy RMSE, meV/atom", "force RMSE, eV/Å")


def error_table(title: str, rows: Iterable[ErrorRow], notes: Iterable[str] = ()) -> Table:
    """Return a table of errors, the deviations over resamples behind them."""
    return Table(
        title,
        HEAD,
        tuple(
            (
                name,
                PAGE.label_error_with_spread(energy, energy_std, "energy"),
                PAGE.label_error_with_spread(force, force_std, "force"),
            )
            for name, energy, energy_std, force, force_std in rows
        ),
        tuple(notes),
    )


def retrained_tables(result: RetrainResult) -> tuple[Table, ...]:
    """Return a table for each test and potential of a result at one budget."""
    found = []
    resamples = result.table["resample"].nunique()
    notes = [
        f"Mean and standard deviation of {PAGE.counted(resamples, 'resample')}; every potential "
        "is trained on what its method picks of four fifths of the structures, split "
        f"{result.split}.",
        *result.notes,
        *agreement(result).sentences(),
    ]
    for (test, model), table in result.summary().groupby(["test", "model"], sort=False):
        rows = [
            (
                title_of(str(row["method"])),
                float(row["energy_rmse_mev_atom"]),
                float(row["energy_std"]),
                float(row["force_rmse_ev_a"]),
                float(row["force_std"]),
            )
            for row in table.to_dict(orient="records")
        ]
        label = POTENTIALS[str(model)].label
        found.append(error_table(f"Retrained: {label}, {named_test(str(test))}", rows, notes))
        notes = []  # said once
    return tuple(found)


def named_test(test: str) -> str:
    """Return what a test is called in a heading."""
    return {"hold_out": "hold-out", "high_force": "force tail"}.get(test, f"test {test}")


def title_of(method: str) -> str:
    """Return what a method, or the whole pool, is called in a table of errors."""
    if method == WHOLE_POOL:
        return "all structures"
    return METHODS[method].title if method in METHODS else method
