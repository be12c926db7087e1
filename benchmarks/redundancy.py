"""How redundant the labelled sets are by training, and where the entropy says something else.

    python -m benchmarks redundancy

A row per set: the share of a random order that keeps the force error (energy error) within 2, 5 and
10 % of the whole pool's, median and quartiles of 10 resamples; the redundancy by entropy at the
default width, and at half and twice that; the error on the pool itself over that on what is held
out; and what explains it where both redundancies disagree.
"""

from __future__ import annotations

import winnow_atomistic as winnow
from analytics.evaluation.retrain.redundancy_by_training import (
    TrainingRedundancy,
    redundancy_by_training,
)
from benchmarks.labelled_sets import LABELLED, load, present

__all__ = ["main", "row_of"]

HEAD = (
    "| set (kind, structures) | forces within 2 % | 5 % | 10 % | energies within 5 % | by training "
    "| by entropy | at half, twice the width | error on pool / held out | why they differ |"
)


def main() -> None:
    """Print the table, in Markdown."""
    print(HEAD)
    print("|" + "---|" * (HEAD.count("|") - 1))
    for name in present():
        print(_row(name), flush=True)


def _row(name: str) -> str:
    data = load(name)
    return row_of(name, data.n_structures, redundancy_by_training(winnow.analyse(data)))


def row_of(name: str, n_structures: int, found: TrainingRedundancy) -> str:
    """Return a row of the table."""
    table = found.summary().set_index(["label", "tolerance"])
    said, own = found.verdict, found.entropy

    def share(label: str, tolerance: float) -> str:
        if (label, tolerance) not in table.index:
            return "-"
        row = table.loc[(label, tolerance)]
        return f"{row['share']:.2f} ({row['low']:.2f}-{row['high']:.2f})"

    limit = found.limits.query("label == 'force'")
    cells = [
        f"{name} ({LABELLED[name].kind}, {n_structures})",
        *(share("force", tolerance) for tolerance in (0.02, 0.05, 0.1)),
        share("energy", 0.05),
        f"{100 * said.training:.0f} %",
        f"{100 * own.redundancy:.1f} % at {own.bandwidth:.3g}",
        f"{100 * own.at(0.5):.1f}, {100 * own.at(2.0):.1f} %",
        f"{(limit['trained_on'] / limit['held_out']).mean():.2f}",
        "they agree" if said.agree else ", ".join(said.reasons) or "none of these",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
