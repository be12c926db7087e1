"""Evidence for claims: splits, selections, trained potentials and tests of one data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from analytics.claims.claim import CannotBeAsked
from analytics.claims.trial import Trial
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.ground import Ground, make_file_test, prepare_ground
from analytics.evaluation.retrain.splits import make_splits
from analytics.information.analysis import Analysis
from analytics.information.intrinsic_dimension import IntrinsicDimension, intrinsic_dimension
from analytics.runtime.errors import InputError

__all__ = ["BUDGETS", "METHODS", "RIVALS", "SMALLEST", "Evidence"]

#: Shares kept at which methods are compared.
BUDGETS = (0.05, 0.1, 0.2)
#: A hundredth is asked of pools that have this many structures.
HUNDREDTH, SMALLEST_FOR_HUNDREDTH = 0.01, 100
#: What minimum set cover was compared with: random, k-means, farthest points of environments and
#: of structure means.
RIVALS = ("random", "kmeans", "fps", "farthest_mean")
#: Every method that claims ask about.
METHODS = (*RIVALS, "msc", "ccs", "grand", "facility_location", "largest_force")
#: Structures below which shares of the pool are a handful.
SMALLEST = 40
#: Classes with more structures than this, and less than half of all, are left out in turn.
SMALLEST_CLASS, MOST_CLASSES = 5, 2

_MISSING = {
    "forces": "there are no forces",
    "energies": "there are no energies",
    "classes": "there are no classes: config_type has one value",
    "tests": "no published test was named",
}


@dataclass(frozen=True)
class Evidence:
    """What claims are measured on: everything is worked out once, when first asked for.

    Attributes
    ----------
    analysis : Analysis
    tests : mapping of str to Dataset
        Published tests.
    resamples, seed : int
    methods : tuple of str
        Methods that are put side by side.
    """

    analysis: Analysis
    tests: Mapping[str, Dataset] = field(default_factory=dict)
    resamples: int = 5
    seed: int = 0
    methods: tuple[str, ...] = METHODS

    @property
    def dataset(self) -> Dataset:
        """The data set."""
        return self.analysis.dataset

    @property
    def has_forces(self) -> bool:
        """Whether there are forces."""
        return bool(np.isfinite(self.analysis.force_norms).any())

    @property
    def kind(self) -> str:
        """What the structures are, from the file alone: molecules, one element, several."""
        if not self.dataset.pbc.any():
            return "molecules"
        return "one element" if len(np.unique(self.dataset.numbers)) == 1 else "several elements"

    def require(self, need: str) -> None:
        """Raise if the data set lacks what a claim needs.

        Raises
        ------
        CannotBeAsked
            Saying what is missing.
        """
        labels = self.dataset.config_type[self.analysis.descriptors.structures]
        there = {
            "forces": self.has_forces,
            "energies": self.dataset.energies is not None,
            "classes": len(np.unique(labels)) > 1,
            "tests": bool(self.tests),
        }
        if not there[need]:
            raise CannotBeAsked(_MISSING[need])

    def _enough(self) -> None:
        if self.analysis.n_structures < SMALLEST:
            raise CannotBeAsked(
                f"{self.analysis.n_structures} structures are too few: asked from {SMALLEST} on"
            )

    def _ground(self, split: str, left_out: str | None = None) -> Ground:
        """Return what potentials are trained on, or say why there is none."""
        self._enough()
        if self.dataset.energies is None or not self.has_forces:
            raise CannotBeAsked("no energies and forces to train a potential on")
        try:
            return prepare_ground(
                self.analysis, split, left_out=left_out, resamples=self.resamples, seed=self.seed
            )
        except InputError as error:
            raise CannotBeAsked(str(error)) from None

    @cached_property
    def _random(self) -> Trial:
        try:
            ground = self._ground("random")
        except CannotBeAsked:
            self._enough()
            splits = make_splits(
                self.dataset,
                self.analysis.descriptors.structures,
                resamples=self.resamples,
                seed=self.seed,
            )
            return Trial(self.analysis, splits, BUDGETS, self.seed)
        tests = [make_file_test(ground, name, data) for name, data in self._usable_tests(ground)]
        return Trial(self.analysis, ground.splits, BUDGETS, self.seed, ground, tests)

    def _usable_tests(self, ground: Ground) -> list[tuple[str, Dataset]]:
        known = np.unique(ground.analysis.dataset.numbers)
        return [
            (name, data)
            for name, data in self.tests.items()
            if np.isin(data.numbers, known).all() and np.isfinite(data.force_norms).any()
        ]

    @property
    def random(self) -> Trial:
        """A fifth held out at random: in distribution. There without labels too."""
        return self._random

    @cached_property
    def _high_force(self) -> Trial:
        ground = self._ground("high_force")
        return Trial(self.analysis, ground.splits, BUDGETS, self.seed, ground)

    @property
    def high_force(self) -> Trial:
        """The structures of the largest forces held out: out of distribution."""
        return self._high_force

    @cached_property
    def classes(self) -> Mapping[str, Trial]:
        """The largest classes, each held out in turn."""
        self._enough()
        labels = self.dataset.config_type[self.analysis.descriptors.structures]
        names, counts = np.unique(labels, return_counts=True)
        fit = (counts >= SMALLEST_CLASS) & (counts <= 0.5 * len(labels))
        ranked = sorted(zip(-counts[fit], names[fit].tolist(), strict=True))
        found: dict[str, Trial] = {}
        for _, name in ranked[:MOST_CLASSES]:
            try:
                ground = self._ground("leave_class_out", name or "(none)")
            except CannotBeAsked:
                if not found and name == ranked[-1][1]:
                    raise
                continue
            found[name] = Trial(self.analysis, ground.splits, BUDGETS, self.seed, ground)
        if not found:
            raise CannotBeAsked(
                f"no class of {SMALLEST_CLASS} structures and at most half of the set that could "
                "be held out"
            )
        return found

    @cached_property
    def dimension(self) -> IntrinsicDimension:
        """Intrinsic dimension of the environments."""
        return intrinsic_dimension(
            self.analysis.descriptors.values,
            bandwidth=self.analysis.spec.bandwidth,
            sample=4000,
            seed=self.seed,
        )

    def hundredth(self, trial: Trial) -> float:
        """Return the budget of a hundredth, or say that the pools are too small for it."""
        pool = min(trial.part(r).n_structures for r in range(len(trial)))
        if pool < SMALLEST_FOR_HUNDREDTH:
            raise CannotBeAsked(
                f"a hundredth of {pool} structures is none: asked from {SMALLEST_FOR_HUNDREDTH} on"
            )
        return HUNDREDTH
