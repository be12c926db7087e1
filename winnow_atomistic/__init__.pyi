"""The public names of Winnow and where each is defined; `__init__` imports them lazily."""

from analytics.curation.conflicts import conflicts as conflicts
from analytics.curation.duplicates import near_duplicates as near_duplicates
from analytics.curation.overlap import leakage as leakage
from analytics.curation.overlap import novelty as novelty
from analytics.curation.overlap import overlap_matrix as overlap_matrix
from analytics.data.checks.registry import check as check
from analytics.data.dataset import Dataset as Dataset
from analytics.data.readers import read as read
from analytics.descriptors.distances import describe as describe
from analytics.evaluation.comparison import compare as compare
from analytics.evaluation.comparison import measure as measure
from analytics.evaluation.redundancy import learning_curve as learning_curve
from analytics.evaluation.redundancy import redundancy as redundancy
from analytics.information.analysis import analyse as analyse
from analytics.information.bandwidth import bandwidth_by_volume as bandwidth_by_volume
from analytics.information.bandwidth import bandwidth_scan as bandwidth_scan
from analytics.information.entropy import delta_entropy as delta_entropy
from analytics.information.entropy import diversity as diversity
from analytics.information.entropy import entropy as entropy
from analytics.information.entropy import overlap as overlap
from analytics.information.intrinsic_dimension import intrinsic_dimension as intrinsic_dimension
from analytics.selection.base import METHODS as METHODS
from analytics.selection.base import select as select

__version__: str
