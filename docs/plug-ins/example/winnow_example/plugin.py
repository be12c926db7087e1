"""Says where the method and the check are, without importing them: nothing is paid until used."""

from analytics.data.checks.registry import CHECKS
from analytics.selection.base import METHODS

METHODS.declare("winnow_example.method", "smallest_first")
CHECKS.declare("winnow_example.check", "few_atoms")
