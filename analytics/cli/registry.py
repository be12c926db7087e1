"""Registry of the command line's commands: each is one module, imported when it is run.

A command of a plug-in is a module and one line, in the module that an entry point of the group
``winnow.plugins`` names::

    from analytics.cli.registry import register

    register("count", "Count the structures of a file.", "my_package.count_command")

``my_package.count_command`` has two functions: ``add_arguments(parser)`` adds the arguments, and
``run(arguments)`` takes them parsed and returns the exit code (0 when done).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from analytics.runtime.registry import Registry

__all__ = ["COMMANDS", "Command", "register"]


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its line in ``winnow --help``, and the module that has the rest."""

    name: str
    summary: str
    module: str

    @property
    def add_arguments(self) -> Callable[[argparse.ArgumentParser], None]:
        """The function that adds the arguments to the parser of the command."""
        function: Callable[[argparse.ArgumentParser], None] = self._module.add_arguments
        return function

    @property
    def run(self) -> Callable[[argparse.Namespace], int]:
        """The function that runs the command and returns the exit code."""
        function: Callable[[argparse.Namespace], int] = self._module.run
        return function

    @property
    def _module(self) -> Any:
        return import_module(self.module)


COMMANDS: Registry[Command] = Registry("command")


def register(name: str, summary: str, module: str) -> None:
    """File a command under its name, without importing its module."""
    COMMANDS.register(name)(Command(name, summary, module))


for _name, _summary in {
    "analyse": "Say how redundant a data set is: entropy, diversity, effective size.",
    "select": "Pick structures and write them, what is left, and the recipe.",
    "select-rows": "Pick rows of a table or array of features, without atoms.",
    "export": "Convert: write a data set for a training code (MACE, DeePMD, GPUMD, ...).",
    "split": "Split into training, validation and test set, near-duplicates on one side.",
    "compare": "Measure several methods at several budgets, one row each.",
    "report": "Write a report: one HTML file of the data, its findings, and what selections keep.",
    "check": "Report what is wrong, doubtful or worth knowing; changes nothing.",
    "methods": "List the selection methods, or say all about some of them.",
    "serve": "Serve the page, on a file of yours if named.",
    "replay": "Run a recipe again: pick the same structures, or say which input differs "
    "(exit code 1 if any does).",
    "duplicates": "Find structures that repeat another one, exactly or nearly.",
    "conflicts": "Find labels that contradict one another: alike atoms and structures, unlike "
    "labels.",
    "overlap": "Measure what data sets hold of one another. A B: what of B is in A (training set "
    "A, test set B), what leaks and what is new. A: its config_types against one another. "
    "A B C ...: all files against one another.",
    "novelty": "Say where a trajectory leaves its training set, at a false-alarm rate of yours, "
    "and which frames to label.",
    "replay-set": "Pick from a big pool what complements a set of yours (replay for "
    "fine-tuning), or what resembles it.",
    "compare-files": "Say what two files have in common: the same geometries? the same labels? "
    "What is only in one?",
    "bandwidth": "Measure entropy, diversity and coverage at many bandwidths, and show the rule's.",
    "retrain": "Train two fast potentials (sparse SOAP-GAP, linear ACE) on every selection; errors "
    "on what was held out, and on test files of yours.",
    "rank": "Rank selection methods on this data set: retrained errors, paired over resamples, and "
    "who cannot be told apart.",
    "redundancy": "Measure by training how small a share of the set is as good as all of it, and "
    "say where the redundancy by entropy disagrees, and why.",
    "smallest": "Find the smallest subset whose error rises by no more than you allow, with the "
    "confidence you ask for.",
    "recommend": "Name two or three budgets, each with its reasons: where error, information and "
    "training time stop paying.",
    "uncertainty": "Calibrate the error bars that the potential itself predicts, and count the "
    "errors that they cover.",
    "influence": "Say which training structures help or hurt a test, class by class too, and whose "
    "labels fit the others least.",
    "claims": "Hold published claims about training sets against yours: verdict, effect, interval.",
    "survey": "Hold published claims against every data set of a folder: one table, one page.",
    "completion": "Print what makes a shell complete commands and options.",
}.items():
    register(_name, _summary, f"analytics.cli.{_name.replace('-', '_')}")
