"""Density study: models trained on pruned data side by side, result by result."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from analytics.density.baseline import Superposition, fit_superposition
from analytics.density.descriptor import PointSpec
from analytics.density.energy_check import EnergyCheck, prepare_energies
from analytics.density.grid import DensityData
from analytics.density.points import PointSet, Split, describe_set, split_snapshots, suggest
from analytics.density.pruning import (
    ALIASES,
    PRUNINGS,
    Candidates,
    method_and_options,
    prune,
)
from analytics.density.scores import Scores, ScoreSpec, score_points
from analytics.density.surrogate import TARGETS, Network, NetworkSpec, Single, steps_of, train
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.errors import Cancelled, WinnowError
from analytics.runtime.parallel import single_thread
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value
from analytics.selection.base import Budget

__all__ = [
    "FULL",
    "ModelResult",
    "ModelTask",
    "Study",
    "StudySpec",
    "compare_density",
    "keep_points",
    "model_tasks",
    "prepare_study",
    "spec_for",
    "train_model",
    "train_task",
    "vary_study",
]

#: Method name of the models that learn from everything.
FULL = "full"
#: Seconds between two questions whether to stop while models train.
PATIENCE = 0.1


@dataclass(frozen=True)
class StudySpec:
    """What is compared, and how.

    Attributes
    ----------
    methods : tuple of str
        Names in `PRUNINGS`, with options where a method is to run with several:
        ``ccs:beta=0.1:scale=log``. Other options are those of `options`.
    options : mapping
        Options by method; those not given keep their defaults.
    kept : tuple of float
        Shares of the points (or snapshots) that are kept.
    seeds : int
        Models per method and share; seeds 0, 1, ...
    unit : str
        "points", or "snapshots": whole ones, which is what saves calculations.
    target : str
        What the network learns: "density" or "root".
    scaling : str
        Where mean and spread come from that bring the target to order one: "pool", all points to
        learn from, the same for every model; or "kept", only what the model learns from. With
        "kept", importance methods on molecules fail by extrapolating far from their mean as much
        as by what they left out.
    third : bool
        Also train each subset of the smallest share but one for a third of the steps.
    energy : bool
        Also compute the error in energy, which needs PySCF.
    pool_limit, test_limit : int
        Points of larger data are drawn at random.
    test_share : float
        Share of the snapshots to test on where the data does not say which.
    workers : int
        Models trained at a time.
    """

    methods: tuple[str, ...] = ("random", "ccs", "grand")
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    kept: tuple[float, ...] = (0.5, 0.1, 0.05, 0.01, 0.001)
    seeds: int = 3
    unit: str = "points"
    points: PointSpec = field(default_factory=PointSpec)
    network: NetworkSpec = field(default_factory=NetworkSpec)
    scores: ScoreSpec = field(default_factory=ScoreSpec)
    target: str = "density"
    scaling: str = "pool"
    third: bool = False
    energy: bool = False
    energy_snapshots: int = 2
    pool_limit: int = 400_000
    test_limit: int = 120_000
    test_share: float = 0.2
    workers: int = 2

    def __post_init__(self) -> None:
        """Refuse what cannot be compared; bring method names to their full form."""
        object.__setattr__(self, "methods", tuple(ALIASES.get(m, m) for m in self.methods))
        for method in self.methods:
            if method != FULL:
                method_and_options(method)
        for share in self.kept:
            if not (isinstance(share, float) and 0.0 < share <= 1.0):
                raise WinnowError(f"kept is {share}, not a share above 0.0 and up to 1.0 (all)")
        if self.unit not in ("points", "snapshots"):
            raise WinnowError(f"unit is {self.unit!r}, neither points nor snapshots")
        if self.scaling not in ("pool", "kept"):
            raise WinnowError(f"scaling is {self.scaling!r}, neither pool nor kept")
        if self.target not in TARGETS:
            raise WinnowError(f"target is {self.target!r}, none of {', '.join(TARGETS)}")
        if self.seeds < 1 or self.workers < 1:
            raise WinnowError("seeds and workers are 1 or more")


def spec_for(data: DensityData, **changes: Any) -> StudySpec:
    """Return the settings that suit a system, with the changes named."""
    found = suggest(data)
    options = {"ccs": {"beta": found.beta, "scale": found.scale}}
    spec = StudySpec(points=PointSpec(cutoff=found.cutoff), target=found.target, options=options)
    return replace(spec, **changes)


@dataclass(frozen=True)
class Study(Value):
    """Everything that all models of a comparison share.

    Attributes
    ----------
    data : DensityData
    spec : StudySpec
    split : Split
    pool, test, unseen : PointSet
        Described points, features standardised by the pool.
    mean, scale : float32 array (d,)
    scores : Scores, optional
        Of the points of the pool, if a method needs them.
    baseline : Superposition
        Fitted spherical atoms: what any model should beat.
    energies : EnergyCheck, optional
    """

    data: DensityData
    spec: StudySpec
    split: Split
    pool: PointSet
    test: PointSet
    unseen: PointSet
    mean: Single
    scale: Single
    scores: Scores | None
    baseline: Superposition
    energies: EnergyCheck | None = None

    def candidates(self) -> Candidates:
        """Return what the methods pick from: points, or whole snapshots."""
        points = Candidates(self.pool.features, self.pool.density, self.scores)
        return points if self.spec.unit == "points" else _by_snapshot(self, points)

    def predict(self, network: Network, features: Single) -> FloatArray:
        """Return the density, e/bohr^3, that a network predicts for standardised features."""
        back = TARGETS[self.spec.target][1]
        return np.asarray(back(network.predict(features).astype(np.float64)))


@dataclass(frozen=True)
class ModelResult(Value):
    """One model and how good it is.

    Attributes
    ----------
    system, method : str
    kept : float
        The share asked for.
    seed : int
    n_points, n_snapshots : int
        Points learned from, and snapshots they are from.
    density_error_pct : float
        Integrated absolute error on the test snapshots, % of the electrons, mean.
    nrmse : float
        Root mean square error on the same, over the standard deviation of the density.
    unseen_error_pct : float
        As `density_error_pct`, on conditions that the training data does not have.
    by_condition : tuple of (condition, percent)
        The same for each condition, seen and unseen.
    electrons_kept_pct : float
        Electrons that the kept points stand for.
    energy_error_mev_atom : float
        Mean absolute error of one Harris-Foulkes step; NaN where not computed.
    train_seconds : float
        Processor time of the training; other models train at the same time.
    steps : int
    rows : int array (n_points,)
        Kept points, as rows of the pool.
    network : Network
    """

    system: str
    method: str
    kept: float
    seed: int
    n_points: int
    n_snapshots: int
    density_error_pct: float
    nrmse: float
    unseen_error_pct: float
    by_condition: tuple[tuple[str, float], ...]
    electrons_kept_pct: float
    energy_error_mev_atom: float
    train_seconds: float
    steps: int
    rows: IntArray
    network: Network


def _by_snapshot(study: Study, points: Candidates) -> Candidates:
    """Return means over the points of each snapshot to learn from."""
    owner = np.searchsorted(study.split.train, study.pool.snapshots)
    n = len(study.split.train)
    sizes = np.bincount(owner, minlength=n)

    def mean(values: FloatArray) -> FloatArray:
        return np.bincount(owner, weights=values, minlength=n) / sizes

    columns = [mean(points.features[:, k]) for k in range(points.features.shape[1])]
    scores = points.scores
    if scores is not None:
        scores = Scores(frozen(mean(scores.grand)), frozen(mean(scores.el2n)))
    density = np.exp(mean(np.log(np.maximum(points.density, 1e-6))))
    return Candidates(frozen(np.stack(columns, axis=1), np.float32), density, scores)


# ------------------------------------------------------------------------------- preparation


def _needs_scores(spec: StudySpec) -> bool:
    names = [method_and_options(m)[0] for m in spec.methods if m != FULL]
    return any(PRUNINGS[name].needs_scores for name in names)


def prepare_study(data: DensityData, spec: StudySpec, *, monitor: Monitor = SILENT) -> Study:
    """Split, describe, score and fit the baseline: what is done once before models are trained."""
    split = split_snapshots(data, spec.test_share)
    sets = []
    for at, (snapshots, limit) in enumerate(
        [(split.train, spec.pool_limit), (split.test, spec.test_limit),
         (split.unseen, spec.test_limit)]
    ):  # fmt: skip
        start, stop = ((0.0, 0.4), (0.4, 0.5), (0.5, 0.6))[at]
        part = Part(monitor, start, stop, "describing points")
        sets.append(describe_set(data, snapshots, spec.points, limit=limit, monitor=part))
    mean = sets[0].features.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = sets[0].features.std(axis=0, dtype=np.float64).astype(np.float32)
    scale = np.where(scale > 1e-8, scale, np.float32(1.0)).astype(np.float32)
    pool, test, unseen = (s.standardised(mean, scale) if len(s) else s for s in sets)
    monitor.report(0.6, "fitting spherical atoms")
    baseline = fit_superposition(data, split, test, monitor=monitor)
    scores = None
    with single_thread():
        if _needs_scores(spec):
            targets = TARGETS[spec.target][0](pool.density)
            scores = score_points(
                pool.features, targets, spec.scores, width=spec.network.width,
                monitor=Part(monitor, 0.7, 0.9),
            )  # fmt: skip
        energies = None
        if spec.energy:
            energies = prepare_energies(
                data, split, spec.points, mean, scale, baseline, spec.energy_snapshots,
                monitor=Part(monitor, 0.9, 1.0),
            )  # fmt: skip
    return Study(data, spec, split, pool, test, unseen, mean, scale, scores, baseline, energies)


def vary_study(study: Study, **changes: Any) -> Study:
    """Return a study with other settings that needs no new preparation.

    Parameters
    ----------
    study : Study
    **changes
        Fields of `StudySpec`: methods, options, kept, seeds, unit, network, scaling, third or
        workers.

    Raises
    ------
    ValueError
        If a change would make other points, descriptors, scores or energies necessary.
    """
    free = {"methods", "options", "kept", "seeds", "unit", "network", "scaling", "third", "workers"}
    fixed = sorted(set(changes) - free)
    if fixed:
        raise ValueError(f"{', '.join(fixed)} cannot change without preparing the study anew")
    spec = replace(study.spec, **changes)
    if study.scores is None and _needs_scores(spec):
        raise ValueError("the study was prepared without scores")
    return replace(study, spec=spec)


# ------------------------------------------------------------------------------- models


@dataclass(frozen=True, slots=True)
class ModelTask:
    """One model to train: its method, the share it keeps, its seed, and steps if not all."""

    method: str
    kept: float
    seed: int
    steps: int | None = None


def model_tasks(spec: StudySpec) -> list[ModelTask]:
    """List the models, first seeds first, so that whole curves appear early."""
    shares = sorted(set(spec.kept), reverse=True)
    methods = [m for m in dict.fromkeys(spec.methods) if m != FULL]
    tasks = []
    for seed in range(spec.seeds):
        tasks.append(ModelTask(FULL, 1.0, seed))
        tasks += [ModelTask(m, share, seed) for share in shares for m in methods]
        if spec.third and spec.network.epochs == 0:
            steps = spec.network.steps // 3
            near = min(shares, key=lambda share: abs(np.log(share / 0.01)))
            tasks.append(ModelTask(FULL, 1.0, seed, steps))
            tasks += [ModelTask(m, near, seed, steps) for m in methods if m in ("random", "ccs")]
    return tasks


def _kept_rows(study: Study, candidates: Candidates, task: ModelTask, monitor: Monitor) -> IntArray:
    if task.method == FULL:
        return np.arange(len(study.pool))
    size = Budget(task.kept).of(len(candidates))
    name, own = method_and_options(task.method)
    options = {**study.spec.options.get(name, {}), **own}
    kept = prune(candidates, name, size, spec=options, seed=task.seed, monitor=monitor)
    if study.spec.unit == "points":
        return kept
    owner = np.searchsorted(study.split.train, study.pool.snapshots)
    return np.flatnonzero(np.isin(owner, kept))


def _errors(study: Study, network: Network, points: PointSet) -> tuple[IntArray, FloatArray, float]:
    """Return snapshots, integrated absolute errors in % of the electrons, and the NRMSE."""
    predicted = study.predict(network, points.features)
    difference = predicted - points.density
    snapshots, owner = np.unique(points.snapshots, return_inverse=True)
    sums = np.bincount(owner, weights=np.abs(difference))
    element = study.data.volume_elements / points.shares / study.data.electrons
    spread = float(points.density.std())
    nrmse = float(np.sqrt(np.mean(difference**2))) / (spread if spread > 0 else 1.0)
    return snapshots, 100.0 * sums * element[snapshots], nrmse


def _evaluated(
    study: Study,
    task: ModelTask,
    rows: IntArray,
    network: Network,
    seconds: float,
    monitor: Monitor,
) -> ModelResult:
    monitor.checkpoint()
    snapshots, percent, nrmse = _errors(study, network, study.test)
    found = [(study.data.conditions[s], p) for s, p in zip(snapshots, percent, strict=True)]
    unseen = np.nan
    if len(study.unseen):
        others, theirs, _ = _errors(study, network, study.unseen)
        unseen = float(theirs.mean())
        found += [(study.data.conditions[s], p) for s, p in zip(others, theirs, strict=True)]
    names = dict.fromkeys(str(name) for name, _ in found)
    conditions = tuple(
        (name, float(np.mean([p for other, p in found if other == name]))) for name in names
    )
    electrons = study.pool.electrons(study.data)
    energy = np.nan
    if study.energies is not None:
        energy = study.energies.error(lambda f: study.predict(network, f), monitor)
    return ModelResult(
        system=study.data.name,
        method=task.method,
        kept=task.kept,
        seed=task.seed,
        n_points=len(rows),
        n_snapshots=len(np.unique(study.pool.snapshots[rows])),
        density_error_pct=float(percent.mean()),
        nrmse=nrmse,
        unseen_error_pct=unseen,
        by_condition=conditions,
        electrons_kept_pct=100.0 * float(electrons[rows].sum() / electrons.sum()),
        energy_error_mev_atom=energy,
        train_seconds=seconds,
        steps=task.steps or steps_of(study.spec.network, len(rows)),
        rows=frozen(rows),
        network=network,
    )


def _run(study: Study, candidates: Candidates, task: ModelTask, monitor: Monitor) -> ModelResult:
    rows = _kept_rows(study, candidates, task, monitor)
    targets = TARGETS[study.spec.target][0](study.pool.density)
    shared = (float(targets.mean()), float(targets.std()))
    begin = time.thread_time()  # BLAS works in this thread; time on the clock depends on the load
    network = train(
        study.pool.features,
        targets,
        study.spec.network,
        seed=task.seed,
        rows=rows,
        steps=task.steps,
        scaling=shared if study.spec.scaling == "pool" else None,
        checkpoint=monitor.checkpoint,
    )
    return _evaluated(study, task, rows, network, time.thread_time() - begin, monitor)


class _Stop:
    """A monitor for worker threads: silent, and told by an event to stop."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def report(self, fraction: float, message: str = "") -> None:
        """Do nothing."""

    def checkpoint(self) -> None:
        """Raise once the event is set."""
        if self.event.is_set():
            raise Cancelled


