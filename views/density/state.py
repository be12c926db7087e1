"""State of the Density stage: what a user looks at, and the work behind it. No Panel here."""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import param

from analytics.claims.claim import Answer
from analytics.density.claims import check_claims
from analytics.density.pictures import DensitySlice, density_slice
from analytics.density.pruning import PRUNINGS
from analytics.density.readers import EMBEDDED
from analytics.density.results import DensityResults, precomputed
from analytics.density.study import (
    FULL,
    ModelResult,
    ModelTask,
    Study,
    model_tasks,
    vary_study,
)
from analytics.density.surrogate import NetworkSpec
from analytics.runtime.cache import shared_cache
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor, Part
from views.density.measured import Figure, Measured, effective
from views.density.prepared import Prepared, prepare, prepare_once, ready
from views.density.work import (
    Chosen,
    choose_points,
    head_of,
    study_with_energies,
    suggested,
    train_for_slice,
    train_one,
)
from views.state.choices import choose
from views.state.jobs import Place, side_by_side
from views.state.session import Session

__all__ = ["BETAS", "CHOICES", "DEFAULT_METHODS", "SHARES", "DensityState"]

DEFAULT_METHODS = ("random", "ccs", "grand")
#: Shares that the slider offers, in steps that look even on a logarithmic scale.
SHARES = (0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.003, 0.002, 0.001)
SNAPSHOT_SHARES = (0.5, 0.25, 0.1, 0.05)
BETAS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
#: Shares that are trained by default; the one on the slider joins them.
TRAINED = {"points": (0.5, 0.1, 0.05, 0.01, 0.001), "snapshots": SNAPSHOT_SHARES}
#: What a user chooses besides the system and the plane.
CHOICES = (
    "unit", "kept", "methods", "beta", "strata", "scale", "seeds", "energy", "origin",
    "slice_column",
)  # fmt: skip
#: Methods that answer within a fraction of a second; others show progress.
QUICK = frozenset({"random", "ccs", "grand", "el2n", "log_density"})


