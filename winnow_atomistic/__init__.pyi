"""The public names of Winnow and where each is defined; `__init__` imports them lazily."""

from analytics.claims.report import check_claims as check_claims
from analytics.curation.conflicts import ConflictSpec as ConflictSpec
from analytics.curation.conflicts import conflicts as conflicts
from analytics.curation.duplicates import DuplicateSpec as DuplicateSpec
from analytics.curation.file_comparison import compare_files as compare_files
from analytics.curation.narrowing import where as where
from analytics.curation.overlap import leakage as leakage
from analytics.curation.overlap import novelty as novelty
from analytics.curation.overlap import overlap_matrix as overlap_matrix
from analytics.curation.replay_sets import replay_set as replay_set
from analytics.curation.split import split as split
from analytics.curation.trajectory import trajectory_novelty as trajectory_novelty
from analytics.data.checks.registry import CHECKS as CHECKS
from analytics.data.checks.registry import check as check
from analytics.data.dataset import Dataset as Dataset
from analytics.data.overview import understood_rows as understood_rows
from analytics.data.readers import read as read
from analytics.data.understood import Understood as Understood
from analytics.descriptors.auto import AutoSpec as AutoSpec
from analytics.descriptors.base import DESCRIPTORS as DESCRIPTORS
from analytics.descriptors.channels import SpeciesDistanceSpec as SpeciesDistanceSpec
from analytics.descriptors.composition import CompositionSpec as CompositionSpec
from analytics.descriptors.distances import DistanceSpec as DistanceSpec
from analytics.descriptors.distances import describe as describe
from analytics.descriptors.soap import SoapSpec as SoapSpec
from analytics.descriptors.stored import StoredSpec as StoredSpec
from analytics.evaluation.calibration import calibrate as calibrate
from analytics.evaluation.comparison import compare as compare
from analytics.evaluation.comparison import measure as measure
from analytics.evaluation.redundancy import learning_curve as learning_curve
from analytics.evaluation.redundancy import redundancy as redundancy
from analytics.evaluation.retrain.agreement import agreement as agreement
from analytics.evaluation.retrain.bounds import bounds_along as bounds_along
from analytics.evaluation.retrain.evaluate import retrain as retrain
from analytics.evaluation.retrain.influence import influence as influence
from analytics.evaluation.retrain.method_ranking import rank_methods as rank_methods
from analytics.evaluation.retrain.recommend import recommend as recommend
from analytics.evaluation.retrain.redundancy_by_training import (
    redundancy_by_training as redundancy_by_training,
)
from analytics.evaluation.retrain.uncertainty import uncertainty as uncertainty
from analytics.evaluation.width_range import compare_widths as compare_widths
from analytics.evaluation.width_range import width_range as width_range
from analytics.information.analysis import analyse as analyse
from analytics.information.analysis import certify as certify
from analytics.information.bandwidth import bandwidth_by_volume as bandwidth_by_volume
from analytics.information.bandwidth import bandwidth_scan as bandwidth_scan
from analytics.information.bounded_coverage import bounded_coverage as bounded_coverage
from analytics.information.bounded_sums import bounded_kernel_sums as bounded_kernel_sums
from analytics.information.entropy import delta_entropy as delta_entropy
from analytics.information.entropy import diversity as diversity
from analytics.information.entropy import entropy as entropy
from analytics.information.false_alarms import calibrate_alarms as calibrate_alarms
from analytics.information.intrinsic_dimension import intrinsic_dimension as intrinsic_dimension
from analytics.information.kernel import KernelSpec as KernelSpec
from analytics.information.mean_delta_entropy import mean_delta_entropy as mean_delta_entropy
from analytics.potential.spec import AceSpec as AceSpec
from analytics.potential.spec import RetrainSpec as RetrainSpec
from analytics.recipe import Recipe as Recipe
from analytics.replay import replay as replay
from analytics.runtime.errors import WinnowError as WinnowError
from analytics.selection.base import METHODS as METHODS
from analytics.selection.base import select as select
from analytics.selection.scores import SCORES as SCORES
from analytics.selector import Selector as Selector
from winnow_atomistic.notebook import duplicates as duplicates
from winnow_atomistic.notebook import export as export
from winnow_atomistic.notebook import overlap as overlap
from winnow_atomistic.notebook import recipe as recipe
from winnow_atomistic.notebook import to_atoms as to_atoms
from winnow_atomistic.page import panel as panel
from winnow_atomistic.page import serve as serve

__version__: str
