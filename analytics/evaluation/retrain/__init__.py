"""The retrain check: a real potential on every selection."""

from analytics.evaluation.retrain.check import PutBack, RetrainCheck, check_orders
from analytics.evaluation.retrain.errors import Errors, Parity, TestSet, make_test, parity_of_fit
from analytics.evaluation.retrain.evaluate import RetrainResult, analysis_of_part, retrain
from analytics.evaluation.retrain.predictions import (
    Prediction,
    class_errors,
    find_predictions,
    parity_of_prediction,
)
from analytics.evaluation.retrain.splits import SPLITS, Split, make_splits
from analytics.potential.basis import Basis, choose_basis
from analytics.potential.cache import design_in, design_of, equations_of
from analytics.potential.design import Design, check_labels, compute_design
from analytics.potential.mlpod import PodErrors, find_lammps, fit_pod
from analytics.potential.normal_equations import Equations, ForceTerms, make_equations
from analytics.potential.spec import RetrainSpec

__all__ = [
    "SPLITS",
    "Basis",
    "Design",
    "Equations",
    "Errors",
    "ForceTerms",
    "Parity",
    "PodErrors",
    "Prediction",
    "PutBack",
    "RetrainCheck",
    "RetrainResult",
    "RetrainSpec",
    "Split",
    "TestSet",
    "analysis_of_part",
    "check_labels",
    "check_orders",
    "choose_basis",
    "class_errors",
    "compute_design",
    "design_in",
    "design_of",
    "equations_of",
    "find_lammps",
    "find_predictions",
    "fit_pod",
    "make_equations",
    "make_splits",
    "make_test",
    "parity_of_fit",
    "parity_of_prediction",
    "retrain",
]
