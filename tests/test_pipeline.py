"""The stage graph: what is computed once, and what is forgotten first."""

from __future__ import annotations

import dataclasses
import filecmp
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from makers import Recorder, make_dataset
from numpy.testing import assert_array_equal, assert_equal
from scipy import sparse

import analytics.pipeline as stages
from analytics.data.dataset import Dataset, Record
from analytics.descriptors.base import DESCRIPTORS
from analytics.descriptors.channels import SpeciesDistanceSpec
from analytics.descriptors.distances import DistanceSpec, describe
from analytics.descriptors.stored import StoredSpec
from analytics.evaluation.redundancy import redundancy
from analytics.information.analysis import Analysis
from analytics.information.kernel import KernelSpec
from analytics.pipeline import Pipeline
from analytics.runtime.cache import Cache
from analytics.runtime.errors import Cancelled
from analytics.runtime.store import Store
from analytics.runtime.workers import Workers
from analytics.selection.base import METHODS, Selection, select

CARBON = Path(__file__).parents[1] / "assets" / "carbon.xyz.gz"


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset([4, 8, 5, 7, 8], isolated=1)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(Cache(store=Store(tmp_path)))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the stages that really ran."""
    made: list[str] = []

    def counted(name: str):
        original = getattr(stages, name)

        def run(*arguments: object, **options: object) -> object:
            made.append(name)
            return original(*arguments, **options)

        return run

    for name in ("describe", "analyse", "select", "prefix_metrics", "embed_pca", "embed_umap"):
        monkeypatch.setattr(stages, name, counted(name))
    return made


def test_every_stage_runs_once(pipeline: Pipeline, dataset: Dataset, calls: list[str]) -> None:
    for _ in range(2):
        analysis = pipeline.analyse(dataset)
        order = pipeline.select(analysis, "facility_location", keep=[2, 1])
        pipeline.retention(analysis, order)
        pipeline.embed(analysis.descriptors)
    assert calls == ["describe", "analyse", "select", "prefix_metrics", "embed_pca"]
    assert pipeline.analyse(dataset) is analysis
    assert pipeline.describe(dataset) is analysis.descriptors
    assert pipeline.select(analysis, "facility_location", keep=[1, 2]) is order
    assert len(order) == 5


def test_what_differs_is_made_anew(pipeline: Pipeline, dataset: Dataset, calls: list[str]) -> None:
    one = pipeline.analyse(dataset)
    wide = pipeline.analyse(dataset, kernel=KernelSpec(0.1))
    assert wide.descriptors is one.descriptors
    few = pipeline.analyse(dataset, DistanceSpec(k=4))
    assert few.descriptors.values.shape[1] == 7
    orders = [
        pipeline.select(one, "random"),
        pipeline.select(one, "random", seed=1),
        pipeline.select(one, "random", drop=[0]),
        pipeline.select(wide, "random"),
        pipeline.select(one, "msc"),
    ]
    assert len({id(order) for order in orders}) == 5
    assert calls.count("describe") == 2
    assert calls.count("analyse") == 3


def test_equal_data_under_another_name(pipeline: Pipeline, dataset: Dataset) -> None:
    one = pipeline.analyse(dataset)
    renamed = dataclasses.replace(dataset, name="copy.xyz")
    two = pipeline.analyse(renamed)
    assert two.kernel is one.kernel
    assert (one.summary()["name"], two.summary()["name"]) == ("made.xyz", "copy.xyz")


def test_the_least_recently_used_goes_first(
    tmp_path: Path, dataset: Dataset, calls: list[str]
) -> None:
    cache = Cache(store=Store(tmp_path, limit=0))
    pipeline = Pipeline(cache)
    analysis = pipeline.analyse(dataset)  # three results: descriptors, width and analysis
    pipeline.select(analysis, "random")
    cache.limit = cache.size
    pipeline.width(dataset, pipeline.describe(dataset))
    pipeline.select(analysis, "random", seed=1)  # the analysis is forgotten, the oldest of all
    calls.clear()
    pipeline.describe(dataset)
    pipeline.select(analysis, "random")
    assert calls == []
    pipeline.analyse(dataset)
    assert calls == ["analyse"]


def test_a_cancelled_stage_leaves_nothing_behind(
    pipeline: Pipeline, dataset: Dataset, calls: list[str]
) -> None:
    analysis = pipeline.analyse(dataset)
    with pytest.raises(Cancelled):
        pipeline.select(analysis, "msc", monitor=Recorder(cancel_at=2))
    assert len(pipeline.select(analysis, "msc")) == 5
    assert calls.count("select") == 2


def test_progress_covers_description_and_analysis(pipeline: Pipeline, dataset: Dataset) -> None:
    told = Recorder()
    pipeline.analyse(dataset, monitor=told)
    assert told.fractions == sorted(told.fractions)
    assert told.fractions[-1] == 1.0


def test_retention_runs_over_the_grid(pipeline: Pipeline, dataset: Dataset) -> None:
    analysis = pipeline.analyse(dataset)
    found = pipeline.retention(analysis, pipeline.select(analysis, "random"))
    assert found.sizes.tolist() == [1, 2, 3, 4, 5]
    assert found.overlap[-1] == 1
    none = pipeline.select(analysis, "random", drop=range(6))
    assert len(pipeline.retention(analysis, none).sizes) == 0


def test_what_is_not_nested_is_run_for_each_size(pipeline: Pipeline, dataset: Dataset) -> None:
    analysis = pipeline.analyse(dataset)
    two, three = (pipeline.select(analysis, "kmeans", size=m) for m in (2, 3))
    assert (len(two), len(three)) == (2, 3)
    assert pipeline.select(analysis, "kmeans", size=2) is two
    whole = pipeline.select(analysis, "random", size=2)
    assert len(whole) == 5  # nested: one order for all
    curve = pipeline.retention(analysis, two)
    assert curve.sizes.tolist() == [1, 2, 3, 4, 5]
    assert pipeline.retention(analysis, three) is curve
    expected = pipeline.select(analysis, "kmeans", size=4)
    environments = analysis.sizes[expected.positions].sum()
    assert curve.environments[3] == environments


def run_all(
    pipeline: Pipeline,
    dataset: Dataset,
    descriptor: object = None,
    maps: tuple[str, ...] = ("PCA",),
) -> list[object]:
    """Every stage once; UMAP, which compiles for long, only where it is asked for."""
    analysis = pipeline.analyse(dataset, descriptor, KernelSpec(0.1))
    order = pipeline.select(analysis, "facility_location", keep=[2])
    return [
        pipeline.check(dataset),
        analysis.descriptors,
        analysis,
        order,
        pipeline.retention(analysis, order),
        *(pipeline.embed(analysis.descriptors, name) for name in maps),
    ]


@pytest.mark.parametrize(
    ("descriptor", "maps"), [(None, ("PCA", "UMAP")), (SpeciesDistanceSpec(k=4), ("PCA",))]
)
def test_a_new_process_finds_every_stage_on_disk(
    tmp_path: Path, dataset: Dataset, calls: list[str], descriptor: object, maps: tuple[str, ...]
) -> None:
    made = run_all(Pipeline(Cache(store=Store(tmp_path))), dataset, descriptor, maps)
    assert len(calls) == 4 + len(maps)
    calls.clear()
    kept = run_all(Pipeline(Cache(store=Store(tmp_path))), dataset, descriptor, maps)
    assert calls == []
    for one, two in zip(made, kept, strict=True):
        assert type(one) is type(two)
        assert_equal_fields(one, two)
    analysis = kept[2]
    assert analysis.dataset is dataset
    assert analysis.summary() == made[2].summary()
    loaded, fresh = (Pipeline(Cache(store=Store(tmp_path / name))) for name in ("a", "b"))
    order = loaded.select(analysis, "msc")  # works on what was loaded
    assert_array_equal(order.structures, fresh.select(made[2], "msc").structures)


def assert_equal_fields(one: object, two: object) -> None:
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(two, field.name)
        if sparse.issparse(a):
            assert_array_equal(a.toarray(), b.toarray())
        elif isinstance(a, np.ndarray):
            assert (a.dtype, a.flags.writeable) == (b.dtype, b.flags.writeable), field.name
            assert_array_equal(a, b)
        elif dataclasses.is_dataclass(a):
            assert_equal_fields(a, b)
        elif field.name == "findings":
            assert [f.code for f in a] == [f.code for f in b]
        else:
            assert type(a) is type(b)
            assert a == b or a != a, field.name  # NaN equals nothing, itself included


def test_damaged_entries_are_made_again(tmp_path: Path, dataset: Dataset, calls: list[str]) -> None:
    made = run_all(Pipeline(Cache(store=Store(tmp_path))), dataset)
    for entry in tmp_path.glob("*.entry"):
        content = bytearray(entry.read_bytes())
        content[-3] ^= 0x40
        entry.write_bytes(content)
    calls.clear()
    again = run_all(Pipeline(Cache(store=Store(tmp_path))), dataset)
    assert len(calls) == 5
    assert_array_equal(again[-1].xy, made[-1].xy)


def test_results_of_other_code_are_not_taken(
    tmp_path: Path, dataset: Dataset, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Pipeline(Cache(store=Store(tmp_path))).analyse(dataset)
    monkeypatch.setattr("analytics.runtime.cache.code_version", lambda *_: "another version")
    calls.clear()
    Pipeline(Cache(store=Store(tmp_path))).analyse(dataset)
    assert calls == ["describe", "analyse"]


def test_what_cannot_be_packed_stays_in_memory(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "describe", lambda *_, **__: {"a": object()})
    pipeline = Pipeline(Cache(store=Store(tmp_path)))
    assert pipeline.describe(dataset) is pipeline.describe(dataset)
    assert list(tmp_path.iterdir()) == []


def test_stored_arrays_are_part_of_the_key(pipeline: Pipeline, dataset: Dataset) -> None:
    """Two files with the same atoms and other features have the same fingerprint."""
    found = []
    for value in (1.0, 2.0):
        records = tuple(Record({}, {"f": np.full((n, 1), value)}) for n in dataset.sizes)
        found.append(pipeline.describe(dataclasses.replace(dataset, records=records),
                                       StoredSpec("f")))  # fmt: skip
    assert [x.values[0, 0] for x in found] == [1.0, 2.0]


def test_an_unknown_map(pipeline: Pipeline, dataset: Dataset) -> None:
    with pytest.raises(ValueError, match="map is 't-SNE', not PCA or UMAP"):
        pipeline.embed(pipeline.describe(dataset), "t-SNE")


def test_exact_scores_are_computed_once(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.information.analysis.SAMPLE", 5)
    monkeypatch.setenv("WINNOW_MEMORY_GB", "1e-9")
    pipeline = Pipeline(Cache(store=Store(tmp_path)))
    sampled = pipeline.analyse(dataset)
    assert (sampled.sampled, sampled.exact) == (5, False)
    refined = pipeline.refine(sampled)
    assert refined.exact
    assert pipeline.refine(refined) is refined

    @wraps(stages.refine)  # counts as the same code
    def computed_again(*_: Any, **__: Any) -> None:
        pytest.fail("computed again")

    monkeypatch.setattr(stages, "refine", computed_again)
    assert pipeline.refine(sampled).outliers is refined.outliers
    again = Pipeline(Cache(store=Store(tmp_path)))
    np.testing.assert_array_equal(
        again.refine(again.analyse(dataset)).outliers.environment, refined.outliers.environment
    )
    curve = again.retention(refined, again.select(refined, "random"))
    assert curve.sampled == 5
    monkeypatch.setenv("WINNOW_MEMORY_GB", "1")
    whole = pipeline.analyse(dataset)
    assert whole.sampled is None
    assert pipeline.refine(whole) is whole


def test_a_certificate_is_worked_out_once(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.information.analysis.SAMPLE", 5)
    monkeypatch.setenv("WINNOW_MEMORY_GB", "1e-9")
    pipeline = Pipeline(Cache(store=Store(tmp_path)))
    sampled = pipeline.analyse(dataset)
    stated = pipeline.certify(sampled, error=0.1)
    assert stated.certificate is not None
    assert stated.entropy_error <= 0.1
    again = Pipeline(Cache(store=Store(tmp_path)))
    monkeypatch.setattr("analytics.information.analysis.bounded_kernel_sums", None)
    assert again.certify(sampled, error=0.1).certificate == stated.certificate
    assert pipeline.certify(pipeline.refine(stated)).exact


def test_a_refined_analysis_keeps_the_orders_that_do_not_use_its_scores(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINNOW_MEMORY_GB", "1e-9")
    monkeypatch.setattr("analytics.information.analysis.SAMPLE", 20)
    pipeline = Pipeline(Cache(store=Store(tmp_path / "cache")))
    sampled = pipeline.analyse(dataset)
    assert not sampled.exact
    names = ("facility_location", "random", "outlier_score", "ccs")
    specs = {"ccs": METHODS["ccs"].spec(score="outlier_score")}
    before = {name: pipeline.select(sampled, name, spec=specs.get(name)) for name in names}
    refined = pipeline.refine(sampled)
    made: list[str] = []
    real = stages.select

    def noted(analysis: Analysis, method: str, **options: Any) -> Selection:
        made.append(method)
        return real(analysis, method, **options)

    monkeypatch.setattr(stages, "select", noted)
    for name in names:
        again = pipeline.select(refined, name, spec=specs.get(name))
        assert again.source == refined.fingerprint != sampled.fingerprint
        expected = select(refined, name, spec=specs.get(name)).structures
        assert_array_equal(again.structures, expected)
        assert len(again) == len(before[name])
    assert made == ["outlier_score", "ccs"]


def test_redundancy_is_kept_for_each_way_to_class_structures(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline(Cache(store=Store(tmp_path)))
    analysis = pipeline.analyse(dataset)
    found = pipeline.redundancy(analysis)
    assert_equal(list(map(asdict, found)), list(map(asdict, redundancy(analysis))))
    assert len(found) == 4  # three classes
    single = dataclasses.replace(dataset, config_type=np.full(dataset.n_structures, "one"))
    assert len(pipeline.redundancy(pipeline.analyse(single))) == 1
    monkeypatch.setattr(stages, "redundancy", lambda *_, **__: pytest.fail("measured again"))
    again = Pipeline(Cache(store=Store(tmp_path)))
    kept = again.redundancy(again.analyse(dataset))
    assert_equal(list(map(asdict, kept)), list(map(asdict, found)))


# ---- in worker processes ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    made = Workers(1)
    yield made
    made.close()


@pytest.mark.parametrize("limit", [10**9, 0])
def test_every_stage_gives_the_same_in_a_worker(
    tmp_path: Path, dataset: Dataset, workers: Workers, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """With a store, which the worker writes to, and without one."""

    def stages_of(pipeline: Pipeline) -> list[object]:
        made = run_all(pipeline, dataset, SpeciesDistanceSpec(k=4))
        return [
            *made,
            *pipeline.redundancy(made[2]),
            pipeline.retention(made[2], pipeline.select(made[2], "kmeans", size=2)),
            pipeline.read(CARBON, {"energy_key": ""}),
        ]

    here = stages_of(Pipeline(Cache(store=Store(tmp_path / "here"))))
    monkeypatch.setattr("analytics.runtime.workers._Job.here", lambda *_: pytest.fail("here"))
    store = Store(tmp_path / "there", limit)
    there = stages_of(Pipeline(Cache(store=store), workers=workers))
    for one, two in zip(here, there, strict=True):
        assert type(one) is type(two)
        assert_equal_fields(one, two)
    assert there[2].dataset is dataset
    assert there[2].descriptors is there[1]
    names, kept = (
        {f.name for f in (tmp_path / each).glob("*.entry")} for each in ("here", "there")
    )
    assert kept == (names if limit else set())
    for name in kept:
        assert filecmp.cmp(tmp_path / "here" / name, tmp_path / "there" / name, shallow=False), name


def test_exact_scores_are_the_same_in_a_worker(
    tmp_path: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch, workers: Workers
) -> None:
    monkeypatch.setenv("WINNOW_MEMORY_GB", "1e-9")
    monkeypatch.setattr("analytics.information.analysis.SAMPLE", 5)
    sampled = Pipeline(Cache(store=Store(tmp_path / "sampled"))).analyse(dataset)
    assert not sampled.exact
    here, there = (
        Pipeline(Cache(store=Store(tmp_path / name)), workers=w)
        for name, w in (("here", None), ("there", workers))
    )
    assert_equal_fields(here.refine(sampled).outliers, there.refine(sampled).outliers)


@dataclasses.dataclass(frozen=True)
class OwnSpec:
    """A descriptor that only this process knows, as a notebook may define one."""

    k: int = 4


def test_a_descriptor_of_a_notebook_is_computed_here(
    tmp_path: Path, dataset: Dataset, workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OwnSpec, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "OwnSpec", OwnSpec, raising=False)

    def own(dataset: Dataset, spec: OwnSpec, *, monitor: Any) -> Any:
        return dataclasses.replace(describe(dataset, DistanceSpec(k=spec.k)), spec=spec)

    monkeypatch.setitem(DESCRIPTORS._items, "own", (OwnSpec, own))
    found = Pipeline(Cache(store=Store(tmp_path)), workers=workers).describe(dataset, OwnSpec())
    assert_array_equal(found.values, describe(dataset, DistanceSpec(k=4)).values)


def test_a_cancelled_stage_leaves_its_worker(
    tmp_path: Path, dataset: Dataset, workers: Workers
) -> None:
    pipeline = Pipeline(Cache(store=Store(tmp_path)), workers=workers)
    with pytest.raises(Cancelled):
        pipeline.describe(dataset, monitor=Recorder(cancel_at=1))
    assert pipeline.describe(dataset).n_environments == 32
