"""Kohn-Sham electron density on grid points: how much of it a model needs."""

from analytics.density.claims import Claim, check_claims
from analytics.density.descriptor import PointSpec, describe_points
from analytics.density.energy_check import energies_possible
from analytics.density.grid import DensityData
from analytics.density.pictures import (
    DensityHistogram,
    DensitySlice,
    Projection,
    density_histogram,
    density_slice,
    project_points,
)
from analytics.density.points import Suggestion, suggest
from analytics.density.pruning import PRUNINGS
from analytics.density.readers import EMBEDDED, read_density
from analytics.density.results import DensityResults, collect, precomputed
from analytics.density.scores import ScoreSpec
from analytics.density.study import (
    FULL,
    ModelResult,
    Study,
    StudySpec,
    compare_density,
    keep_points,
    prepare_study,
    spec_for,
    train_model,
    vary_study,
)
from analytics.density.surrogate import NetworkSpec

__all__ = [
    "EMBEDDED",
    "FULL",
    "PRUNINGS",
    "Claim",
    "DensityData",
    "DensityHistogram",
    "DensityResults",
    "DensitySlice",
    "ModelResult",
    "NetworkSpec",
    "PointSpec",
    "Projection",
    "ScoreSpec",
    "Study",
    "StudySpec",
    "Suggestion",
    "check_claims",
    "collect",
    "compare_density",
    "density_histogram",
    "density_slice",
    "describe_points",
    "energies_possible",
    "keep_points",
    "precomputed",
    "prepare_study",
    "project_points",
    "read_density",
    "spec_for",
    "suggest",
    "train_model",
    "vary_study",
]
