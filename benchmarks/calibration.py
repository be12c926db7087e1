"""Which metric of a kept set foretells the error of the potential that is trained on it?

    python -m benchmarks calibration                    # all sets, both models, and the tables
    python -m benchmarks calibration Si water           # some of them
    python -m benchmarks calibration ace random Si      # one model, one split
    python -m benchmarks calibration table              # the tables of what was measured already

For each labelled set, split and resample 47 subsets of a tenth of the pool (`comparable_subsets`)
are fitted, and every metric of a kept set, at every width, is correlated with the errors by rank
(Spearman, +1: as it should be). Which metric and which rule for the width is then chosen on all
other sets and judged on the one left out. Results are kept in WINNOW_RESULTS (default: in the
working folder, calibration.jsonl), a line for each set, model and split, so that it can go on.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import winnow_atomistic as winnow
from analytics.descriptors.base import DESCRIPTORS, Descriptors
from analytics.evaluation.calibration import ALIKE, REPEATS
from analytics.evaluation.comparable_subsets import (
    FEWEST_SUBSETS,
    ComparableSubsets,
    comparable_subsets,
    reliability_of,
)
from analytics.evaluation.ranking import rank_correlation
from analytics.evaluation.retrain.errors import make_test
from analytics.evaluation.retrain.ground import Ground, make_file_test, prepare_ground
from analytics.information.analysis import Analysis, analyse
from analytics.information.bandwidth import atomic_volume, bandwidth_by_volume
from analytics.information.kernel import KernelSpec
from analytics.information.width_sums import WidthSums, width_sums
from analytics.potential.spec import AceSpec, PotentialSpec, RetrainSpec
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.errors import InputError
from benchmarks.labelled_sets import LABELLED, load, load_test, present

SPLITS = ("random", "high_force", "class", "published")
RESAMPLES = {"random": 3, "high_force": 2, "class": 2, "published": 2}
CLASSES = 2  # left out, of each set
DEMAND = 1_000  # environments to be predicted that metrics are averaged over
PUBLISHED = 0.015
#: In units of the median distance to the nearest environment of a uniform tenth.
FACTORS = 2.0 ** np.arange(-4.5, 3.01, 0.5)
CAPS = (10, 20, 40)
VENDI = 60  # environments of each subset that its Vendi score is of
TEST_STRUCTURES = 60  # of a published test
FORMS = ("distances", "species_distances")
#: Sets of several elements, described with them as well.
SPECIES = ("nbmotaw", "tial", "wbe", "nimo", "pbte", "sio", "water", "aspirin")


def results_file() -> Path:
    return Path(os.environ.get("WINNOW_RESULTS", "calibration.jsonl"))


@lru_cache(maxsize=1)
def analysed(name: str, form: str) -> Analysis:
    """Return a set with descriptors; of its kernels only what little is needed here."""
    data, spec = load(name), DESCRIPTORS[form][0]()
    return analyse(data, winnow.describe(data, spec), KernelSpec(PUBLISHED), sample=10)


# ------------------------------------------------------------------------------ measuring


def measured(name: str, split: str, model: PotentialSpec, form: str) -> Iterator[dict[str, Any]]:
    """Yield a record of every resample and test of a split."""
    analysis = analysed(name, form)
    resamples = RESAMPLES[split]
    ground = prepare_ground(
        analysis,
        split if split == "high_force" else "random",
        resamples=5,  # as the page and other benchmarks ask: the rows are shared
        spec=model,
    )
    for resample in range(resamples):
        for test, subsets, target in _trials(name, split, ground, resample):
            yield _record(ground, resample, test, subsets, target)


def _trials(
    name: str, split: str, ground: Ground, resample: int
) -> Iterator[tuple[str, ComparableSubsets, FloatArray]]:
    """Yield a test, subsets fitted for it, and the environments it is about."""
    described = ground.analysis.descriptors
    if split in ("random", "high_force"):
        found = comparable_subsets(ground, resample, seed=resample)
        yield "hold_out", found, _environments(described, found.held_out)
    elif split == "class":
        labels = ground.analysis.dataset.config_type[ground.rows]
        every = np.concatenate([ground.splits[0].pool, ground.splits[0].held_out])
        names, counts = np.unique(labels[every], return_counts=True)
        for out in names[(counts >= 5) & (counts <= 0.6 * len(every))][:CLASSES]:
            test = np.sort(every[labels[every] == out])
            pool = ground.splits[resample].pool
            pool = pool[labels[pool] != out]
            asked = {"class": make_test("class", ground.equations, test)}
            found = comparable_subsets(ground, resample, seed=resample, tests=asked, pool=pool)
            places = np.searchsorted(described.structures, ground.rows[test])
            yield f"class {out}", found, _environments(described, places)
    else:
        for file in LABELLED[name].tests:
            data = load_test(name, file)
            drawn = np.random.default_rng(0).permutation(data.n_structures)[:TEST_STRUCTURES]
            data = data.take(np.sort(drawn))
            asked = {"published": make_file_test(ground, file, data)}
            found = comparable_subsets(ground, resample, seed=resample, tests=asked)
            yield file, found, winnow.describe(data, described.spec).values


def _environments(described: Descriptors, places: IntArray) -> FloatArray:
    return described.values[ragged_rows(described.structure_offsets, places)]


def _some(x: FloatArray, seed: int) -> IntArray:
    return np.sort(np.random.default_rng(seed).permutation(len(x))[:DEMAND])


def _record(
    ground: Ground, resample: int, test: str, subsets: ComparableSubsets, target: FloatArray
) -> dict[str, Any]:
    described = ground.analysis.descriptors
    x = _environments(described, subsets.pool)
    sizes = np.diff(described.structure_offsets)[subsets.pool]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    own_rows, rows = _some(x, resample), _some(target, resample)
    unit = _typical_distance(target[rows], x, offsets, subsets)
    widths = named_widths(ground.analysis, unit)
    asked = list(widths.values())
    to_target = width_sums(target[rows], x, offsets, asked)
    to_own = width_sums(x[own_rows], x, offsets, asked)
    owner = np.searchsorted(offsets, own_rows, side="right") - 1
    kept = subsets.members @ sizes
    inside = subsets.members[:, owner]
    found: dict[str, dict[str, list[FloatArray]]] = {"target": {}, "pool": {}}
    for demand, sums in (("target", to_target), ("pool", to_own)):
        found[demand] = metrics_of(sums, to_own, subsets.members, inside, kept)
    found["pool"] |= inner_metrics(to_own, subsets.members, inside, kept, x[own_rows])
    found["target"]["imbalance"] = [-_imbalance(target[rows], x, offsets, subsets.members)]
    found["pool"]["imbalance"] = [-_imbalance(x[own_rows], x, offsets, subsets.members)]
    name = next(n for n in ("class", "published", "hold_out") if n in subsets.force)
    force, energy = subsets.force[name], subsets.energy[name]
    coverage = found["target"]["coverage"]
    return {
        "test": test,
        "resample": resample,
        "environments": len(x),
        "structures": int(subsets.members[0].sum()),
        "widths": widths,
        "covered": [float(c[subsets.uniform].mean()) for c in coverage],
        "force": force.tolist(),
        "energy": energy.tolist(),
        "uniform": subsets.uniform.tolist(),
        "reliability": reliability_of(subsets.halves),
        "whole": list(subsets.whole),
        "rho": {
            demand: {
                metric: [
                    [rank_correlation(v, -e, least=FEWEST_SUBSETS) for e in (force, energy)]
                    for v in values
                ]
                for metric, values in metrics.items()
            }
            for demand, metrics in found.items()
        },
    }


def named_widths(analysis: Analysis, unit: float) -> dict[str, float]:
    """Return the widths to measure by the name of their rule."""
    found = {f"{factor:.3g}": float(unit * factor) for factor in FACTORS}
    found["published"] = PUBLISHED
    volume = atomic_volume(analysis.dataset)
    if volume.n_structures:
        found["volume"] = bandwidth_by_volume(volume.median)
    return found


def metrics_of(
    sums: WidthSums,
    own: WidthSums,
    members: npt.NDArray[np.bool_],
    inside: npt.NDArray[np.bool_],
    kept: IntArray,
) -> dict[str, list[FloatArray]]:
    """Return each metric of what is to be predicted at each width, high for good, (n_subsets,)."""
    found: dict[str, list[FloatArray]] = {"nearest": [-sums.nearest(members).mean(axis=1)]}
    for k in range(len(sums.widths)):
        p, q = sums.of(members, k), own.of(members, k)
        logs = np.log(np.maximum(p, 1e-300))
        at = {
            "coverage": (-logs < 1e-5).mean(axis=1),
            "coverage 1 nat": (-logs < 1.0).mean(axis=1),
            "unclipped": -np.clip(-logs, -np.inf, 40.0).mean(axis=1),
            "mmd": -(_mean_where(inside, q) / kept - 2 * p.mean(axis=1) / kept),
        }
        at |= {f"mean dH {cap}": -np.clip(-logs, 0.0, cap).mean(axis=1) for cap in CAPS}
        for metric, values in at.items():
            found.setdefault(metric, []).append(values)
    return found


def inner_metrics(
    own: WidthSums,
    members: npt.NDArray[np.bool_],
    inside: npt.NDArray[np.bool_],
    kept: IntArray,
    x: FloatArray,
) -> dict[str, list[FloatArray]]:
    """Return metrics of what is kept by itself at each width, (n_subsets,)."""
    found: dict[str, list[FloatArray]] = {"environments": [kept.astype(float)]}
    squares = _squares(x)
    chosen = [np.flatnonzero(each)[:VENDI] for each in inside]
    for k, width in enumerate(own.widths):
        logs = np.log(np.maximum(own.of(members, k), 1e-300))
        vendi = np.array([_vendi(squares[np.ix_(each, each)], float(width)) for each in chosen])
        for metric, values in (
            ("entropy", np.log(kept) - _mean_where(inside, logs)),
            ("vendi", vendi),
        ):
            found.setdefault(metric, []).append(values)
    return found


def _mean_where(inside: npt.NDArray[np.bool_], values: FloatArray) -> FloatArray:
    return np.asarray((values * inside).sum(axis=1) / np.maximum(1, inside.sum(axis=1)))


def _squares(x: FloatArray) -> FloatArray:
    x = np.asarray(x - x.mean(axis=0), dtype=np.float64)
    norms = (x**2).sum(axis=1)
    return np.asarray(np.maximum(norms[:, None] + norms - 2 * x @ x.T, 0.0))


def _vendi(squares: FloatArray, width: float) -> float:
    """Return the logarithm of the Vendi score: von Neumann entropy of K / n.

    Friedman, Dieng, Trans. Mach. Learn. Res. (2023), arXiv:2210.02410.
    """
    n = len(squares)
    if n < 2:
        return 0.0
    values = np.linalg.eigvalsh(np.exp(-0.5 * squares / width**2) / n)
    values = values[values > 1e-12]
    return float(-(values * np.log(values)).sum())


def _typical_distance(
    y: FloatArray, x: FloatArray, offsets: IntArray, subsets: ComparableSubsets
) -> float:
    """Return the median distance to the nearest environment of a uniform tenth."""
    sums = width_sums(y[:: 1 + len(y) // 300], x, offsets, [])
    return float(np.median(sums.nearest(subsets.members[subsets.uniform])))


def _imbalance(
    y: FloatArray, x: FloatArray, offsets: IntArray, members: npt.NDArray[np.bool_]
) -> FloatArray:
    """Return the mean rank, among all of the pool, of the nearest environment that is kept.

    The information imbalance of Glielmo et al., PNAS Nexus 1, pgac039 (2022), between the pool
    and what is kept of it, in units of its largest value.
    """
    centre = x.mean(axis=0)
    x, y = np.asarray(x - centre, dtype=np.float64), np.asarray(y - centre, dtype=np.float64)
    norms, total = (x**2).sum(axis=1), np.zeros(len(members))
    for start in range(0, len(y), 64):
        some = y[start : start + 64]
        squares = (norms - 2 * some @ x.T).astype(np.float32)
        by_structure = np.minimum.reduceat(squares, offsets[:-1], axis=1)
        nearest = np.stack([by_structure[:, m].min(axis=1) for m in members], axis=1)
        ordered = np.sort(squares, axis=1)
        for row, values in zip(ordered, nearest, strict=True):
            total += np.searchsorted(row, values)
    return np.asarray(2 * total / len(y) / len(x))


def measure(
    names: Sequence[str], models: Mapping[str, PotentialSpec], form: str, splits: Sequence[str]
) -> None:
    """Append what is not there yet."""
    done = {(r["set"], r["model"], r["split"], r["descriptor"]) for r in records()}
    for model, spec in models.items():
        for name in names:
            for split in splits:
                if (name, model, split, form) in done:
                    continue
                start, cpu = time.perf_counter(), time.process_time()
                try:
                    trials = list(measured(name, split, spec, form))
                except InputError as error:
                    trials = []
                    print(f"{name}, {split}: {error}")
                line = {"set": name, "model": model, "split": split, "descriptor": form}
                with results_file().open("a") as file:
                    file.write(json.dumps(line | {"trials": trials}) + "\n")
                print(
                    f"{name}, {model}, {split}: {len(trials)} trials, "
                    f"{time.perf_counter() - start:.0f} s, {time.process_time() - cpu:.0f} s of "
                    "processor",
                    flush=True,
                )


def records() -> list[dict[str, Any]]:
    """Return what was measured: a record for each set, model and split."""
    if not results_file().exists():
        return []
    return [json.loads(line) for line in results_file().read_text().splitlines()]


# --------------------------------------------------------------------------------- tables

#: What is compared in the tables, and at which rules for the width.
ALONE = ("entropy", "vendi", "environments")  # of the kept set by itself
RULES = {"auto/4": 0.25, "auto/2": 0.5, "auto": 1.0, "2 auto": 2.0}
SHOWN = (
    ("mean dH 40", "auto"), ("mean dH 40", "auto/2"), ("mean dH 40", "auto/4"),
    ("mean dH 20", "auto/2"), ("mean dH 10", "auto/2"), ("mean dH 40", "published"),
    ("unclipped", "auto"), ("unclipped", "auto/2"), ("coverage", "auto"), ("coverage", "2 auto"),
    ("coverage", "published"), ("coverage", "volume"), ("coverage 1 nat", "auto"), ("mmd", "auto"),
    ("entropy", "auto"), ("vendi", "auto"), ("nearest", ""), ("imbalance", ""),
    ("environments", ""),
)  # fmt: skip


def auto_width(trials: Sequence[Mapping[str, Any]]) -> float:
    """Return the width at which a uniform tenth covers 90 % of what is held out at random."""
    found = []
    for trial in trials:
        names = [f"{factor:.3g}" for factor in FACTORS]
        widths = np.log([trial["widths"][name] for name in names])
        shares = np.maximum.accumulate(trial["covered"][: len(names)])
        found.append(np.interp(0.9, shares + 1e-9 * np.arange(len(shares)), widths))
    return float(np.exp(np.mean(found)))


def scores_of(record: Mapping[str, Any], auto: float, quantity: int) -> pd.DataFrame:
    """Return the correlation of every metric and rule, a row for each trial and demand."""
    rows = []
    for trial in record["trials"]:
        grid = np.log([trial["widths"][f"{factor:.3g}"] for factor in FACTORS])
        places = {
            rule: int(np.abs(grid - np.log(auto * factor)).argmin())
            for rule, factor in RULES.items()
        }
        names = list(trial["widths"])
        places |= {name: names.index(name) for name in ("published", "volume") if name in names}
        alone = {n: v for n, v in trial["rho"]["pool"].items() if n in ALONE}
        for demand, metrics in trial["rho"].items():
            metrics = metrics | alone
            row = {"set": record["set"], "split": record["split"], "demand": demand}
            for metric, values in metrics.items():
                if len(values) == 1:
                    row[f"{metric} "] = values[0][quantity]
                else:
                    row |= {f"{metric} {r}": values[k][quantity] for r, k in places.items()}
            rows.append(row)
    return pd.DataFrame(rows)


def rankable(record: Mapping[str, Any]) -> bool:
    """Whether the errors of a split differ by a tenth, and repeat from half to half."""
    spans, repeats = [], []
    for trial in record["trials"]:
        force = np.array(trial["force"])
        spans.append(float(np.diff(np.quantile(force, [0.05, 0.95]))[0] / np.median(force)))
        repeats.append(trial["reliability"])
    # the halves are those of the random hold-out, whatever is tested
    asked = record["split"] not in ("random", "high_force")
    return bool(spans) and np.mean(spans) >= ALIKE and (asked or np.mean(repeats) >= REPEATS)


def table(model: str, form: str) -> None:
    """Print which metric foretells errors best, in and out of distribution, out of sample."""
    found = [r for r in records() if r["model"] == model and r["descriptor"] == form]
    by_set = {r["set"]: r["trials"] for r in found if r["split"] == "random" and r["trials"]}
    autos = {name: auto_width(trials) for name, trials in by_set.items()}
    print(f"\n{model}, {form}: {len(autos)} sets")
    _print_sets(found, autos)
    columns: dict[str, pd.DataFrame] = {}
    for title, quantity, splits, demand in (
        ("force hold-out", 0, SPLITS[:1], "target"),
        ("force hold-out*", 0, SPLITS[:1], "pool"),
        ("energy hold-out", 1, SPLITS[:1], "target"),
        ("force elsewhere", 0, SPLITS[1:], "target"),
        ("force elsewhere*", 0, SPLITS[1:], "pool"),
        ("energy elsewhere", 1, SPLITS[1:], "target"),
    ):
        chosen = [r for r in found if r["split"] in splits and r["set"] in autos and rankable(r)]
        if chosen:
            frame = pd.concat([scores_of(r, autos[r["set"]], quantity) for r in chosen])
            own = frame[frame.demand == demand].drop(columns=["demand"])
            means = own.groupby(["set", "split"]).mean(numeric_only=True)
            # the same for all subsets: it ranks nothing
            columns[title] = means.groupby("set").mean().fillna(0.0)
    _print_contest(columns)


def _print_sets(found: Sequence[Mapping[str, Any]], autos: Mapping[str, float]) -> None:
    print(
        f"{'':14}{'m':>3}   force error, 5-95 %   pool  repeats  auto h  coverage              "
        "mean dH\n"
        f"{'':59}published  auto       published  auto       auto/2"
    )
    for record in found:
        if record["split"] != "random" or record["set"] not in autos:
            continue
        trials = record["trials"]
        low, high = np.mean([np.quantile(t["force"], [0.05, 0.95]) for t in trials], axis=0)
        own = scores_of(record, autos[record["set"]], 0)
        own = own[own.demand == "target"]
        cells = [
            f"{own[c].mean():5.2f}±{own[c].std(ddof=1):4.2f}"
            for c in (
                "coverage published",
                "coverage auto",
                "mean dH 40 published",
                "mean dH 40 auto",
                "mean dH 40 auto/2",
            )
        ]
        print(
            f"{record['set']:14}{trials[0]['structures']:3} {low:8.3f} to {high:6.3f}"
            f"{np.mean([t['whole'][0] for t in trials]):9.3f}"
            f"{np.mean([t['reliability'] for t in trials]):7.2f} {autos[record['set']]:9.4f}  "
            + " ".join(cells)
            + ("" if rankable(record) else "  -")
        )


def _print_contest(columns: Mapping[str, pd.DataFrame]) -> None:
    """Print candidates over sets, and what choosing on all other sets gives on each."""
    print("\nrank correlation, mean over sets ± standard error, and how many sets are below 0.2")
    print("(* of the environments of the pool; the others of those that are tested)")
    for line in (0, 1):
        print(f"{'':25}" + "".join(f"{title.split()[line]:>16}" for title in columns))
    print(f"{'':25}" + "".join(f"{f'{len(means)} sets':>16}" for means in columns.values()))
    for metric, rule in SHOWN:
        name = f"{metric} {rule}"
        cells = []
        for means in columns.values():
            values = means[name] if name in means else pd.Series(dtype=float)
            error = values.std(ddof=1) / np.sqrt(max(1, len(values)))
            cells.append(f"{values.mean():5.2f} ±{error:4.2f} {int((values < 0.2).sum()):2}")
        print(f"{metric:15}{rule:10}" + "".join(f"{cell:>16}" for cell in cells))
    print("mean dH 40 auto less another, paired over sets")
    for other in ("coverage auto", "coverage published", "coverage 1 nat auto", "nearest "):
        cells = []
        for means in columns.values():
            less = means["mean dH 40 auto"] - means[other]
            cells.append(f"{less.mean():5.2f} ±{less.std(ddof=1) / np.sqrt(len(less)):4.2f}   ")
        print(f"{other:25}" + "".join(f"{cell:>16}" for cell in cells))
    print("metric and width chosen on all other sets, judged on the one left out")
    for title, means in columns.items():
        picked = {name: means.drop(index=name).mean().idxmax() for name in means.index}
        judged = [means.loc[name, column] for name, column in picked.items()]
        names = ", ".join(f"{n.strip()} ({c})" for n, c in pd.Series(picked).value_counts().items())
        print(
            f"{title:18}{np.mean(judged):5.2f} (mean dH at auto "
            f"{means['mean dH 40 auto'].mean():.2f}, best in hindsight "
            f"{means.max(axis=1).mean():.2f}); chosen: {names}"
        )


def main(words: Sequence[str] = ()) -> None:
    names = present([word for word in words if word in LABELLED] or None)
    models: dict[str, PotentialSpec] = {"gap": RetrainSpec(), "ace": AceSpec()}
    asked = {name: spec for name, spec in models.items() if name in words} or models
    splits = [split for split in SPLITS if split in words] or SPLITS
    forms = [form for form in FORMS if form in words] or list(FORMS)
    for form in forms:
        several = [n for n in names if form == FORMS[0] or n in SPECIES]
        if "table" not in words:
            measure(several, asked, form, splits)
        for model in asked:
            table(model, form)


if __name__ == "__main__":
    main(sys.argv[1:])
