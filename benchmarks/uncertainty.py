"""How many errors the potential's own error bars cover, on the labelled sets.

    python -m benchmarks uncertainty

A row per set and label, means of 2 resamples and both halves of what is held out: the factor,
shares of the errors within the 50, 90 and 95 % intervals as predicted and times the factor, and the
rank correlation of the predicted spread with the size of the error.
"""

from __future__ import annotations

from typing import Any

import winnow_atomistic as winnow
from analytics.evaluation.retrain.uncertainty import uncertainty
from benchmarks.labelled_sets import load, present

__all__ = ["HEAD", "main", "row_of"]

HEAD = (
    "| set | label | factor | as predicted: within 50, 90, 95 % | times the factor "
    "| rank correlation |"
)


def main() -> None:
    """Print the table, in Markdown."""
    print(HEAD)
    print("|" + "---|" * (HEAD.count("|") - 1))
    for name in present():
        found = uncertainty(winnow.analyse(load(name)), resamples=2).summary()
        for row in found.to_dict(orient="records"):
            print(row_of(name, row), flush=True)


def row_of(name: str, row: dict[str, Any]) -> str:
    """Return a row of the table."""

    def shares(what: str) -> str:
        return ", ".join(f"{100 * row[f'{what}_{level}']:.0f}" for level in (50, 90, 95)) + " %"

    return (
        f"| {name} | {row['label']} | {row['factor']:.2f} ± {row['factor_std']:.2f} | "
        f"{shares('before')} | {shares('after')} | {row['rank_correlation']:.2f} |"
    )


if __name__ == "__main__":
    main()
