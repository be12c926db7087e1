"""The retrain check: a real potential on every selection."""

from analytics.evaluation.retrain import importance, least_variance
from analytics.evaluation.retrain.basis import Basis, choose_basis
from analytics.evaluation.retrain.cache import design_in, design_of, equations_of
from analytics.evaluation.retrain.check import PutBack, RetrainCheck, check_orders
from analytics.evaluation.retrain.design import Design, check_labels, compute_design
from analytics.evaluation.retrain.equations import Equations, ForceTerms, make_equations
from analytics.evaluation.retrain.errors import Errors, Parity, TestSet, make_test, parity_of_fit
from analytics.evaluation.retrain.evaluate import RetrainResult, analysis_of_part, retrain
from analytics.evaluation.retrain.mlpod import PodErrors, find_lammps, fit_pod
from analytics.evaluation.retrain.predictions import (
    Prediction,
    class_errors,
    find_predictions,
    parity_of_prediction,
)
from analytics.evaluation.retrain.spec import RetrainSpec
from analytics.evaluation.retrain.splits import SPLITS, Split, make_splits

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
    "importance",
    "least_variance",
    "make_equations",
    "make_splits",
    "make_test",
    "parity_of_fit",
    "parity_of_prediction",
    "retrain",
]