class DensityState(param.Parameterized):
    """System, settings, results and models of one user's Density stage."""

    system = param.String("", doc="Embedded system by name; empty for the user's own files.")
    paths = param.List([], item_type=str, doc="The user's own files, where they are shown.")
    species = param.String("", doc="Elements of the types of those files, 1=Si,2=O.")
    asked = param.List([], item_type=str, doc="Types of atoms whose elements a file leaves open.")
    title = param.String("", doc="Name of the system as a user reads it.")
    prepared = param.ClassSelector(class_=Prepared, doc="Described points; None until ready.")
    results = param.ClassSelector(class_=DensityResults, doc="The comparison that is shown.")
    trained = param.ClassSelector(class_=DensityResults, doc="The comparison trained here.")
    origin = param.Selector(
        default="precomputed", objects=["precomputed", "trained"], doc="Which one is wanted."
    )
    methods = param.Tuple(default=DEFAULT_METHODS, length=3, doc="Method of each column.")
    kept = param.Number(0.01, bounds=(0, 1), doc="Share of the points, or snapshots, kept.")
    unit = param.Selector(
        default="points", objects=["points", "snapshots"], doc="What is kept or dropped."
    )
    beta = param.Number(0.05, bounds=(0, 0.95), doc="Hardest points that CCS leaves out.")
    strata = param.Integer(50, bounds=(2, 1000), doc="Strata of CCS and of log density.")
    scale = param.Selector(
        default="linear", objects=["linear", "log"], doc="Strata of CCS: equal in score or its log."
    )
    seeds = param.Integer(3, bounds=(1, 10), doc="Models per method and share.")
    energy = param.Boolean(False, doc="Whether training also computes errors in energy.")
    chosen = param.Tuple(default=(None,) * 3, length=3, doc="What each column keeps: `Chosen`.")
    training = param.Boolean(False, doc="Whether a comparison is being trained.")
    arrived = param.Tuple(default=(0, 0), length=2, doc="Models trained so far, and in all.")
    slice_column = param.Integer(1, bounds=(0, 3), doc="Column of the model; 3: all data.")
    snapshot = param.Integer(0, bounds=(0, None), doc="Snapshot that is cut.")
    axis = param.Integer(2, bounds=(0, 2), doc="Cell vector that leads out of the plane.")
    position = param.Number(0.5, bounds=(0, 1), doc="Where along that vector.")
    cut = param.ClassSelector(class_=DensitySlice, doc="The plane, if there is a model for it.")
    cut_model = param.ClassSelector(class_=ModelResult, doc="The model of the plane.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._found: dict[Any, Chosen] = {}  # of the columns, by their keys
        self._stream: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._measured: Measured | None = None
        self._rows: list[dict[str, Any]] = []
        self._back: Mapping[str, Any] = {}  # of a saved session, until there are points for it
        session.on_cancel(self._on_cancel)
        self.param.watch(
            self._follow,
            ["prepared", "methods", "kept", "unit", "beta", "strata", "scale"],
        )

    # ---- shorthands -------------------------------------------------------------------------

    @property
    def options(self) -> dict[str, dict[str, Any]]:
        """Options by method, as the sliders say."""
        ccs = {"beta": self.beta, "strata": self.strata, "scale": self.scale}
        return {"ccs": ccs, "log_density": {"strata": self.strata}}

    @property
    def measured(self) -> Measured | None:
        """The figures of the comparison that is shown."""
        if self.results is None:
            return None
        if self._measured is None or self._measured.results is not self.results:
            self._measured = Measured(self.results)
        return self._measured

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is known of the system."""
        found: dict[str, Any] = dict(self.prepared.head.facts) if self.prepared else {}
        for results in (self.shipped("points"), self.results):
            found |= {k: v for k, v in (results.facts if results else {}).items() if v is not None}
        return found

    @property
    def study(self) -> Study | None:
        """The prepared study with the options of the sliders."""
        if self.prepared is None:
            return None
        return vary_study(self.prepared.study, unit=self.unit, options=self.options)

    def shipped(self, unit: str | None = None) -> DensityResults | None:
        """Return the precomputed comparison of the system, if there is one."""
        return precomputed(self.system, unit or self.unit) if self.system else None

    @property
    def n_candidates(self) -> int:
        """How many points, or snapshots, there are to keep from."""
        name = "n_points" if self.unit == "points" else "n_train"
        return int(self.facts.get(name, 0))

    @property
    def shares(self) -> tuple[float, ...]:
        """Shares that the slider offers, descending."""
        if self.unit == "points":
            return SHARES
        n = max(1, self.n_candidates)
        return tuple(s for s in SNAPSHOT_SHARES if s * n >= 0.5) or (1.0,)

    def claims(self) -> tuple[Answer, ...]:
        """Hold the published claims against the results shown."""
        return check_claims(self.results) if self.results is not None else ()

    def label(self, column: int) -> str | None:
        """Return the name that the results shown have for the method of a column."""
        measured = self.measured
        return measured.label(self.methods[column], self.options) if measured else None

    def figure(self, column: int, quantity: str) -> tuple[Figure | None, float | None]:
        """Return a figure of a column at the share measured that is nearest, and that share."""
        measured = self.measured
        if measured is None:
            return None, None
        label = self.label(column)
        share = measured.nearest(label, self.kept)
        return (None, None) if share is None else (measured.figure(label, share, quantity), share)

    # ---- systems ----------------------------------------------------------------------------

    def open_system(self, system: str, *, prepare: bool = True) -> None:
        """Show an embedded system: its precomputed results at once, its points when described."""
        self._session.stop("density open")
        self._take(system, EMBEDDED[system], None, precomputed(system))
        if prepare:
            self.prepare()

    def prepare(self) -> None:
        """Describe the points of the embedded system on show, unless somebody has before."""
        system, known = self.system, ready(self.system)

        def done(prepared: Prepared) -> None:
            if self.system == system:
                own = {} if self.results is not None else suggested(prepared)
                self.param.update(prepared=prepared, **own, **self._plane(prepared))
                self._bring_back_plane()

        if known is not None:
            done(known)
            return
        shipped = precomputed(system)
        dimension = shipped is None or "intrinsic_dimension" not in shipped.facts

        def make(monitor: Monitor) -> Prepared:
            return self._session.compute(
                prepare, system, dimension, "", name="describing densities", monitor=monitor
            )

        self._session.run("density open", lambda monitor: prepare_once(system, make, monitor), done)

    def open_files(self, paths: Sequence[str | Path], species: str = "") -> None:
        """Read and describe a user's own files; what is shown stays until that has worked.

        Patterns such as ``run/*/CHGCAR`` stand for the files that they match; `species` names the
        elements of types where the files do not (``1=Si,2=O``).
        """

        def work(monitor: Monitor) -> Prepared:
            return self._session.compute(
                prepare, self._session.places.expanded(paths), True, species,
                name="describing densities", monitor=monitor,
            )  # fmt: skip

        def done(prepared: Prepared) -> None:
            self._take("", prepared.data.name, prepared, None)
            self.param.update(paths=[str(path) for path in paths], species=species, asked=[])
            self._bring_back_settings()
            self._bring_back_plane()

        def failed(error: Exception) -> None:
            what, *types = error.asks if isinstance(error, InputError) and error.asks else ("",)
            self.asked = types if what == "species" else []

        self._session.run("density open", work, done, failed=failed)

    def bring_back(self, chosen: Mapping[str, Any]) -> None:
        """Show the system and the settings that a saved session says."""
        self._back = chosen
        system, paths = chosen.get("system"), chosen.get("paths")
        if isinstance(paths, list) and paths and all(isinstance(p, str) for p in paths):
            species = chosen.get("species")
            self.open_files(paths, species if isinstance(species, str) else "")
            return
        if system in EMBEDDED and system != self.system:
            self.open_system(system)
        self._bring_back_settings()
        if self.prepared is not None:
            self._bring_back_plane()

    def _bring_back_settings(self) -> None:
        chosen = dict(self._back)
        methods = chosen.get("methods", ())
        if not isinstance(methods, list) or not set(map(str, methods)) <= {*PRUNINGS}:
            chosen.pop("methods", None)
        choose(self, CHOICES, chosen)
        self._choose()

    def _bring_back_plane(self) -> None:
        chosen, self._back = self._back, {}
        snapshot = chosen.get("snapshot")
        if isinstance(snapshot, int) and snapshot < self.prepared.data.n_snapshots:
            choose(self, ("snapshot", "axis", "position"), {"axis": 2, "position": 0.5, **chosen})

    def _take(
        self, system: str, title: str, prepared: Prepared | None, shipped: DensityResults | None
    ) -> None:
        """Show a system with the settings that suit it."""
        self._stop_training()
        self._found = {}
        ccs: dict[str, Any] = {"beta": 0.05, "scale": "linear"}
        if prepared is not None:
            ccs = suggested(prepared)
        elif shipped is not None:
            ccs = dict(shipped.settings["options"]["ccs"])
        values = {"system": system, "title": title, "prepared": prepared, "trained": None}
        values |= {"paths": [], "species": "", "asked": []}
        values |= {"results": shipped, "origin": "precomputed", "unit": "points", "strata": 50}
        values |= {"beta": float(ccs["beta"]), "scale": str(ccs["scale"]), "energy": False}
        values["kept"] = self.kept if self.kept in SHARES else 0.01
        values |= {"chosen": (None,) * 3, "cut": None, "cut_model": None, "arrived": (0, 0)}
        self.param.update(**values, **(self._plane(prepared) if prepared else {}))

    @staticmethod
    def _plane(prepared: Prepared) -> dict[str, Any]:
        """Return the plane worth seeing first: most electrons, of a snapshot to learn from."""
        snapshot = int(prepared.study.split.train[0])
        density = prepared.data.density_of(snapshot).sum(axis=(0, 1))
        position = int(density.argmax()) / len(density)
        return {"snapshot": snapshot, "axis": 2, "position": position}

    def show(self, origin: str) -> None:
        """Show the precomputed results, or those trained here."""
        self.origin = origin
        self._choose()

    def _choose(self) -> None:
        """Put the results on show that are wanted, or else those there are."""
        own = self.trained if self.trained is not None and self.trained.unit == self.unit else None
        shipped = self.shipped()
        self.results = (own or shipped) if self.origin == "trained" else (shipped or own)

    def set_unit(self, unit: str) -> None:
        """Keep grid points, or whole snapshots."""
        if unit == self.unit:
            return
        with param.parameterized.batch_call_watchers(self):
            self.unit = unit
            self.kept = min(self.shares, key=lambda s: abs(np.log(s / self.kept)))
            self._choose()

    def choose(self, column: int, method: str) -> None:
        """Put another method into a column."""
        methods = list(self.methods)
        methods[column] = method
        self.methods = tuple(methods)

    # ---- what is kept -----------------------------------------------------------------------

    def _key(self, column: int) -> tuple[Any, ...]:
        return (self.unit, self.kept, effective(self.methods[column], self.options))

    def _follow(self, *_: Any) -> None:
        """Find what every column keeps; methods that take their time show progress."""
        if self.prepared is None:
            return
        self._show_kept()
        missing = [c for c in range(3) if self.chosen[c] is None]
        quick = [c for c in missing if self.methods[c] in QUICK or self.unit == "snapshots"]
        if quick:
            self._keep("density kept", quick, quiet=True)
        for column in missing:
            if column not in quick:
                self._keep(f"density kept {column}", [column], quiet=False)

    def _keep(self, stage: str, columns: list[int], *, quiet: bool) -> None:
        prepared, study, kept = self.prepared, self.study, self.kept
        assert study is not None
        wanted = {self._key(c): self.methods[c] for c in columns}

        def choose(key: Any, monitor: Monitor) -> Chosen:
            def make(monitor: Monitor) -> Chosen:
                if quiet:
                    return choose_points(prepared, study, wanted[key], kept, monitor)
                return self._session.compute(
                    choose_points, prepared, study, wanted[key], kept,
                    name="choosing density points", monitor=monitor,
                )  # fmt: skip

            return shared_cache().result(prepared.key("kept", key), make, monitor=monitor)

        def done(found: dict[Any, Chosen]) -> None:
            if self.prepared is prepared:
                self._found |= found
                self._show_kept()

        def work(monitor: Monitor) -> dict[Any, Chosen]:
            return {key: choose(key, monitor) for key in wanted}

        place: Place = "here" if quiet else "workers"
        self._session.run(stage, work, done, place=place, quiet=quiet)

    def _show_kept(self) -> None:
        keys = [self._key(column) for column in range(3)]
        held = {key: shared_cache().get(self.prepared.key("kept", key)) for key in keys}
        self._found = held | {key: self._found[key] for key in keys if self._found.get(key)}
        self.chosen = tuple(self._found[key] for key in keys)

    # ---- training ---------------------------------------------------------------------------

    def train(self) -> None:
        """Train the comparison of the three columns; results show as they arrive."""
        prepared = self.prepared
        if self.training or prepared is None:
            return
        methods, unit = tuple(dict.fromkeys(self.methods)), self.unit
        kept = tuple(sorted({*TRAINED[unit], self.kept} & {*self.shares, self.kept}, reverse=True))
        changes: dict[str, Any] = {"methods": methods, "options": self.options, "kept": kept}
        changes |= {"seeds": self.seeds, "unit": unit, "third": unit == "points"}
        stream = self._stream = queue.SimpleQueue()
        self._rows, energy, facts = [], self.energy, dict(self.facts)

        compute = self._session.compute

        def work(monitor: Monitor) -> None:
            study = prepared.study
            if energy:
                part = Part(monitor, 0.0, 0.2)
                study = compute(study_with_energies, study, name="energies", monitor=part)
            study = vary_study(study, **changes)
            head = compute(head_of, study, name="counting points", monitor=monitor)
            extra = {k: v for k, v in facts.items() if k.startswith("intrinsic")}
            tasks = model_tasks(study.spec)
            stream.put((replace(head, facts={**head.facts, **extra}), len(tasks)))

            def train(task: ModelTask) -> Callable[[Monitor], Any]:
                return lambda stop: compute(
                    train_one, study, task, name="training density models", monitor=stop
                )

            part, most = Part(monitor, 0.2 if energy else 0.0, 1.0), study.spec.workers
            for model in side_by_side([train(t) for t in tasks], most, part, "training models"):
                stream.put(model)

        def done(_: None) -> None:
            self._drain()
            self.training = False

        def failed(_: Exception) -> None:
            self._drain()
            self.training = False

        self.param.update(training=True, arrived=(0, 0))
        self._session.run(
            "density train", work, done, failed=failed, again=self.train, tick=self._drain
        )

    def _drain(self) -> None:
        """Show the models that have arrived."""
        head, count, new = self.trained, self.arrived[1], False
        while True:
            try:
                item, more = self._stream.get_nowait()
            except queue.Empty:
                break
            new = True
            if isinstance(item, DensityResults):
                head, count = item, more
            else:
                self._rows.append(more)
                self._remember(head, item)
        if not new or head is None:
            return
        order = {m: at for at, m in enumerate((FULL, *head.settings["methods"]))}
        self._rows.sort(key=lambda r: (order[r["method"]], -r["kept"], -r["steps"], r["seed"]))
        head = replace(head, rows=tuple(self._rows))
        with param.parameterized.batch_call_watchers(self):
            self.param.update(arrived=(len(self._rows), count))
            if self._rows:  # until the first has arrived, what was there before stays
                self.param.update(trained=head, origin="trained")
                self._choose()
            else:
                self.trained = head

    def _remember(self, head: DensityResults, model: ModelResult) -> None:
        if model.seed == 0 and model.steps == head.settings["network"]["steps"]:
            meaning = effective(model.method, head.settings["options"])
            kept = 1.0 if model.method == FULL else model.kept
            self._hold(self.prepared, (head.unit, kept, meaning, model.steps), model)

    @staticmethod
    def _hold(prepared: Prepared, key: tuple[Any, ...], model: ModelResult) -> None:
        shared_cache().result(prepared.key("model", *key), lambda _: model)

    def _stop_training(self) -> None:
        self._drain()
        if self.training:
            self._session.stop("density train")
        self.training = False

    def _on_cancel(self) -> None:
        """Keep what has arrived; ask again for what takes no time."""
        self._drain()
        self.training = False
        self.param.trigger("cut")
        if self.prepared is not None and any(c is None for c in self.chosen):
            quick = [c for c in range(3) if self.chosen[c] is None and self.methods[c] in QUICK]
            if quick:
                self._keep("density kept", quick, quiet=True)

    # ---- slice ------------------------------------------------------------------------------

    @property
    def steps(self) -> int:
        """Steps of training of the models behind the results shown."""
        return (self.results.steps if self.results else 0) or NetworkSpec().steps

    def _model_key(self) -> tuple[Any, ...]:
        if self.slice_column == 3:
            return (self.unit, 1.0, (FULL, ()), self.steps)
        return (*self._key(self.slice_column), self.steps)

    @property
    def model(self) -> ModelResult | None:
        """The model for the slice, if it has been trained."""
        if self.prepared is None:
            return None
        key = self.prepared.key("model", *self._model_key())
        found: ModelResult | None = shared_cache().get(key)
        return found

    def draw_slice(self, *, train: bool = False) -> None:
        """Cut the plane; a model that is missing is trained first, if it may be."""
        if self.prepared is None:
            return
        model = self.model
        if model is not None:
            self._cut(model)
        elif train and not self.training:
            self._train_model()
        else:
            self.param.update(cut=None, cut_model=None)

    def _train_model(self) -> None:
        prepared, key, study = self.prepared, self._model_key(), self.study
        assert study is not None
        study = vary_study(study, network=NetworkSpec(steps=self.steps))
        method = FULL if self.slice_column == 3 else self.methods[self.slice_column]
        kept = key[1]

        def work(monitor: Monitor) -> ModelResult:
            return self._session.compute(
                train_for_slice, study, method, kept,
                name="training a density model", monitor=monitor,
            )  # fmt: skip

        def done(model: ModelResult) -> None:
            if self.prepared is prepared:
                self._hold(prepared, key, model)
                if key == self._model_key():
                    self._cut(model)

        self._session.run("density model", work, done)

    def _cut(self, model: ModelResult) -> None:
        study, place = self.prepared.study, (self.snapshot, self.axis, self.position)

        def work(monitor: Monitor) -> DensitySlice:
            return density_slice(study, model, place[0], axis=place[1], position=place[2])

        def done(found: DensitySlice) -> None:
            if self.prepared is not None and self.prepared.study is study:
                self.param.update(cut=found, cut_model=model)

        self._session.run("density cut", work, done, place="here", quiet=True)