def compare_density(study: Study, *, monitor: Monitor = SILENT) -> Iterator[ModelResult]:
    """Train every model of a study and yield each as it is done.

    Models on everything (method "full") are always among them. The order depends on the speed
    of the machine, the results do not. Closing the iterator, or a monitor that says so, stops
    all work within a fraction of a second.

    Parameters
    ----------
    study : Study
    monitor : Monitor, optional
    """
    tasks = model_tasks(study.spec)
    stop = _Stop()
    candidates = study.candidates()

    def job(task: ModelTask) -> Callable[[], ModelResult]:
        return lambda: _run(study, candidates, task, stop)

    with single_thread(), ThreadPoolExecutor(study.spec.workers) as workers:
        waiting: set[Future[ModelResult]] = {workers.submit(job(task)) for task in tasks}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=PATIENCE, return_when=FIRST_COMPLETED)
                monitor.checkpoint()
                monitor.report(1.0 - len(waiting) / len(tasks), "training models")
                for future in done:
                    yield future.result()
        finally:
            stop.event.set()
            for future in waiting:
                future.cancel()


def keep_points(
    study: Study, method: str, kept: float, *, seed: int = 0, candidates: Candidates | None = None,
    monitor: Monitor = SILENT,
) -> IntArray:  # fmt: skip
    """Return the rows of the pool that a method keeps, without training anything.

    `candidates` spares their making (`Study.candidates`) where many are asked for; the other
    parameters are those of `train_model`.
    """
    candidates = study.candidates() if candidates is None else candidates
    return _kept_rows(study, candidates, ModelTask(method, kept, seed), monitor)


def train_task(study: Study, task: ModelTask, *, monitor: Monitor = SILENT) -> ModelResult:
    """Train one of the models that `model_tasks` lists."""
    with single_thread():
        return _run(study, study.candidates(), task, monitor)


def train_model(
    study: Study, method: str, kept: float, *, seed: int = 0, candidates: Candidates | None = None,
    monitor: Monitor = SILENT,
) -> ModelResult:  # fmt: skip
    """Train one model: the one that `compare_density` would yield for the same settings.

    Parameters
    ----------
    study : Study
    method : str
        A name in `PRUNINGS`, with options or not, or "full".
    kept : float
        Share of the points (or snapshots) to keep.
    seed : int
    candidates : Candidates, optional
    monitor : Monitor, optional
    """
    candidates = study.candidates() if candidates is None else candidates
    monitor.report(0.0, f"training {method}")
    with single_thread():
        return _run(study, candidates, ModelTask(method, kept, seed), monitor)
