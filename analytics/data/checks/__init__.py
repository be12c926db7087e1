"""Checks of a data set: registered quality checks, their findings and the report.

Selection methods that look for the unusual pick broken structures first, so the checks come
before them. They report and change nothing. `analytics.data.checks.registry` says how to add one.
"""

# isort: off
# the order in which findings of equal severity are listed
from analytics.data.checks import positions
from analytics.data.checks import cells
from analytics.data.checks import overlapping_atoms
from analytics.data.checks import close_atoms
from analytics.data.checks import energies
from analytics.data.checks import forces
from analytics.data.checks import net_force
from analytics.data.checks import zero_forces
from analytics.data.checks import duplicates
from analytics.data.checks import conflicting_duplicates
from analytics.data.checks import energy_out_of_line
from analytics.data.checks import isolated_atoms
from analytics.data.checks import config_types

# isort: on
from analytics.data.checks.registry import CHECKS, check, register
from analytics.data.checks.report import CheckReport, Finding, Severity
from analytics.data.checks.subject import Subject

__all__ = [
    "CHECKS",
    "CheckReport",
    "Finding",
    "Severity",
    "Subject",
    "cells",
    "check",
    "close_atoms",
    "config_types",
    "conflicting_duplicates",
    "duplicates",
    "energies",
    "energy_out_of_line",
    "forces",
    "isolated_atoms",
    "net_force",
    "overlapping_atoms",
    "positions",
    "register",
    "zero_forces",
]
