"""State of the Retrain stage: potentials trained on every selection, with their errors.

No Panel here. Long work goes through the session's runner, resample by resample; what follows the
budget is a sum of normal equations and a small solve, and is done at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import param

from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.check import PutBack
from analytics.evaluation.retrain.engine import Wanted
from analytics.evaluation.retrain.errors import Now, Parity, TestSet, parity_of_fit, summed_up
from analytics.evaluation.retrain.evaluate import COLUMNS, WHOLE_POOL, rows_of
from analytics.evaluation.retrain.ground import Ground
from analytics.evaluation.retrain.predictions import (
    Prediction,
    errors_of,
    find_predictions,
    parity_of_prediction,
)
from analytics.evaluation.structure_sizes import UNEQUAL, size_spread
from analytics.information.analysis import Analysis
from analytics.potential.potentials import potential_of
from analytics.report.contents import Table
from analytics.report.retrained import error_table, named_test, title_of
from analytics.runtime.arrays import IntArray, ragged_rows
from analytics.runtime.errors import WorkerLost
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.selection.base import Budget, is_nested
from views.retrain.runs import (
    CLASS,
    FILE,
    HOLD_OUT,
    JUDGES,
    LEFT_OUT,
    RESAMPLES,
    SHARES,
    TAIL,
    Run,
    file_test,
    ground_of,
    name_of,
    resample_of,
    split_of,
    winners,
)
from views.state.choices import choose
from views.state.properties import FORCE_ERROR
from views.state.session import Session

__all__ = [
    "FILE",
    "HOLD_OUT",
    "LEFT_OUT",
    "TAIL",
    "RetrainState",
    "name_of",
    "split_of",
]


class RetrainState(param.Parameterized):
    """Which tests are wanted, what is known, and what is on its way."""

    shown = param.Boolean(False, allow_refs=True, doc="Whether the stage is looked at.")
    outside = param.String("", doc="The test out of distribution that is wanted; empty: none.")
    outsides = param.Dict({}, doc="Tests out of distribution: what a user reads -> key.")
    looked_at = param.String(HOLD_OUT, doc="The test of parity plots and table.")
    column = param.Integer(1, bounds=(0, 2), doc="Column whose left-out structures are ranked.")
    judges = param.Selector(
        default=next(iter(JUDGES)), objects=list(JUDGES), doc="What is trained."
    )
    atoms = param.Boolean(False, doc="Whether curves are drawn against atoms, not structures.")
    aligned = param.Boolean(False, doc="Whether energies of other models are shifted per species.")
    problem = param.String("", doc="Why no potential can be trained; empty if one can.")
    running = param.String("", doc="The test that is being computed; empty when idle.")
    stopped = param.Boolean(False, doc="Whether the user has cancelled.")
    runs = param.Dict({}, doc="What is known, by split.")
    now = param.Dict({}, doc="Errors at the budget: test -> column or WHOLE or model -> Now.")
    leading = param.Dict({}, doc="(test, label) -> potential -> columns that are the best or tied.")
    parities = param.Dict({}, doc="Points of the parity plots: column or model -> Parity.")
    paths = param.List([], item_type=str, doc="Files of the user's that are tested on.")
    models = param.List([], item_type=Prediction, doc="Models whose predictions the file has.")
    put_back = param.ClassSelector(class_=PutBack, doc="What left-out structures would bring.")

    def __init__(self, session: Session, resamples: int = RESAMPLES, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._resamples = session, resamples
        self._files: dict[str, Dataset] = {}
        self._predicted: dict[tuple[str, bool], dict[str, Parity]] = {}
        self._model_nows: dict[tuple[str, bool, int], dict[str, Now]] = {}
        self._stale = True
        session.param.watch(self._on_opened, ["opened"])
        session.param.watch(self._on_budget, ["budget"])
        session.on_cancel(self._on_cancel)
        for slot in session.every_slot:
            slot.param.watch(self._on_order, ["selection"])
        session.param.watch(self._on_columns, ["n_columns"])
        self._on_opened()

    # ---- what the session does --------------------------------------------------------------

    def _on_opened(self, *events: Any) -> None:
        if any(event.new is not None and event.new.only_refines(event.old) for event in events):
            return
        self._session.stop("retrain")
        data = self._session.dataset
        self._files.clear()
        self._predicted.clear()
        self._model_nows.clear()
        self._stale = True
        self.param.update(
            runs={}, now={}, leading={}, parities={}, put_back=None, models=[], problem="",
            paths=[], running="", stopped=False, looked_at=HOLD_OUT, outsides=self._choices(),
        )  # fmt: skip
        if data is not None:  # equal numbers of structures are then not equal cost
            sizes = data.sizes[~data.isolated]
            self.atoms = bool(len(sizes) and size_spread(sizes) >= UNEQUAL)
        values = list(self.outsides.values())
        has_forces = data is not None and data.forces is not None
        self.outside = values[0] if values and (has_forces or values[0] != TAIL) else ""
        if self.shown:
            self.start()

    def _choices(self) -> dict[str, str]:
        """Return the tests out of distribution, by what a user reads."""
        data = self._session.dataset
        if data is None:
            return {}
        found = {f"file {test.removeprefix(FILE)}": test for test in self._files}
        if np.isfinite(data.force_norms).any():
            found["high-force tail (largest 15 %)"] = TAIL
        labels = np.unique(data.config_type[~data.isolated]).tolist()
        if len(labels) > 1:
            found |= {f"all {label or '(no class)'} left out": CLASS + label for label in labels}
        return found

    @param.depends("shown", watch=True)
    def _on_shown(self) -> None:
        if self.shown:
            self.start()

    def _on_order(self, *_: Any) -> None:
        self._stale = True
        if self.shown:
            self.start()

    def _on_columns(self, *_: Any) -> None:
        self.column = min(self.column, self._session.n_columns - 1)
        self._on_order()

    def _on_budget(self, *_: Any) -> None:
        self._stale = True
        if self.shown:  # orders for one budget only arrive by themselves
            self._follow()

    @param.depends("outside", watch=True)
    def _on_outside(self) -> None:
        if self.looked_at not in (HOLD_OUT, LEFT_OUT):
            self.looked_at = self.outside or HOLD_OUT
        if self.shown:
            self.start()

    @param.depends("judges", watch=True)
    def _on_judges(self) -> None:
        """Train other potentials; which structures a method keeps stays, where no model decides."""
        self._session.stop("retrain")
        self._stale = True
        self.param.update(
            runs={}, now={}, leading={}, parities={}, put_back=None, problem="", running=""
        )
        if self.shown:
            self.start()

    def _on_cancel(self) -> None:
        if self.running:
            self.param.update(running="", stopped=True)

    # ---- long work --------------------------------------------------------------------------

    def start(self) -> None:
        """Compute what is wanted and not known; nothing if all is."""
        analysis = self._session.analysis
        if analysis is None or self.problem:
            return
        if not self._predicted and not self.models:
            self.models = list(find_predictions(analysis.dataset))
        for test in (HOLD_OUT, self.outside):
            if test and not self._is_known(test):
                self._compute(analysis, test)
                return
        self.param.update(running="", stopped=False)
        if self._stale:
            self._follow()

    def _is_known(self, test: str) -> bool:
        run = self.runs.get(split_of(test))
        if run is None or len(run.repetitions) < len(run.ground):
            return False
        wanted, files = self._wanted(), self._files if split_of(test) == HOLD_OUT else {}
        return set(run.files) == set(files) and all(
            each.wanted == wanted for each in run.repetitions
        )

    def _wanted(self) -> dict[str, Wanted]:
        """Return by column what is to be ordered in every resample."""
        session, found = self._session, {}
        for column, slot in enumerate(session.slots):
            if slot.selection is not None:
                nested = is_nested(slot.method, slot.spec)
                found[str(column)] = Wanted(
                    slot.method,
                    slot.spec,
                    slot.seed,
                    SHARES if nested else (self._share(),),
                    tuple(slot.selection.keep.tolist()),
                    tuple(slot.selection.drop.tolist()),
                )
        return found

    def _compute(self, analysis: Analysis, test: str) -> None:
        split, old = split_of(test), self.runs.get(split_of(test))
        wanted = self._wanted()
        files = dict(self._files) if split == HOLD_OUT else {}
        ready: list[Run] = []
        ticks, session, judges = 0, self._session, self.judges

        def work(monitor: Monitor) -> None:
            known = [] if old is None else list(old.repetitions)
            ground = old.ground if old is not None else session.compute(
                ground_of, analysis, split, self._resamples, judges,
                name="normal equations", monitor=Part(monitor, 0.0, 0.7),
            )  # fmt: skip
            tests = tuple(
                session.compute(
                    file_test, ground, name, data,
                    name="a test file", monitor=Part(monitor, 0.7, 0.75, name),
                )
                for name, data in files.items()
            )  # fmt: skip
            start = 0.75 if files else 0.7
            for r in range(len(ground)):
                share = (1.0 - start) / len(ground)
                known[r : r + 1] = [
                    session.compute(
                        resample_of, ground, r, wanted, tests, known[r] if r < len(known) else None,
                        name="retraining",
                        monitor=Part(monitor, start + share * r, start + share * (r + 1)),
                    )
                ]  # fmt: skip
                ready.append(Run(ground, tuple(known), files))

        def tick() -> None:
            nonlocal ticks
            if ready and self._session.analysis is analysis and self.judges == judges:
                run = ready[-1]
                ready.clear()
                ticks += 1
                self.runs = {**self.runs, split: run}
                # parity plots and ranks look at the first resample: they need not wait for all
                self._follow(live=ticks > 1)

        def done(_: Any) -> None:
            tick()
            self._follow()  # what hangs on these is not kept waiting by what is computed next
            self.start()

        def failed(error: Exception) -> None:
            self.running = ""
            if self._session.analysis is not analysis:
                return
            if isinstance(error, WorkerLost):
                self.stopped = True
            elif split == HOLD_OUT and old is None:
                self.problem = str(error) or type(error).__name__
                self._look()
            elif test == self.outside:
                self.outside = ""

        self.param.update(running=test, stopped=False)
        self._session.run("retrain", work, done, failed=failed, again=self.start, tick=tick)

    def bring_back(self, chosen: Mapping[str, Any]) -> None:
        """Choose what a saved session says, as far as the data set that is open has it."""
        choose(self, ("column", "aligned", "judges"), chosen)
        outside, looked_at = chosen.get("outside"), chosen.get("looked_at")
        if outside in self.outsides.values():
            self.outside = outside
        if looked_at in (LEFT_OUT, self.outside) and looked_at:
            self.looked_at = looked_at
        paths = chosen.get("paths")
        for path in paths if isinstance(paths, list) else ():
            if isinstance(path, str):
                self.add_file(path)

    def add_file(self, path: str | Path) -> None:
        """Add a file of the user's as a test."""
        name = Path(str(path).partition("@")[0]).name
        opened, options = self._session.opened, self._session.options
        if opened is None:
            return

        session, run = self._session, self.runs.get(HOLD_OUT)

        def work(monitor: Monitor) -> Dataset:
            place, part = session.places.allowed(path), Part(monitor, 0.0, 0.2, "reading")
            dataset = session.pipeline.read(place, options, monitor=part)
            if run is not None:  # a test that cannot be used is refused before it is listed
                session.compute(
                    file_test, run.ground, name, dataset,
                    name="a test file", monitor=Part(monitor, 0.2, 1.0),
                )  # fmt: skip
            return dataset

        def done(dataset: Dataset) -> None:
            if self._session.opened is opened:
                self._files[FILE + name] = dataset
                self.paths = [*(p for p in self.paths if p != str(path)), str(path)]
                self.outsides = self._choices()
                self.outside = FILE + name

        self._session.run("retrain file", work, done)

    # ---- what follows the budget ------------------------------------------------------------

    def _share(self) -> float:
        """Return the budget as a share of the structures."""
        analysis, budget = self._session.analysis, self._session.budget
        return 1.0 if analysis is None else min(1.0, max(1, budget) / analysis.n_structures)

    def size_in(self, test: str) -> int:
        """Return how many structures of the pool of a resample the budget means."""
        run = self.runs.get(split_of(test))
        if run is None:
            return 0
        return Budget(self._share()).of(len(run.ground.splits[0].pool))

    def atoms_at(self, test: str, column: str) -> float:
        """Return the share of the atoms that a column keeps at the budget; NaN if unknown."""
        run, share = self.runs.get(split_of(test)), Budget(self._share())
        found = []
        for each in run.repetitions if run is not None else ():
            if column in each.check.orders:
                sizes = each.check.equations.design.dataset.sizes
                order = each.check.orders[column].order[: share.of(len(each.check.pool))]
                found.append(sizes[order].sum() / sizes[each.check.pool].sum())
        return float(np.mean(found)) if found else float("nan")

    def tests_of(self, test: str) -> list[TestSet]:
        """Return what is tested on in each resample."""
        run = self.runs.get(split_of(test))
        name = name_of(test)
        repetitions = run.repetitions if run is not None else ()
        return [t for r in repetitions for t in r.check.tests if t.name == name]

    @param.depends("aligned", watch=True)
    def _follow(self, *, live: bool = False) -> None:
        """Bring errors at the budget up to date, and what hangs on them."""
        self._stale = False
        self._session.run("retrain now", self._errors, self._take_now, quiet=True, place="here")
        if not live:
            self._look()
            self._rank()

    def _take_now(self, found: tuple[dict[str, dict[str, Now]], dict[Any, Any]]) -> None:
        now, leading = found
        self.param.update(now=now, leading=leading)

    def _errors(
        self, monitor: Monitor = SILENT
    ) -> tuple[dict[str, dict[str, Now]], dict[tuple[str, str], dict[str, set[str]]]]:
        """Return the errors of every column at the budget, in every test, and who leads there."""
        analysis, found = self._session.analysis, {}
        leading: dict[tuple[str, str], dict[str, set[str]]] = {}
        if analysis is None:
            return {}, {}
        share = Budget(self._share())
        for split in {HOLD_OUT, split_of(self.outside or HOLD_OUT)} & set(self.runs):
            run = self.runs[split]
            errors: dict[str, list[dict[str, Any]]] = {}
            for each in run.repetitions:
                monitor.checkpoint()
                for column, prefixes in each.check.orders.items():
                    size = min(share.of(len(each.check.pool)), len(prefixes.order))
                    errors.setdefault(column, []).append(each.check.errors(column, size))
                errors.setdefault("whole", []).append(each.whole)
            for test in {split, *self._files} if split == HOLD_OUT else {split}:
                name = name_of(test)
                found[test] = {
                    who: summed_up([one[name] for one in several if name in one])
                    for who, several in errors.items()
                    if any(name in one for one in several)
                } | self._model_errors(run, test)
            leading |= self._leading(run, split, share)
        return found, leading

    @staticmethod
    def _leading(run: Run, split: str, share: Budget) -> dict[tuple[str, str], dict[str, set[str]]]:
        """Return by potential which columns lead, or are tied with who leads, at the budget."""
        found: dict[tuple[str, str], dict[str, set[str]]] = {}
        grounds = (run.ground, *run.ground.beside)
        if len(grounds) < 2 or not run.repetitions:
            return {}
        columns = list(run.repetitions[0].check.orders)
        for at, ground in enumerate(grounds):
            label = potential_of(ground.equations.design.basis.spec).label
            errors: list[list[Any]] = []
            for column in columns:
                own = []
                for each in run.repetitions:
                    check = each.check if at == 0 else each.beside[at - 1].check
                    size = min(share.of(len(check.pool)), len(check.orders[column].order))
                    own.append(check.errors(column, size)[name_of(split)][0])
                errors.append(own)
            for what, name in (("energy", "energy_rmse_mev_atom"), ("force", "force_rmse_ev_a")):
                values = [np.array([getattr(one, name) for one in own]) for own in errors]
                best = {columns[k] for k in winners(values)}
                found.setdefault((split, what), {})[label] = best
        return found

    def _model_errors(self, run: Run, test: str) -> dict[str, Now]:
        """Return the errors of other models on the structures of a test, resample by resample."""
        key = (test, self.aligned, len(run.repetitions))
        if key not in self._model_nows:
            source = self._files.get(test, self._session.dataset)
            assert source is not None
            found: dict[str, list[Any]] = {}
            for at in range(len(run.repetitions)):
                for model, parity in self._model_parities(test, at).items():
                    found.setdefault(model, []).append(errors_of(parity, source))
            self._model_nows[key] = {model: summed_up(several) for model, several in found.items()}
        return self._model_nows[key]

    @param.depends("looked_at", watch=True)
    def _look(self) -> None:
        """Make the points of the parity plots, behind what the user waits for."""
        if not self.shown or self._session.analysis is None:
            return
        test, share, budget = self.looked_at, Budget(self._share()), self._session.budget
        run = self.runs.get(HOLD_OUT if test == LEFT_OUT else split_of(test))

        def work(monitor: Monitor) -> dict[str, Parity]:
            found = {}
            if run is not None and run.repetitions:
                for column in run.repetitions[0].check.orders:
                    monitor.checkpoint()
                    found[column] = self._parity(run, test, column, share, budget)
            return found | self._model_parities(test)

        def done(found: dict[str, Parity]) -> None:
            self.parities = found
            self._tell_errors({} if test.startswith(FILE) else found)

        self._session.run("retrain parity", work, done, quiet=True, place="here")

    def _tell_errors(self, parities: Mapping[str, Parity]) -> None:
        """Tell the maps the force errors of the columns, where atoms of the data were tested."""
        session, analysis = self._session, self._session.analysis
        own = [parities.get(str(column)) for column in range(len(session.slots))]
        if analysis is None or all(parity is None for parity in own):
            return
        errors = np.full((len(own), analysis.dataset.n_environments), np.nan)
        for row, parity in zip(errors, own, strict=True):
            if parity is not None:
                row[parity.atoms] = np.linalg.norm(parity.predicted_forces - parity.forces, axis=1)
        described = errors[:, analysis.descriptors.environments]
        session.find(FORCE_ERROR.name, tuple(described) if np.isfinite(described).any() else ())

    def _parity(self, run: Run, test: str, column: str, share: Budget, budget: int) -> Parity:
        """Return the points of a fit, structures as indices into the data set tested on."""
        ground = run.ground
        if test == LEFT_OUT:
            kept = self._kept(ground, int(column), budget)
            every = np.flatnonzero(~ground.equations.design.dataset.isolated)
            left = np.setdiff1d(every, kept)
            base = np.flatnonzero(ground.equations.design.dataset.isolated)
            fit = ground.equations.fit(np.concatenate([base, kept]))
            return self._in_data(ground, parity_of_fit(ground.equations, left, fit))
        check = run.repetitions[0].check
        size = share.of(len(check.pool))
        size = min(size, len(check.orders[column].order))
        parity = check.parity(column, size, name_of(test))
        return parity if test.startswith(FILE) else self._in_data(ground, parity)

    def _kept(self, ground: Ground, column: int, budget: int) -> IntArray:
        """Return the places in the equations of what a column keeps of the data set."""
        selection = self._session.every_slot[column].selection
        assert selection is not None
        return np.flatnonzero(np.isin(ground.structures, selection.structures[:budget]))

    def _in_data(self, ground: Ground, parity: Parity) -> Parity:
        """Return a parity whose structures and atoms are those of the open data set."""
        data = self._session.dataset
        assert data is not None
        structures = ground.structures[parity.structures]
        atoms = ragged_rows(data.structure_offsets, structures)
        return dataclasses.replace(parity, structures=structures, atoms=atoms)

    def _model_parities(self, test: str, resample: int = 0) -> dict[str, Parity]:
        """Return what other models predict for a test, as far as its file says."""
        whole, tests = self._predictions(test if test in self._files else ""), self.tests_of(test)
        if test in self._files or not tests:
            return whole
        data, ground = self._session.dataset, self.runs[split_of(test)].ground
        assert data is not None
        own = ground.structures[tests[resample].structures]
        return {model: each.take(data.structure_offsets, own) for model, each in whole.items()}

    def _predictions(self, file: str) -> dict[str, Parity]:
        """Return what other models predict for a file of the user's; "" is the open data set."""
        key = (file, self.aligned)
        if key not in self._predicted:
            data = self._files.get(file, self._session.dataset)
            assert data is not None
            labelled = data.energies is not None or data.forces is not None
            models = (find_predictions(data) if file else self.models) if labelled else ()
            self._predicted[key] = {
                each.model: parity_of_prediction(data, each, align=self.aligned) for each in models
            }
        return self._predicted[key]

    # ---- tables -----------------------------------------------------------------------------

    def table(self) -> pd.DataFrame:
        """Return all errors that are drawn: a row per method, budget, resample and test."""
        rows = []
        for run in self.runs.values():
            for r, each in enumerate(run.repetitions):
                for _, by_test, _ in rows_of(run.ground, r, each):
                    rows += by_test
        return pd.DataFrame(rows, columns=list(COLUMNS)).drop_duplicates(ignore_index=True)

    def report_tables(self) -> list[Table]:
        """Return the errors at the budget, a table for each test, as a report has them."""
        titles = {str(column): slot.title for column, slot in enumerate(self._session.slots)}
        titles["whole"] = title_of(WHOLE_POOL)
        found = []
        for test, known in self.now.items():
            # columns that are no longer shown may still be among them
            shown = [
                (titles.get(key, key), now.total)
                for key, now in known.items()
                if key in titles or not key.isdigit()
            ]
            rows = [(name, e.energy, e.energy_std, e.force, e.force_std) for name, e in shown]
            if not rows:
                continue
            note = (
                f"Mean and standard deviation of {max(e.resamples for _, e in shown)} resamples; "
                "every potential is trained on what its method picks of four fifths of the "
                "structures."
            )
            found.append(error_table(f"Retrained: {named_test(name_of(test))}", rows, [note]))
        return found

    def class_table(self, test: str) -> pd.DataFrame:
        """Return the errors at the budget by class: mean and deviation over the resamples."""
        slots, budget = self._session.every_slot, self._session.budget
        rows = []
        for key, now in self.now.get(test, {}).items():
            method = slots[int(key)].method if key.isdigit() else key
            method = WHOLE_POOL if key == "whole" else method
            for name, each in {"all": now.total, **now.classes}.items():
                rows.append(
                    {
                        "method": method,
                        "n_structures_kept": budget,
                        "test": name_of(test),
                        "config_type": name,
                        "n_test_structures": each.n_structures,
                        "resamples": each.resamples,
                        "energy_rmse_mev_atom": each.energy,
                        "energy_std": each.energy_std,
                        "force_rmse_ev_a": each.force,
                        "force_std": each.force_std,
                    }
                )
        return pd.DataFrame(rows)

    @param.depends("column", watch=True)
    def _rank(self) -> None:
        """Ask of each structure left out what it would bring."""
        run, budget, column = self.runs.get(HOLD_OUT), self._session.budget, self.column
        selection = self._session.every_slot[column].selection
        if run is None or not self.shown or selection is None:
            return
        ground = run.ground
        order = selection.structures[:budget]
        places = {int(s): at for at, s in enumerate(ground.structures)}
        kept = np.array([places[int(s)] for s in order if int(s) in places], dtype=np.int64)
        every = np.flatnonzero(~ground.equations.design.dataset.isolated)
        pool = np.setdiff1d(every, [places[s] for s in self._session.rejected if s in places])

        def work(monitor: Monitor) -> PutBack:
            check = dataclasses.replace(ground.check(0), pool=pool).with_order("kept", kept)
            found = check.put_back("kept", len(kept), monitor=monitor)
            return dataclasses.replace(found, structures=ground.structures[found.structures])

        def done(found: PutBack) -> None:
            self.put_back = found

        self._session.run("retrain put back", work, done, quiet=True, place="here")
