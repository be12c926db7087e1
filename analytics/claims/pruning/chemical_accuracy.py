"""Claim: a hundredth chosen by coverage keeps chemical accuracy in energies; of potentials."""

from __future__ import annotations

import numpy as np

from analytics.claims.claim import Measured, register
from analytics.claims.evidence import Evidence
from analytics.claims.papers import PRUNING
from analytics.claims.pruning.comparing import OTHER_MODEL
from analytics.claims.statistics import ratio_interval
from analytics.claims.trial import Trial
from analytics.potential.normal_equations import pool_energies

__all__ = ["measure"]

#: meV/atom
ACCURATE = 10.0


@register(
    "potential_chemical_accuracy",
    sentence="Coverage-centric pruning to a hundredth keeps chemical accuracy in the energy (asked "
    "of a potential).",
    paper=PRUNING,
    criterion="energy error of CCS at 1 % kept at most 10 meV/atom, and at most that of the sum of "
    "atomic energies fitted to the pool",
    changed_by=OTHER_MODEL,
    needs=("energies", "forces"),
)
def measure(evidence: Evidence) -> Measured:
    """Measure it on what is held out at random, with the sum of atoms for a baseline."""
    trial = evidence.random
    trial.trained()
    budget = evidence.hundredth(trial)
    errors = trial.errors_at("ccs", budget)["energy"]
    found = ratio_interval(errors, np.ones(len(errors)))  # errors multiply: never below zero
    baseline = float(np.mean([_of_atoms(trial, r) for r in range(len(trial))]))
    whole = float(trial.whole()["energy"].mean())
    words = (
        f"CCS at 1 % {found.text()} meV/atom, whole pool {whole:.3g}, sum of atomic energies "
        f"{baseline:.3g}"
    )
    return Measured(
        found.mean, found.low, found.high, min(ACCURATE, baseline), "meV/atom", words, below=True,
        figures={"baseline": baseline, "whole": whole},
    )  # fmt: skip


def _of_atoms(trial: Trial, r: int) -> float:
    """Return the energy error of the sum of atomic energies of the pool, meV/atom."""
    design, split = trial.trained().equations.design, trial.splits[r]
    atomic, held = pool_energies(design, split.pool), split.held_out
    sizes = np.maximum(1, design.composition[held].sum(axis=1))
    apart = (design.energies[held] - design.composition[held] @ atomic) / sizes
    return 1e3 * float(np.sqrt(np.nanmean(apart**2)))
