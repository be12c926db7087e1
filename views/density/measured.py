"""Lookup of a comparison's figures by method, options and share kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analytics.density.pruning import PRUNINGS, method_and_options
from analytics.density.results import DensityResults
from analytics.density.study import FULL
from analytics.runtime.arrays import FloatArray
from analytics.runtime.registry import spec_from

__all__ = ["Curve", "Figure", "Measured", "effective"]

Options = Mapping[str, Mapping[str, Any]]


def effective(label: str, options: Options) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """Return a method and all its options: two labels that mean the same give the same.

    Parameters
    ----------
    label : str
        A method, with options or not, such as ``ccs:beta=0.1``.
    options : mapping
        Options by method for those that the label does not name.
    """
    if label == FULL:
        return FULL, ()
    name, own = method_and_options(label)
    spec = spec_from(PRUNINGS[name].spec, {**options.get(name, {}), **own})
    return name, tuple(sorted(asdict(spec).items()))


@dataclass(frozen=True, slots=True)
class Figure:
    """Mean and standard deviation over models that differ in the seed only."""

    mean: float
    spread: float
    seeds: int

    @classmethod
    def of(cls, values: list[float]) -> Figure | None:
        """Return the figure of values, or None if there are none."""
        known = [v for v in values if v is not None and np.isfinite(v)]
        if not known:
            return None
        spread = float(np.std(known, ddof=1)) if len(known) > 1 else np.nan
        return cls(float(np.mean(known)), spread, len(known))


@dataclass(frozen=True, slots=True)
class Curve:
    """A quantity against the share kept, ascending; low and high are the seeds' extremes."""

    kept: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    seeds: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.kept)


class Measured:
    """The models of a comparison that were trained for all steps, by method and share."""

    def __init__(self, results: DensityResults) -> None:
        self.results = results
        options = results.settings.get("options", {})
        fixed_steps = not results.settings.get("network", {}).get("epochs", 0)
        self._meaning: dict[Any, str] = {}
        self._rows: dict[str, dict[float, list[dict[str, Any]]]] = {}
        for row in results.rows:
            if fixed_steps and row["steps"] != results.steps and results.steps:
                continue
            label = row["method"]
            if label not in self._rows:
                self._meaning.setdefault(effective(label, options), label)
            self._rows.setdefault(label, {}).setdefault(float(row["kept"]), []).append(row)

    def label(self, method: str, options: Options) -> str | None:
        """Return the name that the comparison has for a method with these options."""
        return self._meaning.get(effective(method, options))

    def shares(self, label: str | None) -> tuple[float, ...]:
        """Return the shares that were measured, ascending."""
        return tuple(sorted(self._rows.get(label or "", {})))

    def nearest(self, label: str | None, kept: float) -> float | None:
        """Return the share measured that is nearest, as a ratio, to the one asked for."""
        shares = self.shares(label)
        return min(shares, key=lambda s: (abs(np.log(s / kept)), s)) if shares else None

    def figure(self, label: str | None, kept: float, quantity: str) -> Figure | None:
        """Return a quantity at a share that was measured."""
        rows = self._rows.get(label or "", {}).get(kept, [])
        return Figure.of([row[quantity] for row in rows])

    def by_condition(self, label: str | None, kept: float) -> dict[str, float]:
        """Return the density error (% of the electrons) on each condition, seen and unseen."""
        found: dict[str, list[float]] = {}
        for row in self._rows.get(label or "", {}).get(kept, []):
            for condition, percent in (row.get("by_condition") or {}).items():
                if condition and percent is not None:
                    found.setdefault(condition, []).append(percent)
        return {condition: float(np.mean(values)) for condition, values in found.items()}

    def full(self, quantity: str) -> Figure | None:
        """Return a quantity of the models of all data."""
        return self.figure(FULL, 1.0, quantity)

    def curve(self, label: str | None, quantity: str) -> Curve:
        """Return a quantity against the share kept."""
        found: list[tuple[float, float, float, float, int]] = []
        for kept in self.shares(label):
            values = [row[quantity] for row in self._rows[label or ""][kept]]
            known = [v for v in values if v is not None and np.isfinite(v)]
            if known:
                found.append((kept, float(np.mean(known)), min(known), max(known), len(known)))
        columns = np.array([row[:4] for row in found]).reshape(-1, 4)
        return Curve(*columns.T, seeds=tuple(row[4] for row in found))

    def histogram(self, label: str | None, kept: float) -> list[int] | None:
        """Return the histogram of the points that seed 0 kept, if it was stored."""
        rows = self._rows.get(label or "", {}).get(kept, [])
        return next((row["histogram"] for row in rows if row.get("histogram")), None)
